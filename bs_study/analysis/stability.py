"""How a trial went: stable, unstable, stuck or diverged."""

from __future__ import annotations

from typing import Literal

import numpy as np

from bs_study.analysis.fit import FloatArray
from bs_study.analysis.spikes import BoolArray, mean_around

Stability = Literal["stable", "unstable", "stuck", "diverged"]
Fate = Literal["stuck", "diverged"]
"""How a trial ended, where that holds for all of its windows."""

BLOCKS = 20  # of consecutive iterations, whose means tell a trend
FALL = 0.1  # of the first loss: less is no fall
KNOWN = 0.1  # relative: where the mean of a block is noisier, nothing is known of the level
SETTLING = 2  # blocks at the beginning, where a trial may overshoot and come back
EARLIER, LATER = np.triu_indices(BLOCKS - SETTLING, 1)


def is_unstable(loss: FloatArray, residuals: FloatArray, spikes: BoolArray, *, first_loss: float) -> bool:
    """Return whether a window holds spikes above the trial's first loss, or a stretch of 25 iterations or more.

    Such a stretch is too long for its losses to be far from their rolling median: there the median itself lies above
    the first loss, by 10 % of it and by 6 times the mean |residual| around. A first loss that is low by chance is not
    so low: in normal noise the 6 are 4.8 standard deviations, and positive losses of heavier noise can't be.
    """
    if np.any(spikes & (loss > first_loss)):
        return True
    whole = slice(12, len(loss) - 12)  # where the median is of 25 iterations or more
    height = (loss - residuals)[whole] - first_loss
    if not np.any(height > FALL * abs(first_loss)):
        return False
    noise = mean_around(np.abs(residuals), 25)[whole]
    return bool(np.any(height > np.maximum(FALL * abs(first_loss), 6 * noise)))


def is_stuck(loss: FloatArray) -> bool:
    """Return whether a trial ended at about its first loss or above, and doesn't fall any more; all of it is needed.

    It is stuck unless one of these holds:

    - It has fallen: the last quarter lies below the beginning by more than 10 % of the first loss. The beginning is the
      first iteration, the first ten or the first twentieth, each less 2 standard errors.
    - It falls: of 20 blocks of iterations, the means of the last 18 have a z below -2 by the test of Mann and Kendall.
    - Nothing is known: the noise of these means is above 10 % (but for two steps that may be a collapse), or there are
      fewer than 20 iterations.

    A trial that overshot and came back has not fallen: what is far above the first loss (by 2 or, in the test, 4
    standard deviations of the last quarter's noise) counts as that.

    >>> is_stuck(np.array([2.3, 2.4] * 50)), is_stuck(np.linspace(2.3, 2.2, 100))
    (True, False)
    """
    size = len(loss) // BLOCKS
    if not size:
        return False
    first, noise = loss[0], _noise(loss[-(len(loss) // 4) :])
    whole = loss[len(loss) - size * BLOCKS :].reshape(BLOCKS, size)
    blocks = np.minimum(whole, first + 4 * noise).mean(axis=1)
    last = blocks[-BLOCKS // 4 :].mean()
    begun = np.minimum(loss[: max(size, 10)], first + 2 * noise)
    margin = 2 * _noise(begun)
    has_fallen = any(
        begun[:count].mean() - margin / np.sqrt(count) > last + FALL * abs(first) for count in (1, 10, len(begun))
    )
    if has_fallen:
        return False
    settled = blocks[SETTLING:]
    count = len(settled)
    trend = np.sign(settled[LATER] - settled[EARLIER]).sum()
    falls = trend < -2 * np.sqrt(count * (count - 1) * (2 * count + 5) / 18)
    steps = np.sort(np.abs(np.diff(blocks)))[:-2]
    known = np.sqrt(np.mean(steps**2) / 2) < KNOWN * abs(last)
    return bool(known and not falls)


def _noise(values: FloatArray) -> float:
    return float(np.diff(values).std() / np.sqrt(2))
