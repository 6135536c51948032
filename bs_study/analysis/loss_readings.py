"""A held-out metric of each trial where a clock shows a value, read between the two looks around it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from bs_study.analysis.convergence import clocked_looks
from bs_study.analysis.fit import FloatArray
from bs_study.analysis.training_clock import with_timed
from bs_study.analysis.trials import KEYS
from bs_study.metric_names import Direction

METRIC = "loss"
_COLUMNS = {"iterations": "iteration"}  # the others are called as their clock
_SAME = 1e-9  # what sums in binary leave of a look that lies where it is asked for


class _Reading(NamedTuple):
    outcome: str
    value: float = np.nan
    best: float = np.nan


def loss_readings(
    evaluations: pd.DataFrame,
    trials: pd.DataFrame,
    *,
    clock: str,
    value: float,
    clean: Mapping[int, float] | None = None,
    timing: Mapping[int, tuple[float, float]] | None = None,
) -> pd.DataFrame:
    """Return the held-out loss of each ended trial where a clock shows a value, a row per trial.

    Args:
        clock, clean, timing: as of `metric_readings`.
        value: of the clock, above 0.

    Returns:
        As `metric_readings`, with `loss` for the value and `least` for the best.
    """
    at = dict.fromkeys(trials["trial_id"], value)
    found = metric_readings(evaluations, trials, metric=METRIC, clock=clock, at=at, clean=clean, timing=timing)
    return found.rename(columns={"value": "loss", "best": "least"})


def metric_readings(
    evaluations: pd.DataFrame,
    trials: pd.DataFrame,
    *,
    metric: str,
    direction: Direction = "min",
    clock: str,
    at: Mapping[str, float],
    clean: Mapping[int, float] | None = None,
    timing: Mapping[int, tuple[float, float]] | None = None,
) -> pd.DataFrame:
    """Return a held-out metric of each ended trial where a clock shows a value, a row per trial.

    Exact at a look. Between two looks a loss l goes by its log, log l = log l0 + (log l1 - log l0) (x - x0) / (x1 -
    x0), and any other metric by itself. Nothing is read beyond the last look, or before the first.

    Args:
        evaluations: the store's table, with a column for the metric; those of other trials do not count.
        trials: the ended ones, as `complete_trials` returns them.
        clock: examples, iterations, train_seconds (warm-up iterations in it, at the others' mean) or clean_seconds.
        at: the clock's value by trial, above 0.
        clean: seconds of an iteration by batch size, of the timing pass.
        timing: logs of the quickest and the slowest of these over the median, by batch size; by them the place of a
            reading by clean_seconds is known, so that the looks around it are taken from there.

    Returns:
        recipe, trial_id, batch_size, lr, seed; outcome: read, ended (before the value), no_look (it lies before the
        first), diverged (before the value, or before a look after it), out_of_memory or failed (before it); value, and
        best: the better one of the metrics at the looks around it, the value itself at a look. Missing where it was
        not read.
    """
    own = with_timed(evaluations[evaluations["trial_id"].isin(trials["trial_id"])], trials)
    looks = clocked_looks(own, metric=metric, clean=clean or {})
    column = _COLUMNS.get(clock, clock)
    places = {str(name): rows for name, rows in looks.groupby("trial_id", sort=False).indices.items()}
    x, values = looks[column].to_numpy(float), looks[metric].to_numpy(float)
    found = []
    for trial_id, size, status in trials[["trial_id", "batch_size", "status"]].itertuples(index=False, name=None):
        rows = places.get(str(trial_id), np.array([], dtype=int))
        rows = rows[np.isfinite(x[rows])]  # the first looks of a trial may lie before its clock ran
        slack = (timing or {}).get(int(size), (0.0, 0.0)) if clock == "clean_seconds" else (0.0, 0.0)
        read = _read(x[rows], values[rows], at[trial_id], slack=slack, direction=direction, by_log=metric == METRIC)
        found.append(_Reading({"completed": "ended"}.get(str(status), str(status))) if read is None else read)
    table = pd.DataFrame(found, columns=list(_Reading._fields), index=trials.index)
    return trials[KEYS].join(table).reset_index(drop=True)


def _read(
    x: FloatArray,
    values: FloatArray,
    value: float,
    *,
    slack: tuple[float, float],
    direction: Direction,
    by_log: bool,
) -> _Reading | None:
    """Return the metric at a value of x, of looks in order; None where they end before it.

    Args:
        slack: logs between which the true place lies, over the place asked for.
        by_log: whether the log goes along a line between two looks.
    """
    end = int(np.searchsorted(x, value * (1 - _SAME)))
    if end == len(x):
        return None
    is_exact = x[end] <= value * (1 + _SAME)
    if not is_exact and end == 0:
        return _Reading("no_look")
    start = end if is_exact else end - 1
    # An iteration that is slower than measured means fewer of them by that time.
    low, high = value * np.exp(-slack[1]), value * np.exp(-slack[0])
    first = min(start, max(0, int(np.searchsorted(x, low * (1 + _SAME), side="right")) - 1))
    last = max(end, min(len(x) - 1, int(np.searchsorted(x, high * (1 - _SAME)))))
    around = values[first : last + 1]
    if not np.isfinite([values[start], values[end]]).all():
        return _Reading("diverged")
    best = float(np.nanmin(around) if direction == "min" else np.nanmax(around))
    if is_exact:
        return _Reading("read", float(values[end]), best)
    if by_log and min(values[start], values[end]) <= 0:  # which has no log: the caller says so
        return _Reading("read", float(min(values[start], values[end])), best)
    share = (value - x[start]) / (x[end] - x[start])
    ends = np.log(values[[start, end]]) if by_log else values[[start, end]]
    read = ends[0] + share * (ends[1] - ends[0])
    return _Reading("read", float(np.exp(read) if by_log else read), best)
