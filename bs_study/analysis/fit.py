"""Straight lines by least squares, with the interval of each coefficient."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import stats

FloatArray = npt.NDArray[np.float64]

CONFIDENCE = 0.95
MIN_FOR_INTERVAL = 3  # distinct x: two points lie on a line whatever they are


class Line(NamedTuple):
    """A fitted line y = intercept + slope * x; what can't be known is NaN.

    Attributes:
        low: lower end of the slope's 95 % interval; high is its upper end.
        points: how many pairs were fitted.
    """

    slope: float
    low: float
    high: float
    intercept: float
    points: int


def coefficients(design: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the least-squares coefficients of y on the columns of design, and the half-widths of their 95 % intervals.

    Half-width: t(0.975, n - p) * sqrt(diag((X'X)^-1) * RSS / (n - p)); NaN where n <= p.

    Args:
        design: shape (points, coefficients), of full column rank.
        y: shape (points,).
    """
    scale = np.linalg.norm(design, axis=0)  # columns may lie decades apart
    inverse = np.linalg.pinv(design / scale)
    estimate = (inverse @ y) / scale
    freedom = len(y) - design.shape[1]
    if freedom < 1:
        return estimate, np.full_like(estimate, np.nan)
    variance = np.sum((y - design @ estimate) ** 2) / freedom
    errors = np.sqrt(np.sum(inverse**2, axis=1) * variance) / scale
    return estimate, errors * stats.t.ppf((1 + CONFIDENCE) / 2, freedom)


def line(x: npt.ArrayLike, y: npt.ArrayLike, *, resolution: float = 0.0) -> Line:
    """Return the least-squares line through points, with the slope's 95 % interval.

    Pairs with a value that isn't finite are left out. Below two distinct x there is no line, below three no interval.

    Args:
        resolution: the step in which y can be read at all. Such a reading is off by up to half a step, with variance
            step^2 / 12, so the interval is never narrower than that error alone makes it, however straight the points.

    >>> round(line([0, 1, 2], [1, 3, 5]).slope, 9)
    2.0
    >>> line([1, 1], [2, 3])
    Line(slope=nan, low=nan, high=nan, intercept=nan, points=2)
    """
    pairs = np.column_stack([np.asarray(x, np.float64), np.asarray(y, np.float64)])
    known, values = pairs[np.isfinite(pairs).all(axis=1)].T
    distinct = len(np.unique(known))
    if distinct < 2:
        return Line(np.nan, np.nan, np.nan, np.nan, len(known))
    estimate, halves = coefficients(np.column_stack([np.ones_like(known), known]), values)
    intercept, slope = (float(value) for value in estimate)
    if distinct < MIN_FOR_INTERVAL:
        return Line(slope, np.nan, np.nan, intercept, len(known))
    half = max(float(halves[1]), _resolution_half_width(known, resolution))
    return Line(slope, slope - half, slope + half, intercept, len(known))


def _resolution_half_width(x: FloatArray, resolution: float) -> float:
    spread = np.sqrt(np.sum((x - x.mean()) ** 2))
    return float(stats.norm.ppf((1 + CONFIDENCE) / 2) * resolution / np.sqrt(12) / spread)


def log_line(x: npt.ArrayLike, y: npt.ArrayLike, *, resolution: float = 0.0) -> Line:
    """Return the line of log y on log x: its slope is the exponent of a power law. Only positive pairs count."""
    return line(_log(x), _log(y), resolution=resolution)


def _log(values: npt.ArrayLike) -> FloatArray:
    array = np.asarray(values, np.float64)
    logs: FloatArray = np.log(array, out=np.full_like(array, np.nan), where=array > 0)
    return logs


def mean_interval(values: npt.ArrayLike) -> tuple[float, float, float]:
    """Return the mean and its 95 % interval (t distribution), which is missing below three values.

    >>> mean_interval([2.0, 2.0, 2.0])
    (2.0, 2.0, 2.0)
    """
    array = np.asarray(values, np.float64)
    mean = float(array.mean()) if len(array) else np.nan
    if len(array) < MIN_FOR_INTERVAL:
        return mean, np.nan, np.nan
    half = float(stats.t.ppf((1 + CONFIDENCE) / 2, len(array) - 1) * array.std(ddof=1) / np.sqrt(len(array)))
    return mean, mean - half, mean + half


def ratio_interval(slower: npt.ArrayLike, faster: npt.ArrayLike) -> tuple[float, float, float]:
    """Return the ratio of the geometric means of two samples of times, and its 95 % interval (Welch's t on logs).

    The interval is missing where either sample has fewer than two values: one seed shows no spread.

    >>> ratio_interval([4.0], [2.0])
    (2.0, nan, nan)
    """
    a, b = _log(slower), _log(faster)
    difference = float(a.mean() - b.mean())
    if min(len(a), len(b)) < 2:
        return float(np.exp(difference)), np.nan, np.nan
    errors = np.array([a.var(ddof=1) / len(a), b.var(ddof=1) / len(b)])
    freedom = errors.sum() ** 2 / np.sum(errors**2 / [len(a) - 1, len(b) - 1]) if errors.any() else 1.0
    half = stats.t.ppf((1 + CONFIDENCE) / 2, freedom) * np.sqrt(errors.sum())
    return float(np.exp(difference)), float(np.exp(difference - half)), float(np.exp(difference + half))
