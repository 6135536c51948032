"""How alike the gradients of two batches are: by the noise scale, and as measured.

The gradient of a batch of B independent examples has E|g|² = |G|² + tr Σ / B. Of a training set of N examples, an epoch
draws each once: then E|g|² = |G|² + tr Σ (1/B - 1/N), and of two batches of it E[g·g'] = |G|² - tr Σ / N, since where
one lies on one side of G, the other lies rather on the other side.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from bs_study.analysis.fit import FloatArray
from bs_study.analysis.noise_scale import UNKNOWN, Interval, t_quantile

ENDLESS = 1e12  # stands for a noise scale that has no upper end


class Pairs(NamedTuple):
    """Batches of iterations in a row: their examples, and whether both are of one epoch; each of shape (pairs,)."""

    first: FloatArray
    second: FloatArray
    of_one_epoch: npt.NDArray[np.bool_]


def pairs_after(iterations: npt.ArrayLike, *, batch_size: float, examples: float) -> Pairs:
    """Return the batches of these iterations and the next: an epoch's last batch takes what is left over.

    Args:
        iterations: counted from 1, shape (pairs,).
        examples: N, the size of the training set; where it is NaN, all batches are whole, and of no one epoch.

    >>> pairs_after([1, 2], batch_size=60, examples=100)
    Pairs(first=array([60., 40.]), second=array([40., 60.]), of_one_epoch=array([ True, False]))
    """
    index = np.asarray(iterations, np.float64) - 1
    per_epoch = np.ceil(examples / batch_size)

    def size(index: FloatArray) -> FloatArray:
        found: FloatArray = np.fmin(batch_size, examples - index % per_epoch * batch_size)
        return found

    return Pairs(size(index), size(index + 1), index // per_epoch == (index + 1) // per_epoch)


def expected_cosine(noise_scale: Interval, pairs: Pairs) -> Interval:
    """Return how alike independent batches are at one point: the mean of E[g·g'] / √(E|g|² E|g'|²) over pairs.

    Of two batches of B examples it is 1 / (1 + phi/B): 1/2 at B = phi, and near B / phi far below. With phi at least
    `low`, it is between 0 and what `low` gives.

    Args:
        noise_scale: phi, in examples.

    >>> pairs = pairs_after([1], batch_size=100, examples=float("nan"))
    >>> [round(number, 3) for number in expected_cosine(Interval(200.0, 100.0, float("inf")), pairs)]
    [0.333, 0.0, 0.5]
    """
    return _mean(noise_scale, 1 / pairs.first, 1 / pairs.second, np.zeros(len(pairs.first)))


def drawn_cosine(noise_scale: Interval, pairs: Pairs, *, examples: float) -> Interval:
    """Return the same for batches as epochs draw them: two of one epoch have no example in common.

    Of two batches of B examples of one epoch it is (1 - phi/N) / (1 + phi (1/B - 1/N)), so below 0 with phi above N.

    Args:
        noise_scale: phi of the training set's own G and Σ, in examples.
        examples: N, the size of the training set; nothing is known where it is NaN.
    """
    if not np.isfinite(examples):
        return UNKNOWN
    common = np.where(pairs.of_one_epoch, 1 / examples, 0.0)
    return _mean(noise_scale, 1 / pairs.first - 1 / examples, 1 / pairs.second - 1 / examples, common)


def _mean(noise_scale: Interval, first: FloatArray, second: FloatArray, common: FloatArray) -> Interval:
    """Return the mean of (1 - phi c) / √((1 + phi a) (1 + phi b)) over pairs, which falls with phi."""
    if not len(first):
        return UNKNOWN

    def mean(phi: float) -> float:
        phi = min(phi, ENDLESS)
        return float(np.mean((1 - phi * common) / np.sqrt((1 + phi * first) * (1 + phi * second))))

    value, low, high = (np.nan if np.isnan(phi) else mean(phi) for phi in noise_scale)
    return Interval(value, high, low)


def mean_cosine(cosines: npt.ArrayLike) -> Interval:
    """Return the mean of cosines with Student's 95 % interval, n - 1 degrees of freedom; no end is beyond -1 or 1.

    Args:
        cosines: shape (pairs,). One that isn't finite is left out. Of one pair there is no interval.

    >>> mean_cosine([0.5, 0.5])
    Interval(value=0.5, low=0.5, high=0.5)
    """
    known = np.asarray(cosines, np.float64)
    known = known[np.isfinite(known)].clip(-1, 1)  # which rounding may leave
    if len(known) < 2:
        return Interval(float(known[0]), np.nan, np.nan) if len(known) else UNKNOWN
    mean = float(known.mean())
    half = t_quantile(len(known) - 1) * float(known.std(ddof=1)) / float(np.sqrt(len(known)))
    return Interval(mean, max(mean - half, -1.0), min(mean + half, 1.0))
