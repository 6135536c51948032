"""What a look at one batch lets pass, and what it warns of."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, dropout, mse_loss, normalize
from torch.utils.data import Subset, TensorDataset

from tests.workloads.tasks import Task, look, points

CLASS_WEIGHTS = torch.tensor([1.0, 5.0, 0.1])


class Point(nn.Module):
    """A parameter that a loss looks at without calling the model."""

    def __init__(self, size: int = 4) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.ones(size))

    def forward(self, x: Tensor) -> Tensor:
        return self.w.expand_as(x)


def quadratic_with_noise_in_the_data(s: Any, m: Any, x: Tensor, y: Tensor) -> Tensor:
    return 0.5 * m.w.square().sum() + (x @ m.w).mean()


def quadratic_with_drawn_noise(s: Any, m: Any, x: Tensor, y: Tensor) -> Tensor:
    return 0.5 * m.w.square().sum() + (torch.randn(len(x), 4) @ m.w).mean()


def contrastive(s: Any, m: Any, x: Tensor, y: Tensor) -> Tensor:
    z = normalize(m(x))
    return cross_entropy(10 * z @ normalize(m(x + 0.1)).T, torch.arange(len(x)))


class Drops(nn.Module):
    """Batch statistics and dropout, the functional kind that goes on in an evaluation."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(), nn.Linear(8, 3))

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(dropout(x, 0.2, training=torch.is_grad_enabled()))  # type: ignore[no-any-return]


def zeros() -> nn.Module:
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
    nn.init.zeros_(model[2].weight)  # type: ignore[arg-type]
    return model


def noisy(s: Any, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    return x + torch.randn_like(x), y


def for_no_larger_batch(s: Any, m: Any, x: Tensor, y: Tensor) -> Tensor:
    if len(x) > 8 or m.training:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 4.00 GiB")
    return cross_entropy(m(x), y)


SOUND: dict[str, Mapping[str, Any]] = {
    "as it is": {},
    "labels that are not used": {"loss": lambda s, m, x, y: m(x).square().mean()},
    "a loss below zero, linear in the data": {"loss": lambda s, m, x, y: m(x).mean() - 5},
    "a quadratic with noise in the data": {"model": lambda s: Point(), "loss": quadratic_with_noise_in_the_data},
    "the mean of the data": {"model": lambda s: Point(), "loss": lambda s, m, x, y: mse_loss(m(x), x)},
    "data that are all equal": {
        "train_data": lambda s, d: (torch.ones(20, 4), torch.ones(20, dtype=torch.long)),
        "loss": lambda s, m, x, y: m.weight.square().sum(),
    },
    "one example": {"train_data": lambda s, d: points(1), "eval_data": lambda s, d: points(1)},
    "three examples": {"train_data": lambda s, d: points(3), "eval_data": lambda s, d: points(2)},
    "dropout and batch statistics": {"model": lambda s: Drops()},
    "weights of zero before the output": {"model": lambda s: zeros()},
    "noise in prepare": {"prepare": noisy},
    "classes of different weight": {
        "loss": lambda s, m, x, y: cross_entropy(m(x), y, weight=CLASS_WEIGHTS),
        "loss_weight": lambda s, x, y: CLASS_WEIGHTS[y].sum(),
    },
    "no metrics": {"metrics": lambda s, m, x, y: {}},
    "a metric that is zero": {"metrics": lambda s, m, x, y: {"accuracy": torch.zeros(len(x))}},
    "a batch that does not fit": {"loss": for_no_larger_batch},
    "a loss of one element": {"loss": lambda s, m, x, y: cross_entropy(m(x), y).reshape(1)},
    "a part that is not trained": {
        "model": lambda s: nn.Sequential(nn.Linear(4, 4).requires_grad_(False), nn.Linear(4, 3))
    },
    "examples in a list": {"train_data": lambda s, d: list(zip(*points(9), strict=True))},
    "a subset": {"train_data": lambda s, d: Subset(TensorDataset(*points(40)), range(5, 30))},
}


@pytest.mark.parametrize("methods", SOUND.values(), ids=SOUND)
def test_a_workload_that_is_only_unusual_passes_without_a_warning(methods: Mapping[str, Any]) -> None:
    assert look(type("Mine", (Task,), dict(methods))).warnings == ()


def for_no_gradient(s: Any, m: Any, x: Tensor, y: Tensor) -> Tensor:
    if torch.is_grad_enabled():
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 4.00 GiB")
    return cross_entropy(m(x), y)


DOUBTFUL = {
    "examples compared with each other": ({"loss": contrastive}, "loss: is no mean over examples"),
    "a gradient that does not fit": ({"loss": for_no_gradient}, "loss: ran out of memory"),
    "a quadratic with drawn noise": (
        {"model": lambda s: Point(), "loss": quadratic_with_drawn_noise},
        r"loss: ignores the batch.* but for what is drawn by chance",
    ),
    "a loss that starts at its minimum": (
        {"loss": lambda s, m, x, y: (m(x) * 0).square().mean()},
        "loss: its gradient .* is zero",
    ),
    "a drawn sum": (
        {"loss": lambda s, m, x, y: (5 + m(x).sum(1) * 0.1 + torch.randn(len(x))).sum()},
        "loss: seems to be a sum",
    ),
}


@pytest.mark.parametrize(("methods", "told"), DOUBTFUL.values(), ids=DOUBTFUL)
def test_what_may_be_meant_so_is_a_warning(methods: Mapping[str, Any], told: str) -> None:
    warning = look(type("Mine", (Task,), dict(methods))).warnings[0]
    assert re.match(rf"task\.{told}", warning)
