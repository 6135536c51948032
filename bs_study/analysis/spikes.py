"""Losses that independent noise does not explain.

Single batches of a few examples have heavy-tailed losses: a loss far above its neighbours is no rare event there.
An instability moves the weights, so that the following iterations are high as well. Hence two rules: a burst is a
number of high losses too close together for independent noise, and an isolated loss is a spike only where no single
example can explain it. Of simulated stable trials of 1000 iterations, with batch sizes 1 to 1024 and per-example
losses from normal to log-normal (sigma 2) or rarely far from 0, 0.3 % have any spike.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.ndimage import uniform_filter1d
from scipy.special import gammaln

from bs_study.analysis.fit import FloatArray

BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.int64]

NEAR, FAR = 20, 100  # iterations: a burst is shorter than NEAR, the trend straight over FAR
COUNTS = (2, 3, 4, 6, 9, 14, 20)  # high losses that make a burst
BURST_CHANCE = 7e-4  # for each number of high losses; of all that are tried a few are independent
LOCAL_CHANCE = 7e-3
ISOLATED_CHANCE = 3e-3
EXAMPLE_LIMIT = 500  # no example's loss is this many times the typical one: of classes, 1000 nats
TAIL = 30


def spikes(loss: FloatArray, residuals: FloatArray, *, first_loss: float, batch_size: int) -> BoolArray:
    """Return which iterations are spikes beyond chance, shape (iterations,): those of bursts and isolated ones.

    Args:
        loss: finite losses of consecutive iterations.
        residuals: the same less their rolling median.
        first_loss: of the trial; what an untrained example's loss is like.
        batch_size: an isolated loss counts where one example, alone in its batch, would need 500 times the larger of
            the first loss and the mean loss within 100 iterations.
    """
    if not len(loss):
        return np.zeros(0, bool)
    scale = _noise_scale(residuals)
    z = np.divide(residuals, scale, out=np.zeros_like(residuals), where=scale > 0)
    found: BoolArray = _bursts(z) & (residuals > np.abs(residuals).mean())
    if (batch_size * residuals > EXAMPLE_LIMIT * abs(first_loss)).any():
        typical = np.maximum(abs(first_loss), mean_around(np.abs(loss), FAR))
        found |= _outliers(z) & (batch_size * residuals > EXAMPLE_LIMIT * typical)
    return found


def _noise_scale(residuals: FloatArray) -> FloatArray:
    """Return the noise around each iteration: (mean of sqrt|residual|)^2 over the iterations 21 to 100 away.

    So far away it is not the burst's own, and roots keep a few huge losses from deciding it. At least that of the
    whole window. Noise that falls quickly at the beginning is told from the first iterations, too.
    """
    roots = np.sqrt(np.abs(residuals))
    far, near = _sums_around(roots, FAR), _sums_around(roots, NEAR)
    counts = _counts_around(len(roots), FAR) - _counts_around(len(roots), NEAR)
    scale = np.maximum((far - near) / np.maximum(counts, 1), roots.mean())
    first = np.arange(min(len(roots), NEAR + 10))
    half = np.clip(first, 5, NEAR)
    low, high = np.maximum(first - half, 0), np.minimum(first + half + 1, len(roots))
    total = np.concatenate([[0.0], np.cumsum(roots[: NEAR + 10 + NEAR + 1])])
    scale[first] = np.maximum(scale[first], (total[high] - total[low] - roots[first]) / np.maximum(high - low - 1, 1))
    squares: FloatArray = scale**2
    return squares


def mean_around(values: FloatArray, half: int) -> FloatArray:
    """Return the mean of the values up to `half` iterations away from each."""
    mean: FloatArray = _sums_around(values, half) / _counts_around(len(values), half)
    return mean


def _sums_around(values: FloatArray, half: int) -> FloatArray:
    width = 2 * half + 1
    sums = np.empty(len(values))
    uniform_filter1d(values, width, output=sums, mode="constant")  # beyond the ends: 0
    sums *= width
    return sums


@functools.lru_cache(maxsize=64)
def _counts_around(count: int, half: int) -> IntArray:
    place = np.arange(count)
    counts: IntArray = np.minimum(place + half + 1, count) - np.maximum(place - half, 0)
    return counts


def _bursts(z: FloatArray) -> BoolArray:
    """Return which of the largest z are too close together to be independent.

    Of the k = 3, 6, 12, ... largest (up to an eighth), c lie within s <= 1.5 c iterations. Were all orders equally
    likely, the chance of that is at most k C(k-1, c-1) C(s-1, c-1) / C(n-1, c-1): for one of the k to be the first, and
    c-1 others to be within the s-1 that follow it. It must be below 0.0007. Noise whose spread varies slowly has its
    largest values in one region: the chance given how many of the k are near must be below 0.007, too.
    """
    count = len(z)
    found = np.zeros(count, bool)
    most = max(count // 8, min(count // 4, 6))
    if most < 3:
        return found
    largest = np.argpartition(z, count - most - 1)[count - most - 1 :]
    largest = largest[np.argsort(-z[largest], kind="stable")]
    for k in 3 * 2 ** np.arange(int(np.log2(most / 3)) + 1):
        high = np.sort(largest[:k][z[largest[:k]] > max(z[largest[k]], 0.0)])
        first, last, number, longest = _close_together(count, len(high))
        for hit in np.flatnonzero(high[last] - high[first] < longest):
            a, b, c = high[first[hit]], high[last[hit]], number[hit]
            if _chance_nearby(high, a, b, c, count=count) < LOCAL_CHANCE:
                found[high[first[hit] : last[hit] + 1]] = True
    return found


@functools.lru_cache(maxsize=256)
def _close_together(count: int, k: int) -> tuple[IntArray, IntArray, IntArray, IntArray]:
    """Return for each run of c of the k largest: its first, its last, c, and the span that chance rarely gives."""
    numbers = [c for c in COUNTS if c <= k]
    first = [np.arange(k - c + 1) for c in numbers]
    number = np.repeat(numbers, [len(each) for each in first]).astype(np.int64)
    spans = np.arange(1, 3 * COUNTS[-1] // 2 + 1)
    longest = [
        np.count_nonzero((spans >= c) & (spans <= 1.5 * c) & (_log_chance(count, k, c, spans) < np.log(BURST_CHANCE)))
        + c - 1
        for c in numbers
    ]  # fmt: skip
    starts = np.concatenate([*first, []]).astype(np.int64)
    return starts, starts + number - 1, number, np.repeat(longest, [len(each) for each in first]).astype(np.int64)


def _log_chance(count: int, k: int, c: int, span: Any) -> Any:
    return np.log(k) + _log_choose(k - 1, c - 1) + _log_choose(span - 1, c - 1) - _log_choose(count - 1, c - 1)


def _log_choose(n: Any, k: int) -> Any:
    return np.where(n >= k, gammaln(n + 1) - gammaln(k + 1) - gammaln(np.maximum(n - k, 0) + 1), -np.inf)


def _chance_nearby(high: IntArray, a: int, b: int, c: int, *, count: int) -> float:
    """Return the chance of c within a..b, given how many of the high ones are near; of all such regions together."""
    around = 3 * NEAR if c <= 4 else NEAR
    low, top = max(0, a - around), min(count - 1, b + around)
    near = int(np.searchsorted(high, top, "right") - np.searchsorted(high, low))
    length = top - low + 1
    return float(np.exp(_log_chance(length, near, c, b - a + 1)) * count / length)


def _outliers(z: FloatArray) -> BoolArray:
    """Return which of the largest z are further out than the tail of the others explains.

    In a tail z^(-1/xi) the spacings j (log z_j - log z_j+1) of the sorted values are exponential with mean xi (Renyi;
    it is Hill's estimator that averages them). The j largest are outliers where the j-th spacing T, in units of the
    mean of the k = 30 that follow, has a chance (1 + T / k)^-k below 0.003 / j^2. A curve without noise, whose other
    residuals are all 0, has nothing else to compare with: its few that aren't are outliers.
    """
    count = len(z)
    most = max(1, min(count // 20, 50))
    order = np.argsort(-z, kind="stable")[: most + TAIL + 2]
    order = order[z[order] > 0]
    found = np.zeros(count, bool)
    is_noiseless = len(order) <= most and not (z < 0).any()
    spacing = np.arange(1, len(order)) * -np.diff(np.log(z[order]))
    total = np.concatenate([[0.0], np.cumsum(spacing)])
    j = np.arange(1, min(most, len(order) - 2) + 1)
    k = np.minimum(TAIL, len(order) - 1 - j)
    mean = (total[j + k] - total[j]) / k
    ratio = np.divide(spacing[j - 1], mean, out=np.full(len(j), np.inf), where=mean > 0)
    beyond = np.flatnonzero((1 + ratio / k) ** -k < ISOLATED_CHANCE / j**2)
    number = len(order) if is_noiseless else j[beyond[-1]] if len(beyond) else 0
    found[order[:number]] = True
    return found
