"""The curve of updates against batch size, with the knee at which a larger batch stops saving them.

S(B) is the number of iterations to a target at batch size B, and E(B) = B S(B) that of examples. Sources: McCandlish et
al. 2018, An empirical model of large-batch training. Shallue et al. 2019, Measuring the effects of data parallelism.
"""

from __future__ import annotations

import functools
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import optimize, special, stats

from bs_study.analysis.fit import CONFIDENCE, FloatArray, known_pairs

MIN_FOR_KNEE = 4
MIN_FOR_POWER = 5
PERFECT, SATURATED = -0.9, -0.1
"""Slopes of log S on log B: from here down the updates are saved in full, from here up hardly any are."""
FAR = float(np.log(1e7))  # of B_c from every batch size tried, on logs: there the curve is its limit, to rounding
POWERS: FloatArray = 2 ** (np.arange(-12, 17) / 4)  # of which 1 is one, exactly

Regime = Literal["perfect", "diminishing", "saturated", ""]


class Curve(NamedTuple):
    """S = S_min (1 + (B_c/B)^p)^(1/p).

    Attributes:
        batch_size: B_c, the knee, where the line of perfect scaling meets the floor of updates; 0 where S does not fall
            at all, infinite where it falls as 1/B throughout.
        power: p.
        min_iterations: S_min; 0 where B_c is infinite.
        min_examples: E_min = S_min B_c; 0 where B_c is 0.
    """

    batch_size: float
    power: float
    min_iterations: float
    min_examples: float

    def iterations(self, batch_sizes: npt.ArrayLike) -> FloatArray:
        """Return S of some batch sizes, of the same shape."""
        sizes = np.asarray(batch_sizes, np.float64)
        if np.isinf(self.batch_size):
            return self.min_examples / sizes
        log_knee = np.log(self.batch_size) if self.batch_size else -np.inf
        return self.min_iterations * np.exp(_log_curve(log_knee, np.log(sizes), self.power))

    def slope(self, batch_size: float) -> float:
        """Return d log S / d log B = -1 / (1 + (B/B_c)^p) at a batch size."""
        return float(-1 / (1 + (batch_size / self.batch_size) ** self.power)) if self.batch_size else 0.0

    def at_slope(self, slope: float) -> float:
        """Return the batch size at which log S falls with log B at a slope between -1 and 0."""
        return self.batch_size * float((-1 / slope - 1) ** (1 / self.power))


class Knee(NamedTuple):
    """The fitted curve of power 1, and what is not ruled out beside it.

    Attributes:
        best: the curve of least squares.
        low, high: the interval of its knee; the ends may be 0 and infinite.
        points: batch sizes that were fitted.
        power_low, power_high: interval of p, if it were fitted too; missing below five batch sizes. 0 stands for all
            powers below 1/8, infinity for all above 16.
        ends: the curves at both ends of the interval, of each power in it where power 1 is not.
        shapes: those of power 1 and of each power in p's interval, whether that holds 1 or not: power 1 may fit well
            where the truth is another, whose slopes differ.
    """

    best: Curve
    low: float
    high: float
    points: int
    power_low: float
    power_high: float
    ends: tuple[Curve, ...]
    shapes: tuple[Curve, ...]

    @property
    def is_widened(self) -> bool:
        """Whether a knee of power 1 does not fit, so that the interval holds those of all powers that do."""
        return bool(self.power_low > 1 or self.power_high < 1)

    def within(self, overhead: float, *, of: float = 0.0) -> float:
        """Return the batch size that takes so many more examples, as a fraction, than batch size `of`.

        By the curve of power 1, E = E_min (1 + B/B_c); `of` = 0 compares with E_min.
        """
        return of + overhead * (of + self.best.batch_size)

    def band(self, batch_sizes: npt.ArrayLike) -> FloatArray:
        """Return the least and the largest S of the best curve and those at the ends, shape (2, sizes)."""
        curves = np.array([curve.iterations(batch_sizes) for curve in (self.best, *self.ends)])
        return np.array([curves.min(axis=0), curves.max(axis=0)])

    def slopes(self, batch_size: float) -> tuple[float, float]:
        """Return the least and the largest slope of log S on log B there, over all shapes."""
        of_all = [curve.slope(batch_size) for curve in self.shapes]
        return min(of_all), max(of_all)

    def at_slope(self, slope: float) -> tuple[float, float, float]:
        """Return the batch size at which the best curve has a slope, and the least and the largest of all shapes."""
        ends = [curve.at_slope(slope) for curve in self.shapes]
        return self.best.at_slope(slope), min(ends), max(ends)

    def regime(self, batch_size: float) -> Regime:
        """Return which regime a batch size is in; empty where the shapes disagree, or the power can't be told."""
        ends = {regime_of(slope) for slope in self.slopes(batch_size)}
        return ends.pop() if len(ends) == 1 and self.points >= MIN_FOR_POWER else ""


