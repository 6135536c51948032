"""A workload with which nothing is wrong, and others that differ from it in a method."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from bs_study.workloads.base import Workload
from bs_study.workloads.check import read_data
from bs_study.workloads.check_batch import Look, look_at

NOWHERE = Path("/nonexistent")


class Task(Workload):
    """Three classes of points, a linear model: nothing is wrong with it."""

    name = "task"
    target = ("loss", 0.1, "min")  # type: ignore[assignment]

    def train_data(self, data_dir: Path) -> Any:
        return points(96)

    def eval_data(self, data_dir: Path) -> Any:
        return points(30)

    def model(self) -> Any:
        return nn.Linear(4, 3)

    def loss(self, model: nn.Module, *batch: Tensor) -> Any:
        return cross_entropy(model(batch[0]), batch[1])

    def metrics(self, model: nn.Module, *batch: Tensor) -> Any:
        logits = model(batch[0])
        return {"accuracy": logits.argmax(1) == batch[1]}


def points(count: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(count)
    return torch.randn(count, 4, generator=generator), torch.arange(count) % 3


def look(task: type[Task]) -> Look:
    return look_at(task(), *read_data(task(), NOWHERE))


def with_method(method: str, function: Any) -> type[Task]:
    return type("Mine", (Task,), {method: function})
