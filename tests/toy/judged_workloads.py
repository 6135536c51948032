"""Workloads whose metrics or loss are no mean over examples."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import torchmetrics
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, mse_loss


def circle(count: int, *, seed: int) -> tuple[Tensor, Tensor]:
    points = 4 * torch.rand(count, 2, generator=torch.Generator().manual_seed(seed)) - 2
    return points, (points.norm(dim=1) < 1.6).long()


class Weighted:
    """The rarer class counts nine times; the loss is all that is evaluated."""

    name, target = "weighted", "loss <= 0.1"
    weights = torch.tensor([1.0, 9.0])

    def train_data(self, data_dir: Path) -> tuple[Tensor, Tensor]:
        return circle(400, seed=0)

    def eval_data(self, data_dir: Path) -> tuple[Tensor, Tensor]:
        return circle(200, seed=1)

    def model(self) -> nn.Module:
        return nn.Sequential(nn.Linear(2, 32), nn.ReLU(), nn.Linear(32, 2))

    def loss(self, model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        return cross_entropy(model(x), y, weight=self.weights)


class ByWeight(Weighted):
    """The same, and tells by what its loss divides."""

    name = "by_weight"

    def loss_weight(self, x: Tensor, y: Tensor) -> Tensor:
        return self.weights[y].sum()


class Regression:
    """A line in three dimensions, with noise of 0.05: judged by RMSE and R²."""

    name, target = "regression", "rmse <= 0.1"

    def __init__(self) -> None:
        self.rmse = torchmetrics.MeanSquaredError(squared=False)
        self.r2 = torchmetrics.R2Score()

    def train_data(self, data_dir: Path) -> tuple[Tensor, Tensor]:
        return plane(400, seed=0)

    def eval_data(self, data_dir: Path) -> tuple[Tensor, Tensor]:
        return plane(200, seed=1)

    def model(self) -> nn.Module:
        return nn.Linear(3, 1)

    def loss(self, model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        return mse_loss(model(x), y)

    def metrics(self, model: nn.Module, x: Tensor, y: Tensor) -> dict[str, Any]:
        self.rmse.update(model(x), y)
        self.r2.update(model(x), y)
        return {"rmse": self.rmse, "r2": self.r2}


def plane(count: int, *, seed: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    x = torch.rand(count, 3, generator=generator)
    return x, x @ torch.tensor([[1.0], [2.0], [-1.0]]) + 0.05 * torch.randn(count, 1, generator=generator)