def regime_of(slope: float) -> Regime:
    """Return which regime a slope of log S on log B is.

    >>> regime_of(-0.95), regime_of(-0.5), regime_of(0.0)
    ('perfect', 'diminishing', 'saturated')
    """
    return "perfect" if slope <= PERFECT else "saturated" if slope >= SATURATED else "diminishing"


def knee(
    batch_sizes: npt.ArrayLike, iterations: npt.ArrayLike, *, resolution: float = 0.0, confidence: float = CONFIDENCE
) -> Knee | None:
    """Return the knee of S = S_min (1 + B_c/B), definition (b), its interval widened by definition (c).

    Least squares on log S, one point per batch size: the seeds of a batch size share its lrs and its looks, so they are
    no independent points. The interval is the profile {B_c : RSS <= RSS_min (1 + F(confidence; 1, n - 2) / (n - 2))}.
    Where p = 1 lies outside the same interval of p (with n - 3), it is the union over all p inside. Source: Bates and
    Watts 1988, Nonlinear regression analysis, section 6.1.

    Args:
        batch_sizes: mean examples of an iteration, shape (points,).
        iterations: to the target, shape (points,); points without are left out.
        resolution: the step in which log S can be read at all: the residual variance is at least step^2 / 12.

    Returns:
        None below four batch sizes.
    """
    sizes, counts = known_pairs(batch_sizes, iterations)
    if len(np.unique(sizes)) < MIN_FOR_KNEE:
        return None
    return _knee(tuple(sizes), tuple(counts), resolution, confidence)


@functools.cache  # a page asks for the knee of one curve in each sentence and figure
def _knee(sizes: tuple[float, ...], counts: tuple[float, ...], resolution: float, confidence: float) -> Knee:
    profile = _Profile(np.log(sizes), np.log(counts), resolution)
    best, *ends = profile.of(1.0, confidence)
    powers = profile.powers(confidence) if len(sizes) >= MIN_FOR_POWER else np.array([])
    shapes = (*ends, *(end for power in powers for end in profile.of(power, confidence)[1:]))
    low, high = (powers[0], powers[-1]) if len(powers) else (np.nan, np.nan)
    told = shapes if low > 1 or high < 1 else tuple(ends)
    knees = [end.batch_size for end in told]
    power_low = 0.0 if low == POWERS[0] else float(low)
    power_high = np.inf if high == POWERS[-1] else float(high)
    return Knee(best, min(knees), max(knees), len(sizes), power_low, power_high, told, shapes)


