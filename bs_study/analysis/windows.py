"""The loss-variance statistics of every trial over three windows, each trial's curve read by itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from bs_study.analysis.aggregates import Aggregate, read_aggregates, stamps, write_aggregates
from bs_study.analysis.fit import FloatArray
from bs_study.analysis.loss_variance import STATISTICS, LossArray, finite_prefix
from bs_study.analysis.stability import is_stuck
from bs_study.analysis.trials import KEYS, complete_trials
from bs_study.store import Study
from bs_study.store.reader import Each

FIRST_ITERATIONS = 1000
LEVEL_ITERATIONS = 100  # a variance from so many is good to about 15 %
LEVEL_STEP = 10
WINDOWS = ("first_1000", "equal_examples", "equal_loss")
IN_MEMORY = 2**24  # losses that may be kept from the first reading for the second, of all trials together

R = TypeVar("R")


class Curve(NamedTuple):
    """A trial's iterations in order: examples seen by each and its loss, both of shape (iterations,)."""

    examples: npt.NDArray[np.int64]
    loss: LossArray


CurveOf = Callable[[str], Curve]
EachCurve = Callable[[Callable[[str, Curve], R], Sequence[str]], list[Each[R]]]


def smoothness(curves: Study | CurveOf, trials: pd.DataFrame, *, keep: bool = False) -> pd.DataFrame:
    """Return the loss-variance statistics of each ended trial, a row per trial and window.

    Windows (`limit` is where each ends):
        first_1000: the first 1000 iterations; all of a shorter trial.
        equal_examples: the iterations within the largest number of examples that all completed trials of the recipe
            have seen. Batches larger than a third of it have too few iterations for a noise; trials that ended before
            it, none. Trials that were outrun don't count as completed.
        equal_loss: the first 100 consecutive iterations (from 1, 11, 21, ... on) whose mean loss is at most a level
            that all batch sizes of the recipe reach: the lowest that each of them reaches with at least one completed
            trial. Trials that never do have none.

    A trial whose function has not reported the loss of every iteration has no window.

    Losses count up to the first that isn't finite; `iterations` says how many count. The ratio of the largest loss is
    to the first loss of the trial, and a trial is unstable in a window that has spikes above that. A trial that
    diverged is diverged in every window, and one that ended stuck is stuck in every window that it has. A window that a
    trial lacks is a row with 0 iterations and no statistics. Of a trial that was outrun before its 1000th iteration
    nothing is known of the first window but that it was unstable or diverged there.

    Args:
        curves: the study, or what gives the curve of a trial id. A trial is read once, or twice where its curve is long
            or a limit has changed; only a few curves are in memory at a time.
        trials: the store's table; without a column `recipe` all trials have the same, named "".
        keep: write what is known of each trial beside the study's report. It is read there in any case, and trials that
            have not changed since are read again only for a window whose limit has.
    """
    trials = complete_trials(trials)
    if "recipe" not in trials:
        trials.insert(0, "recipe", "")
    known = stamps(curves, trials) if isinstance(curves, Study) else {}
    kept = read_aggregates(curves, known) if isinstance(curves, Study) else {}
    each_curve = _each_of_study(curves) if isinstance(curves, Study) else _each_of(curves)
    looks = _Looks(trials, dict(kept), each_curve)
    looks.look_at_examples(_common_examples(trials))
    looks.look_at_level(_common_level(trials, looks.lowest_means()))
    if keep and isinstance(curves, Study) and looks.learned:
        write_aggregates(curves, looks.aggregates, known)
    return looks.table()


def loss_curves(study: Study, trial_ids: Sequence[str]) -> dict[str, LossArray]:
    """Return the training losses of ended trials in order, up to the first that isn't finite; those that are whole."""
    found = _each_of_study(study)(lambda _, curve: finite_prefix(curve.loss), trial_ids)
    return {trial_id: each.result for trial_id, each in zip(trial_ids, found, strict=True) if each.is_whole}


