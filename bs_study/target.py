"""The target of a workload: a metric, a value and a direction."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Self

_TARGET = re.compile(r"\s*([A-Za-z_]\w*)\s*(>=|<=|=)\s*(\S+)\s*")


@dataclass(frozen=True)
class Target:
    """A metric, a value and a direction, as ``accuracy >= 0.98``.

    >>> Target.parse("loss<=0.1").is_met(0.05)
    True
    >>> str(Target("accuracy", 0.98))
    'accuracy >= 0.98'
    """

    metric: str
    value: float
    direction: Literal["max", "min"] = "max"

    def __post_init__(self) -> None:
        if self.direction not in ("max", "min"):
            raise ValueError(f"target: direction {self.direction!r} is unknown. Use 'max' or 'min'")
        if not isinstance(self.value, int | float) or not math.isfinite(self.value):
            raise ValueError(f"target: {self.value!r} is no finite number. Give the value that the metric is to reach")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``accuracy>=0.98`` or ``loss<=0.1``.

        ``accuracy=0.98`` asks for at least that much, ``loss=0.1`` for at most: the way each is better.
        """
        match = _TARGET.fullmatch(text)
        if not match:
            raise ValueError(f"{text!r} is no target. Write one like 'accuracy>=0.98' or 'loss<=0.1'")
        metric, sign, value = match.groups()
        try:
            number = float(value)
        except ValueError:
            raise ValueError(f"{value!r} in the target {text!r} is no number") from None
        is_minimum = sign == "<=" or (sign == "=" and metric == "loss")
        return cls(metric, number, "min" if is_minimum else "max")

    def is_met(self, value: float) -> bool:
        """Return whether a value of the metric meets the target; NaN never does."""
        return value >= self.value if self.direction == "max" else value <= self.value

    def __str__(self) -> str:
        return f"{self.metric} {'>=' if self.direction == 'max' else '<='} {float(self.value)!r}"


def is_met_by_window(met: Sequence[bool], *, window: int) -> bool:
    """Return whether the median of the last `window` evaluations meets the target: more than half of them do.

    Args:
        met: whether each evaluation so far met it, in order. Fewer than `window` are not enough.
        window: an odd number, so that the median is one of the values.

    >>> is_met_by_window([True, False, True], window=3), is_met_by_window([True, True], window=3)
    (True, False)
    """
    return len(met) >= window and sum(met[-window:]) > window / 2
