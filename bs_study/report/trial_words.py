"""What a mark says of one trial: which it is, and how it ended."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from typing import Any

from bs_study.report.sentences.outcomes import missed_by
from bs_study.words import amount, count, setting

_ENDS = {
    "reached": "reached the target",
    "outrun": "outrun before the target",
    "not_tried": "ended at another target",
    "diverged": "diverged",
    "out_of_memory": "ran out of memory",
    "failed": "failed",
    "not_evaluated": "ended before its first evaluation",
}


def trial_end(trial: Mapping[Hashable, Any], *, clock: str = "") -> str:
    """Return how a trial ended, and when.

    Args:
        trial: a row of the times of an analysis.
        clock: tells the time too.

    >>> trial_end({"outcome": "outrun", "iterations_at_end": 120.0})
    'outrun before the target at iteration 120'
    """
    ends = "to_target" if trial["outcome"] == "reached" else "at_end"
    iterations, time = trial[f"iterations_{ends}"], trial.get(f"{clock}_{ends}", math.nan)
    known = f" ({amount(time, clock=clock)})" if math.isfinite(time) else ""
    when = f" at iteration {count(iterations)}" if math.isfinite(iterations) else ""
    return f"{_ENDS.get(trial['outcome']) or missed_by(trial['stop_reason'])}{when}{known}"


def curve_name(batch_size: float, lr: float, seed: int) -> str:
    """Return what a mark calls a trial.

    >>> curve_name(32, 0.16, 1)
    'batch size 32, lr 0.16, seed 1'
    """
    return f"batch size {setting(batch_size)}, lr {setting(lr)}, seed {seed}"
