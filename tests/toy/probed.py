"""Workloads whose gradients are known, or that keep a state which a probe must not touch."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from bs_study.target import Target
from bs_study.workloads.base import Workload


class Regression(Workload):
    """x ~ N(0, 1) in 100 dimensions, y = x·w* + noise of variance 100; the weights begin at w* + 1 in each.

    Half of the squared error has G = δ = 1 in each dimension: |G|² = 100, tr Σ = 100 + (100 + 100) 100 = 20100.
    """

    name = "regression"
    target = Target("loss", 0.0, "min")
    dimensions, noise2 = 100, 100.0

    def train_data(self, data_dir: Path) -> tuple[Tensor, ...]:
        generator = torch.Generator().manual_seed(5)
        x = torch.randn(40_000, self.dimensions, generator=generator)
        return x, self.noise2**0.5 * torch.randn(40_000, generator=generator)

    def eval_data(self, data_dir: Path) -> tuple[Tensor, ...]:
        return tuple(part[:100] for part in self.train_data(data_dir))

    def model(self) -> nn.Module:
        line = nn.Linear(self.dimensions, 1, bias=False)
        nn.init.ones_(line.weight)
        return line

    def loss(self, model: nn.Module, x: Tensor, y: Tensor) -> Tensor:  # type: ignore[override]
        return (model(x)[:, 0] - y).square().mean() / 2

    def metrics(self, model: nn.Module, x: Tensor, y: Tensor) -> dict[str, Tensor]:  # type: ignore[override]
        return {"loss": (model(x)[:, 0] - y).square() / 2}


class Quadratic(Regression):
    """Full batches of 600 examples whose Hessian is diag(h) exactly, with a largest h of 8."""

    name = "quadratic"
    dimensions = 6

    def train_data(self, data_dir: Path) -> tuple[Tensor, ...]:
        x = torch.zeros(600, 6)
        h = torch.tensor([8.0, 4.0, 2.0, 1.0, 0.5, 0.25])
        x[torch.arange(600), torch.arange(600) % 6] = (6 * h).sqrt().repeat(100)
        return x, torch.zeros(600)


class Stateful(Regression):
    """BatchNorm, dropout, a generator of the model's own, noise in `prepare`: where a probe could leave a trace."""

    name = "stateful"
    dimensions = 4

    def train_data(self, data_dir: Path) -> tuple[Tensor, ...]:
        return tuple(part[:2000] for part in super().train_data(data_dir))

    def prepare(self, x: Tensor, y: Tensor) -> tuple[Tensor, ...]:  # type: ignore[override]
        return x + 0.1 * torch.randn_like(x), y

    def model(self) -> nn.Module:
        return nn.Sequential(nn.Linear(4, 8), self.normalised(), nn.Dropout(0.3), self.noise(), nn.Linear(8, 1))

    def normalised(self) -> nn.Module:
        return nn.BatchNorm1d(8)

    def noise(self) -> nn.Module:
        return OwnNoise()


class Dropped(Stateful):
    """The same without batch statistics."""

    name = "dropped"

    def normalised(self) -> nn.Module:
        return nn.LayerNorm(8)


class Masked(Dropped):
    """The same without a generator of its own, of which a checkpoint knows nothing."""

    name = "masked"

    def noise(self) -> nn.Module:
        return nn.Identity()


class Few(Regression):
    """Fewer examples than a probe takes."""

    name = "few"

    def train_data(self, data_dir: Path) -> tuple[Tensor, ...]:
        return tuple(part[:63] for part in super().train_data(data_dir))


class OwnNoise(nn.Module):
    """Adds noise from a generator of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.generator = torch.Generator().manual_seed(1)

    def forward(self, x: Tensor) -> Tensor:
        return x + 0.1 * torch.randn(x.shape, generator=self.generator)
