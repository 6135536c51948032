"""Iterations, examples and seconds to the target."""

from __future__ import annotations

import numpy as np
import pandas as pd

from bs_study.analysis.censoring import TARGET_CLOCKS, budget_text, censored_amounts, censored_text
from bs_study.analysis.trials import CELL, KEYS, complete_trials, effective_lr
from bs_study.target import Target

TIMES = [f"{clock}_to_target" for clock in ("iterations", "examples", "epochs", *TARGET_CLOCKS[2:])]
OUTCOMES = ["reached", "missed", "diverged", "out_of_memory", "failed", "not_evaluated"]
NO_ANSWER = ["failed", "not_evaluated"]
_FROM_COLUMN = {
    "iterations_to_target": "iteration",
    "examples_to_target": "examples",
    "epochs_to_target": "epoch",
    "train_seconds_to_target": "train_seconds",
    "compute_seconds_to_target": "compute_seconds",
    "wall_seconds_to_target": "wall_seconds",
    "clean_seconds_to_target": "clean_seconds",
}


def time_to_target(evaluations: pd.DataFrame, *, target: Target, clean: pd.Series[float] | None = None) -> pd.DataFrame:
    """Return what each trial took to the first evaluation that meets the target, a row per trial with evaluations.

    A trial that never met it has missing times; NaN never meets a target. Wall seconds are the training clock plus all
    evaluations up to and including that one. Clean seconds are its iterations times the seconds of one, measured alone:
    what the machine's other trials did is not in them. `best_metric` is the best value at any evaluation.

    Args:
        evaluations: the store's table, with a column for the target's metric.
        clean: seconds of an iteration by batch size, of the timing pass; clean seconds are missing without it.

    Returns:
        trial_id, batch_size, lr, seed; iterations_, examples_, epochs_, train_seconds_, compute_seconds_,
        wall_seconds_ and clean_seconds_to_target; best_metric.

    Raises:
        ValueError: no column for the target's metric.
    """
    if target.metric not in evaluations:
        raise ValueError(f"target: no metric {target.metric!r} in the evaluations. They have {_metrics(evaluations)}")
    numbers = dict.fromkeys(["train_seconds", "compute_seconds", "eval_seconds", target.metric], float)
    ordered = evaluations.sort_values(["trial_id", "iteration"], kind="stable").astype(numbers)
    pauses = ordered.groupby("trial_id")["eval_seconds"].cumsum(skipna=False)
    ordered = ordered.assign(
        wall_seconds=ordered["train_seconds"] + pauses,
        clean_seconds=_clean_seconds(ordered["iteration"], ordered["batch_size"], clean),
    )
    metric = ordered[target.metric]
    met = ordered[metric >= target.value if target.direction == "max" else metric <= target.value]
    first = met.drop_duplicates("trial_id")[["trial_id", *_FROM_COLUMN.values()]]
    first = first.rename(columns={column: time for time, column in _FROM_COLUMN.items()})
    best = metric.groupby(ordered["trial_id"]).agg(target.direction).rename("best_metric")
    times = ordered[KEYS].drop_duplicates("trial_id").merge(first, on="trial_id", how="left")
    return times.merge(best, left_on="trial_id", right_index=True, how="left").astype(dict.fromkeys(TIMES, float))


def _clean_seconds(
    iterations: pd.Series[int], batch_sizes: pd.Series[int], clean: pd.Series[float] | None
) -> pd.Series[float]:
    of_one = batch_sizes.map({} if clean is None else clean.to_dict()).astype(float)
    return iterations * of_one


def _metrics(evaluations: pd.DataFrame) -> str:
    """Return the metrics by name: the last columns, behind the schema's."""
    names = list(evaluations.columns)
    start = names.index("eval_seconds") + 1 if "eval_seconds" in names else 0
    return ", ".join(names[start:]) or "none"


