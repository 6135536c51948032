"""Where training ends at each batch size: the held-out metric at equal examples and at an equal training loss."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from bs_study.analysis.fit import FloatArray
from bs_study.analysis.loss_readings import metric_readings
from bs_study.analysis.loss_variance import LossArray
from bs_study.analysis.trials import KEYS, by_batch_size
from bs_study.target import Target

Losses = Callable[[Sequence[str]], Mapping[str, LossArray]]
"""Gives the training loss of each iteration of some trials, in order."""

SMOOTHED = 0.1
"""The part of the iterations so far over which the training loss is averaged: alike for all batch sizes."""
EQUAL = 0.05
"""Trials whose examples differ by no more than this part have ended at equal examples."""

COLUMNS = ["recipe", "batch_size", "lr", "metric", "seeds", "diverged", "at_target", "examples"]
COLUMNS += [f"metric_at_examples{end}" for end in ("", "_low", "_high")] + ["training_loss"]
COLUMNS += [f"metric_at_training_loss{end}" for end in ("", "_low", "_high")] + ["examples_at_training_loss"]
COLUMNS += [f"largest_eigenvalue{end}" for end in ("", "_low", "_high")]
READINGS = [*KEYS, "status", "stop_reason", "end_examples", "largest_eigenvalue", "metric", "direction", "examples"]
READINGS += ["training_loss", "examples_at_training_loss"]
READINGS += [f"{what}_{view}" for view in ("at_examples", "at_training_loss") for what in ("metric", "best")]


def minima_readings(
    trials: pd.DataFrame,
    evaluations: pd.DataFrame,
    *,
    lrs: Mapping[tuple[str, int], float],
    target: Target | None,
    losses: Losses | None,
) -> pd.DataFrame:
    """Return the held-out metric of each trial where all are compared, a row per trial at the lr of its batch size.

    Args:
        trials: the ended ones, as `complete_trials` returns them.
        evaluations: the store's table.
        lrs: by recipe and batch size, at which each is compared.
        target: names the metric; without one there are no rows.
        losses: gives training losses; without it, none is compared at an equal training loss.

    Returns:
        recipe, trial_id, batch_size, lr, seed, status, stop_reason, end_examples (at the last look),
        largest_eigenvalue; metric, direction.
        examples: the most at which every completed trial of the recipe still has a look, there or later.
        metric_at_examples: read there as by `metric_readings`, best_at_examples: the better one at the looks around it.
        training_loss: the lowest that every completed trial has had at a look, averaged over the last tenth of its
        iterations so far.
        metric_at_training_loss, best_at_training_loss and examples_at_training_loss: where a trial first had it, the
        place between two looks by a line in the log of the loss. Missing where it was not read.
    """
    own = compared_trials(trials, lrs)
    if target is None or own.empty or target.metric not in evaluations:
        return pd.DataFrame(columns=READINGS)
    eigenvalue = own["largest_eigenvalue"].astype(float) if "largest_eigenvalue" in own else np.nan
    last_look = evaluations[evaluations[target.metric].notna()].groupby("trial_id")["examples"].max()
    own = own.assign(end_examples=own["trial_id"].map(last_look).astype(float), largest_eigenvalue=eigenvalue)
    found = [_of_recipe(part, evaluations, target, losses) for _, part in own.groupby("recipe", sort=False)]
    return pd.concat(found, ignore_index=True)[READINGS]


def compared_trials(trials: pd.DataFrame, lrs: Mapping[tuple[str, int], float]) -> pd.DataFrame:
    """Return the trials at the lr of their batch size."""
    shown = [lrs.get((recipe, size)) for recipe, size in trials[["recipe", "batch_size"]].itertuples(index=False)]
    return trials[trials["lr"] == pd.Series(shown, index=trials.index, dtype=float)]


def _of_recipe(trials: pd.DataFrame, evaluations: pd.DataFrame, target: Target, losses: Losses | None) -> pd.DataFrame:
    whole = list(trials.loc[trials["status"] == "completed", "trial_id"])
    examples = float(trials.loc[trials["status"] == "completed", "end_examples"].min())
    table = trials.drop(columns="examples").assign(metric=target.metric, direction=target.direction, examples=examples)
    curves = _curves(whole, evaluations, losses) if losses else {}
    is_known = len(whole) > 0 and len(curves) == len(whole)
    level = max(float(np.min(smooth)) for _, smooth in curves.values()) if is_known else np.nan
    at = {trial_id: _first_at(*curve, level=level) for trial_id, curve in curves.items()} if is_known else {}
    table["training_loss"] = level
    table["examples_at_training_loss"] = table["trial_id"].map(at).astype(float)
    for view, place in (("at_examples", table["examples"]), ("at_training_loss", table["examples_at_training_loss"])):
        known = place.notna()
        read = metric_readings(
            evaluations,
            trials[known],
            metric=target.metric,
            direction=target.direction,
            clock="examples",
            at=dict(zip(table.loc[known, "trial_id"], place[known], strict=True)),
        )
        for name, column in (("metric", "value"), ("best", "best")):
            table[f"{name}_{view}"] = table["trial_id"].map(dict(zip(read["trial_id"], read[column], strict=True)))
    return table


def _curves(
    trial_ids: Sequence[str], evaluations: pd.DataFrame, losses: Losses
) -> dict[str, tuple[FloatArray, FloatArray]]:
    """Return the examples of each trial's looks and its smoothed training loss there, of those that have them."""
    looks = evaluations[evaluations["trial_id"].isin(trial_ids)].sort_values("iteration", kind="stable")
    of_trial = dict(list(looks.groupby("trial_id")))
    found = {}
    for trial_id, loss in losses([trial_id for trial_id in trial_ids if trial_id in of_trial]).items():
        own = of_trial[trial_id]
        at = own["iteration"].to_numpy(int)
        is_read = (at > 0) & (at <= len(loss))
        smooth = smoothed(loss, at[is_read])
        if len(smooth) and np.isfinite(smooth).all() and (smooth > 0).all():
            found[trial_id] = (own["examples"].to_numpy(float)[is_read], smooth)
    return found


