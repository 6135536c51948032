"""A noisy quadratic, trained in plain numpy: a workload of which every lr and seed can be tried."""

from __future__ import annotations

import functools
import math

import numpy as np

from bs_study.config import TrialConfig
from tests.search.lanes import BUDGET, looks_of
from tests.search.replayed import Known

CURVATURES = 1 / np.arange(1, 21)
NOISE = 8.0  # of the gradient of one example, per curvature
TARGET = 0.15
LRS = tuple(0.01 * 2.0**step for step in range(9))


def known(trial: TrialConfig) -> Known:
    """Return what a trial of the quadratic does."""
    return trained(trial.batch_size, trial.lr, trial.seed)


@functools.cache
def trained(batch_size: int, lr: float, seed: int) -> Known:
    """Return what a trial does whose loss is sum h θ² / 2 and whose gradient is h θ + √(h c / B) ξ, ξ normal.

    From θ = 1 on, with SGD: it diverges from an lr of 2 / max h = 2 on.
    """
    rng = np.random.default_rng([batch_size, seed])
    noise = np.sqrt(CURVATURES * NOISE / batch_size) * rng.standard_normal((BUDGET, len(CURVATURES)))
    theta, losses = np.ones(len(CURVATURES)), np.empty(BUDGET)
    for i in range(BUDGET):
        theta = theta - lr * (CURVATURES * theta + noise[i])
        losses[i] = (CURVATURES * theta**2).sum() / 2
        if not losses[i] < 1e6:
            return Known((i + 1,), None, "diverged")
    looks = [look for look in looks_of(batch_size) if look < BUDGET] + [BUDGET]
    loss = losses[np.array(looks) - 1]
    met = np.flatnonzero(loss <= TARGET)
    return Known(tuple(looks), looks[met[0]] if len(met) else None, "missed", tuple(loss.tolist()))


def median(batch_size: int, lr: float, seeds: range) -> float:
    """Return the median over seeds of the iterations to the target."""
    return float(np.median([trained(batch_size, lr, seed).met or math.inf for seed in seeds]))