def convergence(
    evaluations: pd.DataFrame, trials: pd.DataFrame, *, target: Target | None, clean: pd.Series[float] | None = None
) -> pd.DataFrame:
    """Return what each cell took to the target, a row per cell with an ended trial.

    Over seeds: the median, where a trial that missed counts as above every number, so that it can be missing; `_low`
    and `_high` are the smallest and largest (missing if a trial missed). Trials that failed or were never evaluated
    before the target are no answer and count in no median; one that failed or diverged later counts as reached.

    Args:
        trials: the ended ones; evaluations of others do not count.
        target: without one nobody reached it and nobody missed it: times are missing, the status is the trials' own.
        clean: as of `time_to_target`.

    Returns:
        batch_size, lr, effective_lr (missing where trials differ), seeds (trials), how many of them reached, missed,
        diverged, out_of_memory, failed, not_evaluated (each counted once); <clock>_to_target with _low and _high;
        best_metric with _low and _high (median, smallest and largest over seeds); status: what became of all trials of
        the cell, or mixed; budget; censored_<clock>: where on that clock the first of the missed trials ended;
        censored_at: the budget that the missed trials spent, '' where the median was reached or none missed.
    """
    trials = complete_trials(trials).assign(effective_lr=lambda table: effective_lr(table))
    times = _times(evaluations, target, clean)
    answers = trials.merge(times, on="trial_id", how="left")
    answers["clean_seconds"] = _clean_seconds(answers["iterations"], answers["batch_size"], clean)
    answers["is_evaluated"] = answers["trial_id"].isin(evaluations["trial_id"])
    answers["outcome"] = _outcomes(answers, has_target=target is not None)
    answers["budget"] = [budget_text(trial) for trial in answers.to_dict("records")]
    by_cell = answers.groupby(CELL)
    cells = by_cell["effective_lr"].agg(lambda lrs: lrs.iloc[0] if lrs.nunique() == 1 else np.nan).to_frame()
    cells["seeds"] = by_cell.size()
    for outcome in OUTCOMES:
        cells[outcome] = (answers["outcome"] == outcome).groupby([answers[key] for key in CELL]).sum()
    for time in TIMES:
        cells = cells.join(_over_seeds(answers, time))
    metric = by_cell["best_metric"].agg(["median", "min", "max"])
    cells = cells.join(metric.set_axis(["best_metric", "best_metric_low", "best_metric_high"], axis=1))
    cells["status"] = by_cell["outcome"].agg(lambda outcomes: outcomes.iloc[0] if outcomes.nunique() == 1 else "mixed")
    cells["budget"] = by_cell["budget"].agg(lambda texts: " / ".join(sorted(set(texts) - {""})))
    return cells.join(censored_amounts(answers)).join(_censored_at(answers, cells)).reset_index()


def _times(evaluations: pd.DataFrame, target: Target | None, clean: pd.Series[float] | None) -> pd.DataFrame:
    if target is None or evaluations.empty:
        times = no_times(evaluations)
    else:
        times = time_to_target(evaluations, target=target, clean=clean)
    return times.drop(columns=["batch_size", "lr", "seed"])


def no_times(evaluations: pd.DataFrame) -> pd.DataFrame:
    """Return what `time_to_target` does, for no target: every time and best metric is missing."""
    times = evaluations[KEYS].drop_duplicates("trial_id", ignore_index=True)
    return times.assign(**dict.fromkeys([*TIMES, "best_metric"], np.nan))


def _outcomes(answers: pd.DataFrame, *, has_target: bool) -> pd.Series[str]:
    """Return how each trial answered: reached, or why it did not."""
    is_answer = answers["status"].isin(["completed", "diverged", "out_of_memory"])
    outcome = answers["status"].astype(object).where(is_answer, "failed")
    if has_target:
        outcome = outcome.where(outcome != "completed", np.where(answers["is_evaluated"], "missed", "not_evaluated"))
    return outcome.where(answers["iterations_to_target"].isna(), "reached")


def _over_seeds(answers: pd.DataFrame, time: str) -> pd.DataFrame:
    """Return the median, smallest and largest time of each cell's trials; never reached is above every number."""
    cell = [answers[key] for key in CELL]
    is_reached = answers["outcome"] == "reached"
    values = answers[time].where(is_reached, np.inf).where(~answers["outcome"].isin(NO_ANSWER))
    unknown = (is_reached & values.isna()).groupby(cell).any()
    over = values.groupby(cell).agg(["median", "min", "max"]).set_axis([time, f"{time}_low", f"{time}_high"], axis=1)
    return over.where(np.isfinite(over)).where(~unknown, axis=0)


def _censored_at(answers: pd.DataFrame, cells: pd.DataFrame) -> pd.Series[str]:
    missed = answers[answers["outcome"] == "missed"]
    texts = pd.Series([censored_text(trial) for trial in missed.to_dict("records")], index=missed.index, dtype=object)
    joined = texts.groupby([missed[key] for key in CELL]).agg(lambda parts: " / ".join(sorted(set(parts))))
    is_open = cells["iterations_to_target"].isna()
    return joined.reindex(cells.index).where(is_open).fillna("").rename("censored_at")
