"""Workloads that keep what no buffer holds, or whose models take what a probe does not give."""

from __future__ import annotations

import random

import numpy as np
import torch
from probed import Regression
from torch import Tensor, nn


class Counting(Regression):
    """Loss and inputs change with what workload and model count and draw, each with its own means."""

    name = "counting"
    dimensions = 4

    def __init__(self) -> None:
        self.losses = 0
        self.held = {"of python": random.Random(0), "of numpy": [np.random.default_rng(0), np.random.RandomState(0)]}

    def prepare(self, x: Tensor, y: Tensor) -> tuple[Tensor, ...]:  # type: ignore[override]
        by_numpy, older = self.held["of numpy"]
        return x + self.held["of python"].random() + by_numpy.random() + older.rand(), y

    def model(self) -> nn.Module:
        return nn.Sequential(Counter(), nn.Linear(4, 1))

    def loss(self, model: nn.Module, x: Tensor, y: Tensor) -> Tensor:  # type: ignore[override]
        self.losses += 1
        return super().loss(model, x, y) * (1 + 1 / self.losses)


class Counter(nn.Module):
    """Counts its calls in a number, in a tensor that it replaces, and in one that it writes to."""

    def __init__(self) -> None:
        super().__init__()
        self.calls, self.replaced, self.written = 0, torch.zeros(()), torch.zeros(())

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        self.replaced = self.replaced + 1
        self.written += 1
        return x + 1 / self.calls + 1 / self.replaced + 1 / self.written


class Taught(Regression):
    """The model follows itself: a second layer, which no optimizer trains, moves towards the first."""

    name = "taught"
    dimensions = 4

    def model(self) -> nn.Module:
        return Follower()


class Follower(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(4, 1), nn.Linear(4, 1).requires_grad_(False)

    def forward(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            self.second.weight.lerp_(self.first.weight, 0.1)
        return self.first(x) + self.second(x)


class Experts(Regression):
    """Each batch goes to one of two experts, which have as many parameters, of other sizes."""

    name = "experts"
    dimensions = 4

    def model(self) -> nn.Module:
        return Routed()


class Routed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.of_all = nn.Linear(4, 1)
        self.experts = nn.ModuleList(nn.Sequential(nn.Linear(4, n), nn.Linear(n, 1)) for n in (2, 3))

    def forward(self, x: Tensor) -> Tensor:
        return self.of_all(x) + self.experts[int(x[:, 0].mean() > 0)](x)


class Chained(Regression):
    """The state that is kept from batch to batch has the size of a batch."""

    name = "chained"
    dimensions = 4

    def model(self) -> nn.Module:
        return Keeping()


class Keeping(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.kept, self.line = None, nn.Linear(4, 1)

    def forward(self, x: Tensor) -> Tensor:
        kept = torch.zeros(len(x), 1) if self.kept is None or not self.training else self.kept
        found = self.line(x) + kept
        self.kept = found.detach() if self.training else self.kept
        return found


class Complex(Regression):
    """The weights are complex numbers of whose gradient the imaginary part is larger than the real one, 2 to 1."""

    name = "complex"
    dimensions = 1

    def model(self) -> nn.Module:
        return Plane()

    def loss(self, model: nn.Module, x: Tensor, y: Tensor) -> Tensor:  # type: ignore[override]
        return model(x).mean()


class Plane(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1, dtype=torch.complex64))

    def forward(self, x: Tensor) -> Tensor:
        return (self.weight.real + 2 * self.weight.imag).square() / 2 + 0 * x
