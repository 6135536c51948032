"""Gradients of a linear regression whose noise scale is known, drawn exactly and without a training set.

An example is x ~ N(0, diag h) and y = x·w* + noise of variance s². At weights that are off by δ its gradient is
x (x·δ + e): G = h δ, and tr Σ = |G|² + (Σ h δ² + s²) Σ h.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Regression:
    """A point of a regression.

    Attributes:
        h: eigenvalues of the Hessian, shape (weights,).
        delta: by how much the weights are off, same shape.
        variance: of an example's noise.
    """

    h: FloatArray
    delta: FloatArray
    variance: float

    @property
    def gradient(self) -> FloatArray:
        return self.h * self.delta

    @property
    def g2(self) -> float:
        return float(np.sum(self.gradient**2))

    @property
    def tr_sigma(self) -> float:
        return self.g2 + self._residual_variance * float(np.sum(self.h))

    @property
    def noise_scale(self) -> float:
        return self.tr_sigma / self.g2

    @property
    def _residual_variance(self) -> float:
        return float(np.sum(self.h * self.delta**2)) + self.variance

    def batch_gradients(self, rng: np.random.Generator, *, batch_size: int, batches: int) -> FloatArray:
        """Return the mean gradients of batches of fresh examples, shape (batches, weights).

        The residuals r = x·δ + e are drawn first: of a batch only their sum of squares q matters. Given r, x is normal
        with mean r G / v, v = var r, and the covariance of z below. So Σ r x / B = q G / (v B) + sqrt(q) z / B.
        """
        v = self._residual_variance
        q = v * rng.chisquare(batch_size, (batches, 1))
        x = rng.normal(size=(batches, len(self.h))) * np.sqrt(self.h)
        residual = x @ self.delta + rng.normal(0.0, np.sqrt(self.variance), batches)
        z = x - np.outer(residual / v, self.gradient)
        gradients: FloatArray = q * self.gradient / (v * batch_size) + np.sqrt(q) * z / batch_size
        return gradients

    def probes(self, rng: np.random.Generator, probes: int, *, chunk: int = 32, chunks: int = 8) -> pd.DataFrame:
        """Return g2 and tr_sigma of each probe, by the formulas of the store."""
        of_chunks = self.batch_gradients(rng, batch_size=chunk, batches=probes * chunks)
        of_chunks = of_chunks.reshape(probes, chunks, len(self.h))
        mean2 = np.sum(of_chunks.mean(axis=1) ** 2, axis=1)
        s = chunk * (np.sum(of_chunks**2, axis=(1, 2)) - chunks * mean2) / (chunks - 1)
        return pd.DataFrame({"g2": mean2 - s / (chunk * chunks), "tr_sigma": s})


ALIKE = Regression(np.ones(100), np.ones(100), variance=100.0)
"""|G|² 100, tr Σ 20100, phi 201."""
_FALLING = 1 / np.arange(1, 1001)
FALLING = Regression(_FALLING, np.ones(1000), variance=float(_FALLING.sum()))
"""|G|² 1.644, tr Σ 113.71, phi 69.17: few directions hold most of the noise."""
