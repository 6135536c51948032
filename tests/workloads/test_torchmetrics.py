"""A torchmetric of an evaluation: as which number it is read, and which batches update it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
import torchmetrics
from torch import Tensor, nn

from bs_study.workloads.evaluation import evaluate
from bs_study.workloads.metrics import shortest
from tests.workloads.tasks import Task, look, points


def model() -> nn.Module:
    torch.manual_seed(1)
    return nn.Linear(4, 3)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_a_number_of_any_dtype_is_read_as_the_shortest_decimal_that_is_it(dtype: torch.dtype) -> None:
    for decimal in (0.9, 1e-3, 0.0, -17.5, 1.0):
        assert shortest(torch.tensor(decimal, dtype=dtype)) == decimal
    assert shortest(torch.tensor(1 / 3, dtype=torch.float64)) == 1 / 3
    assert shortest(torch.tensor(torch.finfo(dtype).max, dtype=dtype)) == pytest.approx(
        torch.finfo(dtype).max, rel=0.01
    )
    assert math.isnan(shortest(torch.tensor([math.nan], dtype=dtype)))


def test_a_torchmetric_of_180_of_200_is_0_9_and_meets_that_target() -> None:
    class Ninety(Task):
        right = torchmetrics.Accuracy(task="binary")

        def metrics(self, model: nn.Module, x: Tensor, y: Tensor) -> dict[str, Any]:  # type: ignore[override]
            self.right.update(y, torch.ones_like(y))
            return {"accuracy": self.right}

    said = torch.ones(200, dtype=torch.long)
    said[::10] = 0
    found = evaluate(Ninety(), nn.Linear(4, 3), [(torch.zeros(200, 4), said)])
    assert found["accuracy"] == 0.9


class SomeOnly(Task):
    """Its F1 is updated with examples of class 0 alone, which come last."""

    hits = 0

    def __init__(self) -> None:
        self.f1 = torchmetrics.F1Score(task="binary")

    def eval_data(self, data_dir: Path) -> Any:
        x, y = points(300)
        order = y.argsort(descending=True)
        return x[order], y[order].clamp(min=self.hits)

    def metrics(self, model: nn.Module, x: Tensor, y: Tensor) -> dict[str, Any]:  # type: ignore[override]
        if (y == 0).any():
            self.f1.update(model(x[y == 0]).argmax(1) == 0, y[y == 0] == 0)
        return {"f1": self.f1}


def test_a_torchmetric_that_some_batches_do_not_update_is_none_the_worse() -> None:
    assert "f1" in look(SomeOnly).metrics
    workload = SomeOnly()
    x, y = workload.eval_data(Path())
    subject = model()
    whole = evaluate(workload, subject, [(x, y)])
    parted = evaluate(workload, subject, list(zip(x.split(40), y.split(40), strict=True)))
    assert parted == pytest.approx(whole, rel=1e-5)


def test_a_torchmetric_that_no_batch_updates_is_refused_by_the_look_and_by_an_evaluation() -> None:
    never = type("Never", (SomeOnly,), {"hits": 1})
    with pytest.raises(ValueError, match=r"'f1' is a torchmetrics\.Metric that was not updated with any batch"):
        look(never)
    with pytest.raises(ValueError, match="not updated with any batch"):
        evaluate(never(), model(), [never().eval_data(Path())])
