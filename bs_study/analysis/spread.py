"""How much the seeds of a cell differ: the variance of log times, where few seeds know little of it alone."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field

import numpy as np
from scipy import optimize, special

from bs_study.analysis.fit import FloatArray

MIN_CELLS = 3  # whether spreads of cells differ can't be told from fewer


@dataclass(frozen=True)
class Spread:
    """The variance of the log time of one seed, cell by cell, and its degrees of freedom.

    Attributes:
        own: (variance, degrees of freedom) of each cell that has seeds of its own to tell.
        prior: the same for any other cell; None where no cell has two seeds.
        total: degrees of freedom of all cells together: none knows more than that.
    """

    own: Mapping[Hashable, tuple[float, float]] = field(default_factory=dict)
    prior: tuple[float, float] | None = None
    total: float = 0.0

    def of(self, cell: Hashable) -> tuple[float, float] | None:
        """Return the variance of a cell and its degrees of freedom; None where nothing is known."""
        return self.own.get(cell, self.prior)


def seed_spread(logs: Mapping[Hashable, FloatArray], *, resolution: Mapping[Hashable, float]) -> Spread:
    """Return the spread over seeds of each cell, drawn towards the common one as far as the cells agree on it.

    A cell's variance s^2 with d = n - 1 degrees of freedom becomes (d0 s0^2 + d s^2) / (d0 + d) with d0 + d degrees.
    d0 and s0^2 are those of the scaled inverse chi-square from which the cells' variances seem drawn, by the mean and
    the variance of their logs, s0^2 at least the pooled variance. Source: Smyth 2004, Linear models and empirical Bayes
    methods, section 6.2 (limma). Two seeds a cell say little by their logs, and a few wild cells among many would be
    lost, so d0 has a limit by the squares of the variances too (`_limit`).

    Args:
        logs: log time of each seed of a cell, shape (seeds,); cells with fewer than two tell nothing.
        resolution: the step of log time between two looks, by cell. A reading is off by a uniform part of it, with
            variance step^2 / 12: no cell's variance is below that.
    """
    known = {cell: values for cell, values in logs.items() if len(values) > 1}
    if not known:
        return Spread()
    variance, freedom = _variances(known, resolution)
    total = float(freedom.sum())
    prior_variance, prior_freedom = _prior(variance, freedom)
    shrunk = (prior_freedom * prior_variance + freedom * variance) / (prior_freedom + freedom)
    degrees = np.minimum(prior_freedom + freedom, total)
    own = {cell: (float(v), float(d)) for cell, v, d in zip(known, shrunk, degrees, strict=True)}
    # A cell that shows no spread of its own takes the common one; of too few cells to differ, all that they know.
    common = total if len(known) < MIN_CELLS else min(max(prior_freedom, 1.0), total)
    return Spread(own, (prior_variance, common), total)


def pooled_variance(logs: Mapping[Hashable, FloatArray], *, resolution: Mapping[Hashable, float]) -> float | None:
    """Return the variance over seeds as if it were that of every cell; None where no cell has two seeds.

    The arguments are those of `seed_spread`.
    """
    known = {cell: values for cell, values in logs.items() if len(values) > 1}
    if not known:
        return None
    return _pooled(*_variances(known, resolution))


def _variances(
    logs: Mapping[Hashable, FloatArray], resolution: Mapping[Hashable, float]
) -> tuple[FloatArray, FloatArray]:
    """Return the variance of each cell, at least that of its looks, and its degrees of freedom."""
    freedom = np.array([len(values) - 1 for values in logs.values()], float)
    least = np.array([resolution.get(cell, 0.0) ** 2 / 12 for cell in logs])
    return np.maximum([values.var(ddof=1) for values in logs.values()], np.maximum(least, 1e-12)), freedom


def _pooled(variance: FloatArray, freedom: FloatArray) -> float:
    return float(np.sum(freedom * variance) / freedom.sum())


def _prior(variance: FloatArray, freedom: FloatArray) -> tuple[float, float]:
    """Return s0^2 and d0; with few cells each stands for itself, and s0^2 is the largest."""
    if len(variance) < MIN_CELLS:
        return float(variance.max()), 0.0
    pooled = _pooled(variance, freedom)
    limit = _limit(variance, freedom, pooled=pooled)
    half = freedom / 2
    logs = np.log(variance) - special.digamma(half) + np.log(half)
    excess = float(np.mean((logs - logs.mean()) ** 2 * len(logs) / (len(logs) - 1) - special.polygamma(1, half)))
    if excess <= 0:
        return pooled, limit
    half_prior = _inverse_trigamma(excess)
    scale = float(np.exp(logs.mean() + special.digamma(half_prior) - np.log(half_prior)))
    # Of cells of two kinds the typical spread is too small for the wider kind: 8 % of equal cells were told apart.
    return max(scale, pooled), min(2 * half_prior, limit)


def _limit(variance: FloatArray, freedom: FloatArray, *, pooled: float) -> float:
    """Return the most degrees of freedom with which the pooled variance tells of one cell.

    1 / limit = 1 / (2 + 2 / c) + (1 + c) / sum(d), where c is the squared coefficient of variation of the cells' true
    variances, by the second moment E s^4 = (1 + 2 / d) (1 + c) sigma^4. First part: how much cells differ; of a scaled
    inverse chi-square it would be 4 + 2 / c, but a mixture of calm and wild cells has a heavier tail. Second part:
    how well the pooled variance itself is known.
    """
    weights = freedom / freedom.sum()
    differ = max(0.0, float(np.sum(weights * variance**2 / (1 + 2 / freedom))) / pooled**2 - 1)
    return 1 / (differ / (2 * differ + 2) + (1 + differ) / float(freedom.sum()))


def _inverse_trigamma(value: float) -> float:
    """Return x with trigamma(x) = value, for 1e-8 < value < 1e8."""
    low, high = -20.0, 20.0  # of log x: trigamma falls from 1/x^2 to 1/x
    root: float = optimize.brentq(lambda x: special.polygamma(1, np.exp(x)) - value, low, high)
    return float(np.exp(root))
