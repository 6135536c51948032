"""Round levels of a metric, as a person types them as targets: which of them tell something of a study."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from bs_study.analysis.fit import FloatArray
from bs_study.metric_names import Direction, is_fraction
from bs_study.target import Target

ROUND = (1.0, 2.0, 3.0, 5.0)
FINER = (1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0)
"""Digits of round numbers in each decade."""
DECADES = 3
"""How far levels go from the hardest one."""
NEAREST = 1e-3
"""How near to perfect a level may lie where perfect was seen."""


@dataclass(frozen=True)
class Seen:
    """What a study has seen of a metric."""

    metric: str
    direction: Direction
    best: FloatArray  # of each trial, at any look
    first: FloatArray  # of each trial, at its first look


def seen(evaluations: pd.DataFrame, metric: str, direction: Direction) -> Seen:
    """Return what evaluations have seen of a metric."""
    by_trial = evaluations.sort_values("iteration", kind="stable").groupby("trial_id")[metric]
    best, first = (by_trial.agg(how).to_numpy(np.float64) for how in (direction, "first"))
    return Seen(metric, direction, best=best, first=first)


def telling_levels(seen: Seen, *, hardest: float, trials: int, digits: Sequence[float] = ROUND) -> Iterator[Target]:
    """Yield the targets at round levels of a metric that tell something; the hardest first.

    None is harder than `hardest`, and the easiest is the last one that fewer than half of so many trials met at their
    first look. Of a fraction of which more is better the distance from 1 is round.
    """
    for value in round_levels(seen.metric, seen.direction, hardest=hardest, digits=digits):
        level = Target(seen.metric, value, seen.direction)
        if 2 * sum(level.is_met(first) for first in seen.first) >= trials:
            return
        yield level


def round_levels(
    metric: str, direction: Direction, *, hardest: float, digits: Sequence[float] = ROUND
) -> Iterator[float]:
    """Yield round values of a metric that are no harder than `hardest`, over three decades; the hardest first.

    >>> list(round_levels("accuracy", "max", hardest=0.983))[:6]
    [0.98, 0.97, 0.95, 0.9, 0.8, 0.7]
    >>> list(round_levels("loss", "min", hardest=0.21))[:3], list(round_levels("bleu", "max", hardest=27.3))[:3]
    ([0.3, 0.5, 1.0], [20.0, 10.0, 5.0])
    """
    is_share = direction == "max" and is_fraction(metric)
    sign = 1 if direction == "min" or is_share else -1  # of the distance from 1, less is better
    distance = 1 - hardest if is_share else hardest
    limit = float(f"{distance:.12g}") or NEAREST  # 0.97 lies 0.03 from 1, and not a bit more
    if not limit > 0 or math.isinf(limit):
        return
    decade = math.floor(math.log10(limit))
    for power in range(decade, decade + sign * DECADES, sign):
        for digit in digits[::sign]:
            value = float(f"{digit}e{power}")
            if sign * value >= sign * limit:
                yield float(f"{1 - value:.12g}") if is_share else value
