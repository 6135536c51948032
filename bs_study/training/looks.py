"""When a trial is evaluated: looks that lie at the same factors of iterations for all batch sizes, by counts alone."""

from __future__ import annotations

import bisect
import math
from fractions import Fraction

FORWARD = Fraction(1, 3)
"""A forward pass, as a part of an update: forward, and a backward that takes twice as long."""
LAUNCHES = 8
"""An update takes as long as its examples and so many more: the launches of its operations take time too.

Measured with MNIST's CNN on a CPU: 8; with smaller models and on GPUs it is more, so that evaluations take less.
"""


def least_stretch(*, batch_size: int, evaluated_examples: int, max_share: float) -> int:
    """Return the fewest iterations between two looks for which evaluating takes this share of a trial's time.

    ceil(n / 3 · (1 - share) / share / (B + 8)) for n evaluated examples and batch size B, and at least 1.

    >>> least_stretch(batch_size=4, evaluated_examples=360, max_share=0.25)
    30
    """
    share = _decimal(max_share)
    return max(1, math.ceil(FORWARD * evaluated_examples * (1 - share) / share / (batch_size + LAUNCHES)))


class Looks:
    """The iterations after which a trial is evaluated.

    After k iterations the next comes max(ceil(d), stretch) later, where d = (spacing - 1) · k. Once the stretch is no
    more than 4 d, it is cut to 2 d: with a spacing of 1.05, two looks are then at most 10 % apart. The first looks are
    farther apart and have saved the time for it: evaluations take up to 1.25 times of what the stretch is made for.

    Looks depend on no clock, lr or seed, so all trials of a batch size share them, whichever attempt makes them.

    Args:
        spacing: factor between two looks, above 1.
        stretch: fewest iterations between them, at least 1.

    >>> looks = Looks(1.05, stretch=10)
    >>> [looks.after(k) for k in (0, 10, 40, 50, 55, 103, 203, 392)]
    [10, 20, 50, 55, 60, 113, 214, 412]
    """

    def __init__(self, spacing: float, *, stretch: int) -> None:
        self._spacing = _decimal(spacing)
        self._stretch = stretch
        self._known = [0]

    def after(self, iteration: int) -> int:
        """Return the first look after an iteration."""
        while self._known[-1] <= iteration:
            self._known.append(self._next(self._known[-1]))
        return self._known[bisect.bisect_right(self._known, iteration)]

    def _next(self, look: int) -> int:
        spaced = (self._spacing - 1) * look
        is_close = self._stretch <= 4 * spaced
        stretch = min(self._stretch, math.floor(2 * spaced)) if is_close else self._stretch
        return look + max(math.ceil(spaced), stretch)


def _decimal(number: float) -> Fraction:
    """Return a number as it was typed: in binary, 1.05 × 100 is a little more than 105."""
    return Fraction(str(number))