class _Profile:
    """The residual sum of squares of log S at each B_c: S_min has then a closed form, the mean of logs."""

    def __init__(self, log_sizes: FloatArray, log_counts: FloatArray, resolution: float) -> None:
        self.x, self.y = log_sizes, log_counts
        self.reading = resolution**2 / 12

    def left(self, log_knees: FloatArray, power: float) -> FloatArray:
        """Return log S less the log of the curve with S_min = 1, or where B_c is infinite E_min = 1; a row per B_c."""
        ends = log_knees[:, None]
        return np.where(np.isposinf(ends), self.y + self.x, self.y - _log_curve(ends, self.x, power))

    def rss(self, log_knees: FloatArray, power: float) -> FloatArray:
        left = self.left(log_knees, power)
        sums: FloatArray = np.sum((left - left.mean(axis=1, keepdims=True)) ** 2, axis=1)
        return sums

    def grid(self, power: float) -> FloatArray:
        """Return logs of B_c, from where the curve is level to where it is 1/B; both limits are its ends."""
        far = FAR / min(power, 1.0)
        return np.concatenate([[-np.inf], np.linspace(self.x.min() - far, self.x.max() + far, 300), [np.inf]])

    def least(self, power: float) -> tuple[float, float]:
        """Return the log of the best B_c, and its sum of squares."""
        grid = self.grid(power)
        sums = self.rss(grid, power)
        at = int(sums.argmin())
        below, above = grid[max(at - 1, 0)], grid[min(at + 1, len(grid) - 1)]
        is_between = np.isfinite([below, above]).all() and self._rise(below, power) < 0 < self._rise(above, power)
        if not is_between:  # a limit of the curve, or so near to one that rounding is all that differs
            return float(grid[at]), float(sums[at])
        best = optimize.brentq(self._rise, below, above, args=(power,), xtol=1e-14)
        return float(best), float(self.rss(np.array([best]), power)[0])

    def _rise(self, log_knee: float, power: float) -> float:
        """Return half of how the sum of squares rises with log B_c."""
        left = self.left(np.array([log_knee]), power)[0]
        return -float(np.sum((left - left.mean()) * special.expit(power * (log_knee - self.x))))

    def limit(self, least: float, *, parameters: int, confidence: float) -> float:
        """Return up to which sum of squares a curve is not ruled out, in whose fit one parameter was left free."""
        freedom = len(self.y) - parameters
        variance = max(least / freedom, self.reading, 1e-18)  # of exact numbers rounding is left
        return least + variance * float(stats.f.ppf(confidence, 1, freedom))

    def of(self, power: float, confidence: float) -> tuple[Curve, Curve, Curve]:
        """Return the best curve of a power, and those at both ends of the interval of its knee."""
        best, least = self.least(power)
        limit = self.limit(least, parameters=2, confidence=confidence)
        grid = np.sort(np.append(self.grid(power), best))
        first, last = np.flatnonzero(self.rss(grid, power) <= limit)[[0, -1]]
        low, high = (self._end(grid, power, limit, at, at + step) for at, step in ((first, -1), (last, 1)))
        return self._curve(best, power), self._curve(low, power), self._curve(high, power)

    def _end(self, grid: FloatArray, power: float, limit: float, inside: int, outside: int) -> float:
        """Return the log of the B_c at which the sum of squares passes the limit, between two of the grid."""
        if not 0 <= outside < len(grid):
            return float(grid[inside])
        if not np.isfinite(grid[[inside, outside]]).all():
            return float(grid[inside if np.isfinite(grid[inside]) else outside])

        def over(log_knee: float) -> float:
            return float(self.rss(np.array([log_knee]), power)[0]) - limit

        return float(optimize.brentq(over, grid[inside], grid[outside], xtol=1e-12))

    def _curve(self, log_knee: float, power: float) -> Curve:
        """Return the curve of a knee, its S_min by least squares."""
        level, size = float(np.exp(self.left(np.array([log_knee]), power).mean())), float(np.exp(log_knee))
        return Curve(size, power, *((0.0, level) if np.isinf(size) else (level, level * size)))

    def powers(self, confidence: float) -> FloatArray:
        """Return the powers that are not ruled out, in order: the ends of their interval, and some in it."""

        def over(power: float, limit: float = 0.0) -> float:
            return self.least(power)[1] - limit

        sums = np.array([over(power) for power in POWERS])
        at = int(sums.argmin())
        around = float(POWERS[max(at - 1, 0)]), float(POWERS[min(at + 1, len(POWERS) - 1)])
        best = optimize.minimize_scalar(over, bounds=around, method="bounded")
        grid, sums = np.append(POWERS, best.x), np.append(sums, best.fun)
        grid, sums = grid[grid.argsort()], sums[grid.argsort()]
        limit = self.limit(float(sums.min()), parameters=3, confidence=confidence)
        inside = np.flatnonzero(sums <= limit)
        ends = [
            optimize.brentq(over, grid[at], grid[at + step], args=(limit,))
            for at, step in ((inside[0], -1), (inside[-1], 1))
            if 0 <= at + step < len(grid)
        ]
        return np.sort(np.append(grid[inside], ends))


def _log_curve(log_knee: FloatArray | float, log_sizes: FloatArray, power: float) -> FloatArray:
    """Return log (1 + (B_c/B)^p)^(1/p)."""
    logs: FloatArray = np.logaddexp(0.0, power * (log_knee - log_sizes)) / power
    return logs
