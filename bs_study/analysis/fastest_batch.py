"""The batch size that reaches the target first, by the two lines that decide it: updates, and the time of one."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

NEAR = 0.1
"""How much longer a batch size may take that is nearly as fast, as a fraction."""


class FastestBatch(NamedTuple):
    """The fastest batch size, what it takes, and the range of those that take at most a tenth longer."""

    batch_size: float
    seconds: float
    low: float
    high: float


def fastest_batch(a: float, b: float, *, knee: float, min_iterations: float, near: float = NEAR) -> FastestBatch:
    """Return the batch size of least time to the target.

    T(B) = S_min (1 + B_c / B) (a + b B) is least at B* = sqrt(a B_c / b), where it is
    T* = S_min (sqrt(a) + sqrt(b B_c))^2. T(B) = (1 + near) T* is a quadratic in B, whose roots are the ends.

    Args:
        a: seconds of an iteration beside those of its examples, above 0.
        b: seconds of an example, above 0.
        knee: B_c, finite and above 0.
        min_iterations: S_min.
        near: how much longer a batch size within `low` and `high` takes at most, as a fraction.

    Returns:
        all missing where there is no such batch size: without a fixed cost the smallest, and without a cost of examples
        the largest is the fastest.

    >>> [round(value, 1) for value in fastest_batch(0.004, 1e-5, knee=1000, min_iterations=2000)]
    [632.5, 53.3, 334.1, 1197.3]
    """
    if not (a > 0 and b > 0 and 0 < knee < np.inf and min_iterations > 0):
        return FastestBatch(np.nan, np.nan, np.nan, np.nan)
    one_update = (np.sqrt(a) + np.sqrt(b * knee)) ** 2
    half = ((1 + near) * one_update - a - b * knee) / (2 * b)
    around = np.sqrt(half**2 - a * knee / b)
    return FastestBatch(
        float(np.sqrt(a * knee / b)), float(min_iterations * one_update), float(half - around), float(half + around)
    )
