"""Loss-variance statistics of a loss curve.

Every function takes the losses of consecutive iterations, shape (iterations,), nats per example, and counts up to the
first that isn't finite. Variances are the unbiased sample ones (n - 1), as in pandas, DuckDB and Polars.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from scipy.ndimage import median_filter

from bs_study.analysis.fit import FloatArray

Stability = Literal["stable", "unstable", "diverged"]
LossArray = npt.NDArray[np.floating[Any]]

MEDIAN_ITERATIONS = 51  # the rolling median's window: long against the noise, short against the trend
SPIKE_MAD = 6.0


def finite_prefix(loss: LossArray) -> LossArray:
    """Return the losses before the first that isn't finite.

    >>> finite_prefix(np.array([2.0, 1.0, np.nan, 1.0])).tolist()
    [2.0, 1.0]
    """
    is_finite = np.isfinite(loss)
    return loss if is_finite.all() else loss[: int(is_finite.argmin())]


def _finite_doubles(loss: LossArray) -> FloatArray:
    return finite_prefix(loss).astype(np.float64)


def loss_variance(loss: LossArray) -> float:
    """Return the variance of the loss, its trend included; NaN below 2 iterations.

    >>> loss_variance(np.array([1.0, 3.0]))
    2.0
    """
    finite = _finite_doubles(loss)
    return float(finite.var(ddof=1)) if len(finite) > 1 else np.nan


def rolling_median_residuals(loss: FloatArray) -> FloatArray:
    """Return finite losses minus their rolling median over 51 iterations, centred.

    Near an end the window shrinks on both sides alike, so that it stays centred: a monotone curve, however steep, is
    its own rolling median, and its residuals are exactly 0.

    >>> rolling_median_residuals(np.array([4.0, 3.0, 9.0, 1.0, 0.0])).tolist()
    [0.0, -1.0, 6.0, 0.0, 0.0]
    """
    count, half = len(loss), MEDIAN_ITERATIONS // 2
    median = median_filter(loss, MEDIAN_ITERATIONS) if count >= MEDIAN_ITERATIONS else np.empty(count)
    near_end = np.r_[: min(half, count), max(half, count - half) : count]
    median[near_end] = _shrunk_medians(loss, near_end)
    residuals: FloatArray = loss - median
    return residuals


def _shrunk_medians(loss: FloatArray, positions: npt.NDArray[np.int64]) -> FloatArray:
    """Return the medians of the largest centred windows that fit.

    What lies beyond such a window counts as -inf on its left and +inf on its right: as many of each, so that the middle
    of the sorted whole is the median of the window.
    """
    half = MEDIAN_ITERATIONS // 2
    offsets = np.arange(-half, half + 1)
    fits = np.minimum(positions, len(loss) - 1 - positions)
    index = np.clip(positions[:, None] + offsets, 0, len(loss) - 1)
    outside = np.where(offsets < 0, -np.inf, np.inf)
    windows = np.where(np.abs(offsets) <= fits[:, None], loss[index], outside)
    medians: FloatArray = np.partition(windows, half, axis=1)[:, half]
    return medians


def detrended_variance(loss: LossArray) -> float:
    """Return the variance of the loss about its rolling median: sum(residual^2) / (n - 1); NaN below 3 iterations.

    For a constant plus independent noise it is the noise's variance, less about 1 % that the median follows.

    >>> detrended_variance(np.array([5.0, 4.0, 2.0, 1.0]))
    0.0
    """
    return variance_of_residuals(rolling_median_residuals(_finite_doubles(loss)))


def variance_of_residuals(residuals: FloatArray) -> float:
    return float(np.sum(residuals**2) / (len(residuals) - 1)) if len(residuals) > 2 else np.nan


def loss_noise(loss: LossArray) -> float:
    """Return the noise of a loss curve with its trend removed by differencing; NaN below 3 iterations.

    std(loss[t] - loss[t-1]) / sqrt(2). For a constant plus independent noise this is the noise's standard deviation.

    >>> loss_noise(np.array([5.0, 4.0, 3.0, 2.0]))
    0.0
    """
    finite = _finite_doubles(loss)
    return float(np.diff(finite).std(ddof=1) / np.sqrt(2)) if len(finite) > 2 else np.nan


def loss_spikes(loss: LossArray) -> int:
    """Return how many iterations' losses lie above the rolling median by more than 6 MAD.

    MAD is the median absolute deviation of the residuals: over all of them, or over the 51 around where that is larger,
    since noise falls with the loss and early noise is no spike. 6 MAD are 4 standard deviations of normal noise. A
    curve without noise has a MAD of 0: there every loss above its rolling median is a spike.

    >>> loss_spikes(np.array([1.0, 1.0, 1.0, 7.0, 1.0, 1.0, 1.0]))
    1
    """
    return int(is_spike(rolling_median_residuals(_finite_doubles(loss))).sum())


def is_spike(residuals: FloatArray) -> npt.NDArray[np.bool_]:
    """Return for each residual whether it is a spike, shape (iterations,)."""
    if not len(residuals):
        return np.zeros(0, bool)
    deviations = np.abs(residuals - np.median(residuals))
    around = median_filter(deviations, MEDIAN_ITERATIONS) if len(residuals) >= MEDIAN_ITERATIONS else 0.0
    spikes: npt.NDArray[np.bool_] = residuals > SPIKE_MAD * np.maximum(np.median(deviations), around)
    return spikes


def max_loss_ratio(loss: LossArray) -> float:
    """Return the largest loss divided by the first; NaN for no finite loss, or a first one that isn't positive.

    >>> max_loss_ratio(np.array([2.0, 5.0, 1.0]))
    2.5
    """
    finite = _finite_doubles(loss)
    return float(finite.max() / finite[0]) if len(finite) and finite[0] > 0 else np.nan


def stability_class(loss: LossArray, *, status: str = "completed") -> Stability | None:
    """Return whether a trial was stable, unstable (finite, with spikes above its first loss) or diverged.

    Args:
        loss: all of it, or a window from its beginning.
        status: the trial's; one that diverged by its loss limit has finite losses only.

    Returns:
        None where nothing is known: a trial without losses that didn't diverge (it was out of memory, for one).

    >>> stability_class(np.array([2.0, 1.0, 1.0, 9.0, 1.0, 1.0, 1.0]))
    'unstable'
    >>> stability_class(np.array([2.0, 1.0, 1.0, 1.9, 1.0, 1.0, 1.0]))
    'stable'
    """
    finite = _finite_doubles(loss)
    if status == "diverged" or len(finite) < len(loss):
        return "diverged"
    if not len(finite):
        return None
    return "unstable" if np.any(is_spike(rolling_median_residuals(finite)) & (finite > finite[0])) else "stable"
