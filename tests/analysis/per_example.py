"""Losses of perfectly stable trials: means over independent batches of heavy-tailed losses, about a trend."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

NOISES = ("normal", "exponential", "gamma", "log-normal 1", "log-normal 2", "mostly 0")
TRENDS = ("constant", "exponential", "power")


def examples(noise: str, shape: tuple[int, ...], rng: np.random.Generator) -> FloatArray:
    """Return losses of examples, of mean 1 but for the last kind: about 0, and 3 for one in fifty."""
    if noise == "normal":
        return rng.normal(1, 0.1, shape)
    if noise == "exponential":
        return rng.exponential(1, shape)
    if noise == "gamma":
        return rng.gamma(4, 0.25, shape)
    if noise == "mostly 0":
        return np.where(rng.random(shape) < 0.02, 3.0, 0.01) * rng.gamma(4, 0.25, shape)
    sigma = float(noise.split()[1])
    return np.exp(rng.normal(-(sigma**2) / 2, sigma, shape))


def trend(kind: str, count: int) -> FloatArray:
    t = np.arange(count)
    falls = {"exponential": 0.05 + 2.3 * np.exp(-t / 100), "power": 2.3 / np.sqrt(1 + t / 5)}
    return falls.get(kind, np.full(count, 2.3))


def stable_loss(noise: str, kind: str, *, batch_size: int, rng: np.random.Generator, count: int = 1000) -> FloatArray:
    """Return the losses of a trial whose weights never leave their path."""
    return trend(kind, count) * examples(noise, (count, batch_size), rng).mean(axis=1)