def _each_of_study(study: Study) -> EachCurve[Any]:
    def each(function: Callable[[str, Curve], R], trial_ids: Sequence[str]) -> list[Each[R]]:
        def of_columns(trial_id: str, examples: npt.NDArray[Any], loss: npt.NDArray[Any]) -> R:
            return function(trial_id, _in_order(examples, loss))

        return study.each_trial(of_columns, "iterations", ["examples", "loss"], trial_ids)

    return each


def _each_of(curve_of: CurveOf) -> EachCurve[Any]:
    return lambda function, trial_ids: [Each(function(i, curve_of(i)), is_whole=True) for i in trial_ids]


def _in_order(examples: npt.NDArray[Any], loss: npt.NDArray[Any]) -> Curve:
    if np.any(examples[1:] < examples[:-1]):  # another writer's order
        order = np.argsort(examples)
        examples, loss = examples[order], loss[order]
    return Curve(examples, loss)


class _Looks:
    """What has been learned of the trials, reading after reading."""

    def __init__(self, trials: pd.DataFrame, aggregates: dict[str, Aggregate], each_curve: EachCurve[Any]) -> None:
        self.aggregates = aggregates
        self.learned = 0
        self._trials: dict[str, Any] = {str(trial.trial_id): trial for trial in trials.itertuples()}
        self._each_curve = each_curve
        self._losses: dict[str, LossArray] = {}  # short ones, for the second reading

    def look_at_examples(self, limits: dict[str, float]) -> None:
        """Learn the first two windows and what the limit of the third is made of; the limits are by recipe."""
        longest = IN_MEMORY // max(len(self._trials), 1)

        def begin(trial_id: str, curve: Curve) -> tuple[Aggregate, LossArray | None]:
            trial = self._trials[trial_id]
            if len(curve.loss) < trial.iterations:  # what a function reported: spikes may lie between
                curve = Curve(curve.examples[:0], curve.loss[:0])
            loss = finite_prefix(curve.loss)
            found = _beginning(trial, curve, loss)
            found.look_at_beginning("first_1000", limit=FIRST_ITERATIONS, loss=loss[:FIRST_ITERATIONS])
            _look_at_examples(found, curve.examples[: len(loss)], loss, limit=limits[trial.recipe])
            return found, loss if len(loss) <= longest else None

        unknown = [i for i, trial in self._trials.items() if not self._knows_examples(i, limit=limits[trial.recipe])]
        for trial_id, each in zip(unknown, self._each_curve(begin, unknown), strict=True):
            self.aggregates[trial_id], loss = each.result
            self.aggregates[trial_id].is_whole = each.is_whole
            if loss is not None:
                self._losses[trial_id] = loss
        self.learned += len(unknown)

    def _knows_examples(self, trial_id: str, *, limit: float) -> bool:
        known = self.aggregates.get(trial_id)
        if known is not None and not known.last_examples >= limit:
            known.look("equal_examples", limit=limit, loss=np.empty(0))  # it ended before: there is nothing to read
        return known is not None and known.knows("equal_examples", limit=limit)

    def lowest_means(self) -> dict[str, float]:
        return {trial_id: self.aggregates[trial_id].lowest_mean for trial_id in self._trials}

    def look_at_level(self, levels: dict[str, float]) -> None:
        """Learn the third window."""

        def look(trial_id: str, loss: LossArray) -> None:
            level = levels[self._trials[trial_id].recipe]
            self.aggregates[trial_id].look("equal_loss", limit=level, loss=_first_reaching(loss, level=level))

        unknown = []
        for trial_id, trial in self._trials.items():
            known, level = self.aggregates[trial_id], levels[trial.recipe]
            if known.knows("equal_loss", limit=level):
                continue
            if not known.lowest_mean <= level:
                known.look("equal_loss", limit=level, loss=np.empty(0))
            elif trial_id in self._losses:
                look(trial_id, self._losses.pop(trial_id))
            else:
                unknown.append(trial_id)
            self.learned += 1
        self._each_curve(lambda trial_id, curve: look(trial_id, finite_prefix(curve.loss)), unknown)

    def table(self) -> pd.DataFrame:
        rows = [
            {key: getattr(trial, key) for key in KEYS}
            | {"window": window, "limit": float(limit)}
            | (_of_cut_off(found) if trial.stop_reason == "outrun" and window == WINDOWS[0] else found)
            for trial_id, trial in self._trials.items()
            for window, (limit, found) in ((name, self.aggregates[trial_id].windows[name]) for name in WINDOWS)
        ]
        table = pd.DataFrame(rows, columns=[*KEYS, "window", "limit", *STATISTICS])
        return table.astype({"spikes": float, "iterations": int, "stability": object})


