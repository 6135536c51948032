"""The held-out loss of each trial after a fixed budget, read between the two looks around it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from bs_study.analysis.convergence import clocked_looks
from bs_study.analysis.fit import FloatArray
from bs_study.analysis.training_clock import with_timed
from bs_study.analysis.trials import KEYS

METRIC = "loss"
_COLUMNS = {"iterations": "iteration"}  # the others are called as their clock
_SAME = 1e-9  # what sums in binary leave of a look that lies where it is asked for


class _Reading(NamedTuple):
    outcome: str
    loss: float = np.nan
    least: float = np.nan


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

    Exact at a look. Between two looks log l = log l0 + (log l1 - log l0) (x - x0) / (x1 - x0). Nothing is read beyond
    the last look, or before the first.

    Args:
        evaluations: the store's table, with a column `loss`; those of other trials do not count.
        trials: the ended ones, as `complete_trials` returns them.
        clock: examples, iterations, train_seconds (warm-up iterations in it, at the others' mean) or clean_seconds.
        value: of the clock, above 0.
        clean: seconds of an iteration by batch size, of the timing pass.
        timing: logs of the quickest and the slowest of these over the median, by batch size; by them the place of a
            reading by clean_seconds is known, so that the looks around it are taken from there.

    Returns:
        recipe, trial_id, batch_size, lr, seed; outcome: read, ended (before the budget), no_look (it lies before the
        first), diverged (before the budget, or before a look after it), out_of_memory or failed (before it); loss, and
        least: the smaller of the losses at the looks around it, the loss itself at a look. Missing where it was not
        read.
    """
    own = with_timed(evaluations[evaluations["trial_id"].isin(trials["trial_id"])], trials)
    looks = clocked_looks(own, metric=METRIC, clean=clean or {})
    column = _COLUMNS.get(clock, clock)
    places = {str(name): rows for name, rows in looks.groupby("trial_id", sort=False).indices.items()}
    x, losses = looks[column].to_numpy(float), looks[METRIC].to_numpy(float)
    found = []
    for trial_id, size, status in trials[["trial_id", "batch_size", "status"]].itertuples(index=False, name=None):
        at = places.get(str(trial_id), np.array([], dtype=int))
        at = at[np.isfinite(x[at])]  # the first looks of a trial may lie before its clock ran
        slack = (timing or {}).get(int(size), (0.0, 0.0)) if clock == "clean_seconds" else (0.0, 0.0)
        found.append(_read(x[at], losses[at], value, status=str(status), slack=slack))
    rows = pd.DataFrame(found, columns=list(_Reading._fields), index=trials.index)
    return trials[KEYS].join(rows).reset_index(drop=True)


def _read(x: FloatArray, losses: FloatArray, value: float, *, status: str, slack: tuple[float, float]) -> _Reading:
    """Return the loss at a value of x, of looks in order.

    Args:
        slack: logs between which the true place lies, over the place asked for.
    """
    end = int(np.searchsorted(x, value * (1 - _SAME)))
    if end == len(x):
        return _Reading({"completed": "ended"}.get(status, status))
    is_exact = x[end] <= value * (1 + _SAME)
    if not is_exact and end == 0:
        return _Reading("no_look")
    start = end if is_exact else end - 1
    # An iteration that is slower than measured means fewer of them by that time.
    low, high = value * np.exp(-slack[1]), value * np.exp(-slack[0])
    first = min(start, max(0, int(np.searchsorted(x, low * (1 + _SAME), side="right")) - 1))
    last = max(end, min(len(x) - 1, int(np.searchsorted(x, high * (1 - _SAME)))))
    around = losses[first : last + 1]
    if not np.isfinite([losses[start], losses[end]]).all():
        return _Reading("diverged")
    least = float(np.nanmin(around))
    if is_exact:
        return _Reading("read", float(losses[end]), least)
    if min(losses[start], losses[end]) <= 0:  # which has no log: the caller says so
        return _Reading("read", float(min(losses[start], losses[end])), least)
    share = (value - x[start]) / (x[end] - x[start])
    return _Reading("read", float(losses[start] ** (1 - share) * losses[end] ** share), least)
