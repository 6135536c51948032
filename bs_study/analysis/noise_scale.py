"""The noise scale of gradients, phi = tr Σ / |G|², from probes.

The gradient of one example has mean G and covariance Σ at given weights. That of a batch of B independent examples is
G in the mean, and its squared distance from G is tr Σ / B: at B = phi it is as large as |G|².

Sources: McCandlish et al. 2018, An empirical model of large-batch training (phi is their simple noise scale, and a
probe the estimator of their appendix A.1). Fieller 1954, Some problems in interval estimation.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import stats

from bs_study.analysis.fit import CONFIDENCE, FloatArray


class Interval(NamedTuple):
    """A number and the ends of its 95 % interval. NaN where it is not known; `high` may be infinite."""

    value: float
    low: float
    high: float


UNKNOWN = Interval(np.nan, np.nan, np.nan)


def noise_scale(tr_sigma: npt.ArrayLike, g2: npt.ArrayLike) -> Interval:
    """Return the pooled noise scale phi = sum S / sum G2 over probes, in examples, with Fieller's 95 % interval.

    The mean of the ratios S / G2 would be biased, and without a variance: a G2 may be near 0, or below it. The ratio of
    sums weighs each probe by its G2.

    Fieller's interval is all phi that a t test does not refuse: (mS - phi mG)² <= t² (vSS - 2 phi vSG + phi² vGG). Here
    mS and mG are the means over n probes, v their covariance matrix (that of the pairs, over n), and t the quantile
    with n - 1 degrees of freedom. Where the interval of mG itself holds 0, phi has no upper end: it is at least `low`.

    Probes count as independent draws of one pair of means. Over a window in which G and Σ change, phi is their weighted
    mean, and a trend widens the interval.

    Args:
        tr_sigma: S, the unbiased estimate of tr Σ of each probe, shape (probes,), in squares of the gradient's unit.
        g2: G2, that of |G|², same shape and unit; it may be below 0. A pair that isn't finite is left out.

    Returns:
        value: missing where sum G2 is not above 0, and never below 0. low, high: missing below two probes. high is
        infinite where the interval of mG holds 0, or lies below it. low is then Fieller's lower end, or 0 where there
        is none: where the interval of mS holds 0 too, and of gradients that are all 0. No end is below 0, since phi is
        not.

    >>> noise_scale([300.0], [2.0])
    Interval(value=150.0, low=nan, high=nan)
    >>> noise_scale([10.0, 10.0, 10.0], [5.0, 5.0, 5.0])
    Interval(value=2.0, low=2.0, high=2.0)
    """
    pairs = np.column_stack([np.asarray(tr_sigma, np.float64), np.asarray(g2, np.float64)])
    pairs = pairs[np.isfinite(pairs).all(axis=1)]
    probes = len(pairs)
    if probes == 0:
        return UNKNOWN
    units = np.abs(pairs).max(axis=0)  # a square of a square of a small gradient would be 0
    units[units == 0] = 1.0
    pairs /= units
    s, g = pairs.mean(axis=0)
    unit = float(units[0]) / float(units[1])
    value = max(float(s / g), 0.0) * unit if g > 0 else np.nan  # S is below 0 by rounding alone
    if probes == 1:
        return Interval(value, np.nan, np.nan)
    low, high = _fieller(float(s), float(g), np.cov(pairs.T) / probes, t=t_quantile(probes - 1))
    return Interval(value, low * unit, high * unit)


def _fieller(s: float, g: float, v: FloatArray, *, t: float) -> tuple[float, float]:
    """Return the ends of all x >= 0 with a x² - 2 b x + c <= 0."""
    a = g**2 - t**2 * float(v[1, 1])
    b = s * g - t**2 * float(v[0, 1])
    c = s**2 - t**2 * float(v[0, 0])
    root = float(np.sqrt(max(b**2 - a * c, 0.0)))
    if a > 0 and g > 0:
        return max((b - root) / a, 0.0), max((b + root) / a, 0.0)
    # The roots have different signs, and beyond the upper one all x hold; where c <= 0, already 0 does.
    return ((b - root) / a if a < 0 < c else 0.0), np.inf


@functools.cache
def t_quantile(degrees: int) -> float:
    """Return Student's t at which a two-sided interval of 95 % ends."""
    return float(stats.t.ppf((1 + CONFIDENCE) / 2, degrees))
