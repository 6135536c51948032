"""Between points on logs: straight lines, and nothing beyond the points or over a gap."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bs_study.analysis.fit import FloatArray


def between(at: npt.ArrayLike, xs: npt.ArrayLike, ys: npt.ArrayLike) -> FloatArray:
    """Return y where log y is a straight line over log x from each point to the next; missing beyond, and at a gap.

    Args:
        at: shape (n,), above 0.
        xs: of the points, ascending, each once, above 0, shape (points,).
        ys: at least 0; a missing one is a gap, up to its neighbours on both sides.

    >>> between([1, 2, 4, 8], [1, 4], [100, 25]).round(6).tolist()
    [100.0, 50.0, 25.0, nan]
    """
    x, y, wanted = (np.asarray(values, np.float64) for values in (xs, ys, at))
    if not len(x):
        return np.full(len(wanted), np.nan)
    right = np.clip(np.searchsorted(x, wanted), 0, len(x) - 1)
    left = np.maximum(right - 1, 0)
    is_inside = (wanted > x[left]) & (wanted < x[right])
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(is_inside, np.log(wanted / x[left]) / np.log(x[right] / x[left]), 0.0)
        line = np.exp((1 - share) * np.log(y[left]) + share * np.log(y[right]))
    found: FloatArray = np.where(x[right] == wanted, y[right], np.where(is_inside, line, np.nan))
    return found
