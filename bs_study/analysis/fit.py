"""Straight lines by least squares, with the interval of their slope."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import stats

FloatArray = npt.NDArray[np.float64]

CONFIDENCE = 0.95  # of the intervals in tables; a verdict asks for more
MIN_FOR_INTERVAL = 3  # distinct x: two points lie on a line whatever they are


class Line(NamedTuple):
    """A fitted line y = intercept + slope * x. Unknown numbers are NaN.

    Attributes:
        low: lower end of the slope's interval; high is its upper end.
        points: how many pairs were fitted.
    """

    slope: float
    low: float
    high: float
    intercept: float
    points: int

    def evidence(self, confidence: float) -> dict[str, Any]:
        """Return what a verdict on a trend against batch size, one point each, rests on."""
        ends = {"slope": self.slope, "slope_low": self.low, "slope_high": self.high}
        return ends | {"batch_sizes": self.points, "confidence": confidence}


def line(x: npt.ArrayLike, y: npt.ArrayLike, *, resolution: float = 0.0, confidence: float = CONFIDENCE) -> Line:
    """Return the least-squares line through points, with the interval of its slope by Student's t on n - 2.

    Pairs with a value that isn't finite are left out. Below two distinct x there is no line, below three no interval.

    Args:
        x: shape (points,). Points must be independent of each other.
        y: shape (points,).
        resolution: the step in which y can be read at all. Such a reading is off by up to half a step, with variance
            step^2 / 12. The slope's standard error is never taken to be smaller than that error alone makes it:
            otherwise three readings that lie straight by chance would seem to have no error.
        confidence: of the interval.

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
    fit = stats.linregress(known, values)
    slope, intercept = float(fit.slope), float(fit.intercept)
    if distinct < MIN_FOR_INTERVAL:
        return Line(slope, np.nan, np.nan, intercept, len(known))
    reading = resolution / np.sqrt(12 * np.sum((known - known.mean()) ** 2))
    measured = 0.0 if np.ptp(values) == 0 else float(fit.stderr)  # scipy's is NaN for a level line
    half = float(stats.t.ppf((1 + confidence) / 2, len(known) - 2)) * max(measured, float(reading))
    return Line(slope, slope - half, slope + half, intercept, len(known))


def log_line(x: npt.ArrayLike, y: npt.ArrayLike, *, resolution: float = 0.0, confidence: float = CONFIDENCE) -> Line:
    """Return the line of log y on log x: its slope is the exponent of a power law. Only positive pairs count."""
    return line(_log(x), _log(y), resolution=resolution, confidence=confidence)


def _log(values: npt.ArrayLike) -> FloatArray:
    array = np.asarray(values, np.float64)
    logs: FloatArray = np.log(array, out=np.full_like(array, np.nan), where=array > 0)
    return logs


def known_pairs(x: npt.ArrayLike, y: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Return the pairs of which both are above 0 and finite, in order of x."""
    pairs = np.column_stack([np.asarray(x, np.float64), np.asarray(y, np.float64)])
    known = pairs[np.isfinite(pairs).all(axis=1) & (pairs > 0).all(axis=1)]
    ordered = known[np.argsort(known[:, 0], kind="stable")]
    return ordered[:, 0], ordered[:, 1]