def _of_cut_off(found: dict[str, Any]) -> dict[str, Any]:
    """Return what the first window of a trial that was outrun tells: of one that isn't whole, faults alone."""
    if found["iterations"] >= FIRST_ITERATIONS:
        return found
    is_fault = found["stability"] in ("unstable", "diverged")
    unknown = {name: np.nan for name in STATISTICS if name not in ("iterations", "stability")}
    return found | unknown | {"stability": found["stability"] if is_fault else None}


def _beginning(trial: Any, curve: Curve, loss: LossArray) -> Aggregate:
    is_diverged = trial.status == "diverged" or len(loss) < len(curve.loss)
    return Aggregate(
        batch_size=int(trial.batch_size),
        fate="diverged" if is_diverged else "stuck" if is_stuck(loss.astype(np.float64)) else None,
        first_loss=float(loss[0]) if len(loss) else np.nan,
        lowest_mean=float(_means(loss).min()) if len(loss) >= LEVEL_ITERATIONS else np.nan,
        last_examples=float(curve.examples[len(loss) - 1]) if len(loss) else np.nan,
    )


def _look_at_examples(found: Aggregate, examples: npt.NDArray[Any], loss: LossArray, *, limit: float) -> None:
    is_covered = found.last_examples >= limit
    end = int(np.searchsorted(examples, limit, side="right")) if is_covered else 0
    found.look_at_beginning("equal_examples", limit=limit, loss=loss[:end])


def _means(loss: LossArray) -> FloatArray:
    """Return the means of 100 consecutive losses each, from iterations 1, 11, 21, ... on; none below 100 losses."""
    tens = loss[: len(loss) // LEVEL_STEP * LEVEL_STEP].reshape(-1, LEVEL_STEP).sum(axis=1, dtype=np.float64)
    total = np.concatenate([[0.0], np.cumsum(tens)])
    width = LEVEL_ITERATIONS // LEVEL_STEP
    means: FloatArray = (total[width:] - total[:-width]) / LEVEL_ITERATIONS
    return means


def _first_reaching(loss: LossArray, *, level: float) -> LossArray:
    """Return the first 100 losses whose mean is at most the level, which there are."""
    start = int((_means(loss) <= level).argmax()) * LEVEL_STEP
    return loss[start : start + LEVEL_ITERATIONS]


def _common_examples(trials: pd.DataFrame) -> dict[str, float]:
    is_whole = (trials["status"] == "completed") & (trials["stop_reason"] != "outrun")
    completed = trials["examples"].where(is_whole)
    return {str(recipe): float(least) for recipe, least in completed.groupby(trials["recipe"]).min().items()}


def _common_level(trials: pd.DataFrame, lowest_means: dict[str, float]) -> dict[str, float]:
    lowest_mean = trials["trial_id"].map(lowest_means).astype(float).where(trials["status"] == "completed")
    of_size = lowest_mean.groupby([trials["recipe"], trials["batch_size"]]).min()
    return {str(recipe): float(level) for recipe, level in of_size.groupby(level=0).max().items()}
