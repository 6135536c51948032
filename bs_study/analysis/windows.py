"""The loss-variance statistics of every trial over three windows, read trial by trial."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from bs_study.analysis.fit import FloatArray
from bs_study.analysis.loss_variance import STATISTICS, LossArray, finite_prefix, window_statistics
from bs_study.analysis.stability import is_stuck
from bs_study.analysis.trials import KEYS, complete_trials
from bs_study.store import Study

FIRST_ITERATIONS = 1000
LEVEL_ITERATIONS = 100  # a variance from so many is good to about 15 %
LEVEL_STEP = 10
WINDOWS = ("first_1000", "equal_examples", "equal_loss")


class Curve(NamedTuple):
    """A trial's iterations in order: examples seen by each and its loss, both of shape (iterations,)."""

    examples: npt.NDArray[np.int64]
    loss: LossArray


def study_curves(study: Study) -> Callable[[str], Curve]:
    """Return a function that reads the curve of a trial from a study's store."""

    def curve(trial_id: str) -> Curve:
        table = study.scan("iterations", ["examples", "loss"], trial_id=trial_id)
        examples, loss = (column.to_numpy() for column in table.columns)
        if np.any(examples[1:] < examples[:-1]):  # another writer's order
            order = np.argsort(examples)
            examples, loss = examples[order], loss[order]
        return Curve(examples, loss)

    return curve


def smoothness(curve_of: Callable[[str], Curve], trials: pd.DataFrame) -> pd.DataFrame:
    """Return the loss-variance statistics of each ended trial, a row per trial and window.

    Windows (`limit` is where each ends):
        first_1000: the first 1000 iterations; all of a shorter trial.
        equal_examples: the iterations within the largest number of examples that all completed trials have seen.
            Batches larger than a third of it have too few iterations for a noise; trials that ended before it, none.
        equal_loss: the first 100 consecutive iterations (from 1, 11, 21, ... on) whose mean loss is at most a level
            that all batch sizes reach: the lowest that each of them reaches with at least one completed trial. Trials
            that never do have none.

    Losses count up to the first that isn't finite; `iterations` says how many count. The ratio of the largest loss is
    to the first loss of the trial, and a trial is unstable in a window that has spikes above that. A trial that
    diverged is diverged in every window, and one that ended stuck is stuck in every window that it has. A window that a
    trial lacks is a row with 0 iterations and no statistics.

    Args:
        curve_of: gives the curve of a trial id, as `study_curves(study)`. It is asked at most twice for each trial, so
            that only a few curves are in memory at a time.
        trials: the store's table.
    """
    trials = complete_trials(trials)
    common_examples = _common_examples(trials)

    def first_pass(trial: Any) -> _Beginning:
        return _beginning(curve_of(trial.trial_id), trial, common_examples=common_examples)

    beginnings = _for_each(first_pass, trials.itertuples())
    level = _common_level(trials, [b.lowest_mean for b in beginnings])

    def second_pass(pair: tuple[Any, _Beginning]) -> dict[str, Any]:
        trial, beginning = pair
        if not beginning.lowest_mean <= level:
            return beginning.statistics(np.empty(0))
        loss = finite_prefix(curve_of(trial.trial_id).loss)
        return beginning.statistics(_first_reaching(loss, level=level))

    last = _for_each(second_pass, zip(trials.itertuples(), beginnings, strict=True))
    limits = (FIRST_ITERATIONS, common_examples, level)
    rows = [
        {**{key: getattr(trial, key) for key in KEYS}, "window": window, "limit": float(limit), **statistics}
        for trial, beginning, at_level in zip(trials.itertuples(), beginnings, last, strict=True)
        for window, limit, statistics in zip(WINDOWS, limits, (*beginning.rows, at_level), strict=True)
    ]
    table = pd.DataFrame(rows, columns=[*KEYS, "window", "limit", *STATISTICS])
    return table.astype({"spikes": float, "iterations": int, "stability": object})


def _for_each(function: Callable[[Any], Any], items: Iterable[Any]) -> list[Any]:
    """Return the results in order; reading and numpy release the interpreter, so threads fill the cores."""
    with ThreadPoolExecutor(max_workers=min(4, os.cpu_count() or 1)) as threads:
        return list(threads.map(function, items))


class _Beginning(NamedTuple):
    """What the first reading of a trial's curve gave."""

    batch_size: int
    fate: Literal["stuck", "diverged"] | None
    first_loss: float
    lowest_mean: float  # over 100 consecutive iterations; NaN where there are fewer
    rows: tuple[dict[str, Any], ...]

    def statistics(self, loss: LossArray) -> dict[str, Any]:
        return window_statistics(loss, first_loss=self.first_loss, batch_size=self.batch_size, fate=self.fate)


def _beginning(curve: Curve, trial: Any, *, common_examples: float) -> _Beginning:
    loss = finite_prefix(curve.loss)
    is_diverged = trial.status == "diverged" or len(loss) < len(curve.loss)
    begun = _Beginning(
        batch_size=trial.batch_size,
        fate="diverged" if is_diverged else "stuck" if is_stuck(loss.astype(np.float64)) else None,
        first_loss=float(loss[0]) if len(loss) else np.nan,
        lowest_mean=float(_means(loss).min()) if len(loss) >= LEVEL_ITERATIONS else np.nan,
        rows=(),
    )
    examples = curve.examples[: len(loss)]
    covered = len(loss) > 0 and examples[-1] >= common_examples
    end = int(np.searchsorted(examples, common_examples, side="right")) if covered else 0
    return begun._replace(rows=(begun.statistics(loss[:FIRST_ITERATIONS]), begun.statistics(loss[:end])))


def _means(loss: LossArray) -> FloatArray:
    """Return the means of 100 consecutive losses each, from iterations 1, 11, 21, ... on; none below 100 losses."""
    tens = loss[: len(loss) // LEVEL_STEP * LEVEL_STEP].reshape(-1, LEVEL_STEP).sum(axis=1, dtype=np.float64)
    total = np.concatenate([[0.0], np.cumsum(tens)])
    width = LEVEL_ITERATIONS // LEVEL_STEP
    means: FloatArray = (total[width:] - total[:-width]) / LEVEL_ITERATIONS
    return means


def _first_reaching(loss: LossArray, *, level: float) -> FloatArray:
    """Return the first 100 losses whose mean is at most the level, which there are."""
    start = int((_means(loss) <= level).argmax()) * LEVEL_STEP
    return loss[start : start + LEVEL_ITERATIONS].astype(np.float64)


def _common_examples(trials: pd.DataFrame) -> float:
    return float(trials.loc[trials["status"] == "completed", "examples"].min())


def _common_level(trials: pd.DataFrame, lowest: list[float]) -> float:
    lowest_mean = pd.Series(lowest, index=trials.index, dtype=float).where(trials["status"] == "completed")
    return float(lowest_mean.groupby(trials["batch_size"]).min().max())
