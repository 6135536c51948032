"""Loss-variance statistics of a loss curve.

Every function takes finite losses of consecutive iterations, shape (iterations,), nats per example. Variances are the
unbiased sample ones (n - 1), as in pandas, DuckDB and Polars.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.ndimage import median_filter

from bs_study.analysis.fit import FloatArray
from bs_study.analysis.spikes import spikes
from bs_study.analysis.stability import Fate, Stability, is_unstable

LossArray = npt.NDArray[np.floating[Any]]

MEDIAN_ITERATIONS = 51  # the rolling median's window: long against the noise, short against the trend
STATISTICS = ("iterations", "loss_variance", "detrended_variance", "noise", "spikes", "max_loss_ratio", "stability")


def finite_prefix(loss: LossArray) -> LossArray:
    """Return the losses before the first that isn't finite.

    >>> finite_prefix(np.array([2.0, 1.0, np.nan, 1.0])).tolist()
    [2.0, 1.0]
    """
    is_finite = np.isfinite(loss)
    return loss if is_finite.all() else loss[: int(is_finite.argmin())]


def loss_variance(loss: LossArray) -> float:
    """Return the variance of the loss, its trend included; NaN below 2 iterations.

    >>> loss_variance(np.array([1.0, 3.0]))
    2.0
    """
    return float(loss.var(ddof=1)) if len(loss) > 1 else np.nan


def rolling_median_residuals(loss: FloatArray) -> FloatArray:
    """Return losses minus their rolling median over 51 iterations, centred.

    Near an end the window shrinks on both sides alike, so that it stays centred: a monotone curve, however steep, is
    its own rolling median, and its residuals are exactly 0.

    >>> rolling_median_residuals(np.array([4.0, 3.0, 9.0, 1.0, 0.0])).tolist()
    [0.0, -1.0, 6.0, 0.0, 0.0]
    """
    count = len(loss)
    if not count:
        return loss
    from_end = min(MEDIAN_ITERATIONS // 2, (count + 1) // 2)
    median = np.empty(count)
    if count >= MEDIAN_ITERATIONS:
        median_filter(loss, MEDIAN_ITERATIONS, output=median)
    median[:from_end] = _first_medians(loss[: 2 * from_end - 1])
    median[count - from_end :] = _first_medians(loss[::-1][: 2 * from_end - 1])[::-1]
    residuals: FloatArray = loss - median
    return residuals


def _first_medians(loss: FloatArray) -> FloatArray:
    """Return the medians of the first loss, the first 3, the first 5, ... of an odd number of losses."""
    is_within, beyond = _first_windows(len(loss))
    middle = len(loss) // 2
    medians: FloatArray = np.partition(np.where(is_within, loss, beyond), middle, axis=1)[:, middle]
    return medians


@functools.lru_cache(maxsize=MEDIAN_ITERATIONS)
def _first_windows(count: int) -> tuple[npt.NDArray[np.bool_], FloatArray]:
    """Return which of so many losses are in each window, a row each, and what stands in the place of the others.

    They are -inf and +inf in turn, as many of each: the middle of the sorted row stays the median of the window.
    """
    row, column = np.ogrid[: (count + 1) // 2, :count]
    return column <= 2 * row, np.where(column % 2, -np.inf, np.inf)


def detrended_variance(residuals: FloatArray) -> float:
    """Return the variance of the loss about its rolling median: sum(residual^2) / (n - 1); NaN below 3 iterations.

    For a constant plus independent noise it is the noise's variance, less about 1 % that the median follows.

    >>> detrended_variance(rolling_median_residuals(np.array([5.0, 4.0, 2.0, 1.0])))
    0.0
    """
    return float(np.sum(residuals**2) / (len(residuals) - 1)) if len(residuals) > 2 else np.nan


def loss_noise(loss: LossArray) -> float:
    """Return the noise of a loss curve with its trend removed by differencing; NaN below 3 iterations.

    std(loss[t] - loss[t-1]) / sqrt(2). For a constant plus independent noise this is the noise's standard deviation.

    >>> loss_noise(np.array([5.0, 4.0, 3.0, 2.0]))
    0.0
    """
    return float(np.diff(loss).std(ddof=1) / np.sqrt(2)) if len(loss) > 2 else np.nan


def max_loss_ratio(loss: LossArray, *, first_loss: float) -> float:
    """Return the largest loss divided by the trial's first; NaN for no loss, or a first one that isn't positive.

    >>> max_loss_ratio(np.array([2.0, 5.0, 1.0]), first_loss=2.0)
    2.5
    """
    return float(loss.max() / first_loss) if len(loss) and first_loss > 0 else np.nan


def window_statistics(
    loss: LossArray, *, first_loss: float, batch_size: int, fate: Fate | None = None
) -> dict[str, Any]:
    """Return the loss-variance statistics of a window of a trial: the columns STATISTICS.

    Spikes are the iterations that independent noise of this batch size does not explain (see `spikes`); the window is
    unstable if any is above the trial's first loss (see `is_unstable`).

    Args:
        loss: finite losses of consecutive iterations.
        first_loss: of the trial.
        batch_size: of the trial.
        fate: how the trial ended, whatever the window shows: diverged in every window, stuck in those it has.

    >>> found = window_statistics(np.array([2.0, 1.0, 1.0, 9.0, 1.0, 1.0, 1.0]), first_loss=2.0, batch_size=256)
    >>> found["spikes"], found["max_loss_ratio"], found["stability"]
    (1, 4.5, 'unstable')
    >>> window_statistics(np.array([2.0, 1.0, 1.0, 1.9, 1.0, 1.0, 1.0]), first_loss=2.0, batch_size=256)["stability"]
    'stable'
    """
    doubles: FloatArray = loss.astype(np.float64)
    residuals = rolling_median_residuals(doubles)
    found = spikes(doubles, residuals, first_loss=first_loss, batch_size=batch_size)
    stability: Stability | None = fate or "stable"
    if not fate and is_unstable(doubles, residuals, found, first_loss=first_loss):
        stability = "unstable"
    return {
        "iterations": len(loss),
        "loss_variance": loss_variance(doubles),
        "detrended_variance": detrended_variance(residuals),
        "noise": loss_noise(doubles),
        "spikes": int(found.sum()) if len(loss) else np.nan,
        "max_loss_ratio": max_loss_ratio(doubles, first_loss=first_loss),
        "stability": stability if len(loss) or fate == "diverged" else None,
    }