def smoothed(loss: LossArray, at: npt.NDArray[np.int64]) -> FloatArray:
    """Return the mean loss of the last tenth of the iterations up to some, at least of one.

    Args:
        loss: of each iteration in order, shape (iterations,).
        at: iterations, 1, 2, ... up to the last, shape (looks,).

    >>> smoothed(np.arange(1.0, 41.0), np.array([1, 10, 40])).tolist()
    [1.0, 10.0, 38.5]
    """
    total = np.concatenate([[0.0], np.cumsum(loss, dtype=np.float64)])
    width = np.maximum((SMOOTHED * at).astype(int), 1)
    means: FloatArray = (total[at] - total[at - width]) / width
    return means


def _first_at(examples: FloatArray, smooth: FloatArray, *, level: float) -> float:
    """Return at how many examples a smoothed loss first comes down to a level that it has; at the first look there."""
    end = int(np.argmax(smooth <= level))
    if end == 0:
        return float(examples[0])
    above, below = np.log(smooth[end - 1 : end + 1])
    share = (above - np.log(level)) / (above - below)
    return float(examples[end - 1] + share * (examples[end] - examples[end - 1]))


def minima(readings: pd.DataFrame) -> pd.DataFrame:
    """Return where training ends at each batch size, a row per recipe and batch size.

    Args:
        readings: of `minima_readings`.

    Returns:
        recipe, batch_size, lr, metric (its name); seeds that completed, those that diverged, and those that ended at
        the target. examples and training_loss at which all are compared; metric_at_examples and
        metric_at_training_loss: medians over seeds, low and high the smallest and largest; examples_at_training_loss:
        the median. largest_eigenvalue with low and high: at the end of trials, where those of all batch sizes ended
        within 5 % of equal examples.
    """
    rows = []
    for recipe, size, own in by_batch_size(readings):
        whole = own[own["status"] == "completed"]
        if whole.empty:
            continue
        first = whole.iloc[0]
        row = {"recipe": recipe, "batch_size": size, "lr": first["lr"], "metric": first["metric"]}
        row |= {"seeds": len(whole), "diverged": int((own["status"] == "diverged").sum())}
        row |= {"at_target": int((whole["stop_reason"] == "target").sum())}
        row |= {"examples": first["examples"], "training_loss": first["training_loss"]}
        row |= {"examples_at_training_loss": whole["examples_at_training_loss"].median()}
        names = ["metric_at_examples", "metric_at_training_loss"]
        for name in [*names, "largest_eigenvalue"] if is_equal_end(readings, recipe) else names:
            values = whole[name].astype(float)
            row |= {name: values.median(), f"{name}_low": values.min(), f"{name}_high": values.max()}
        rows.append(row)
    return pd.DataFrame(rows, columns=COLUMNS)


def is_equal_end(readings: pd.DataFrame, recipe: str) -> bool:
    """Return whether all completed trials of a recipe ended within 5 % of equal examples."""
    own = readings[(readings["recipe"] == recipe) & (readings["status"] == "completed")]
    return bool(own["end_examples"].max() <= (1 + EQUAL) * own["end_examples"].min())
