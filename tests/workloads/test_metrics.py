"""What is known of a metric: which way is better, and its bounds."""

from __future__ import annotations

import torchmetrics
from torch import Tensor, nn

from bs_study.workloads.metrics import MetricKind, directions
from tests.workloads.tasks import Task, look


class Judged(Task):
    """Gives torchmetrics beside values for each example."""

    def __init__(self) -> None:
        self.f1 = torchmetrics.F1Score(task="multiclass", num_classes=3)
        self.rmse = torchmetrics.MeanSquaredError(squared=False)
        self.mean = torchmetrics.MeanMetric()

    def metrics(self, model: nn.Module, x: Tensor, y: Tensor) -> dict[str, object]:  # type: ignore[override]
        logits = model(x)
        self.f1.update(logits, y)
        self.rmse.update(logits[:, 0], y)
        self.mean.update(logits)
        return {
            "f1": self.f1,
            "rmse": self.rmse,
            "mean": self.mean,
            "hit": logits.argmax(1) == y,
            "norm": x.norm(dim=1),
        }


def test_torchmetrics_tell_which_way_is_better_and_their_bounds_and_booleans_are_a_fraction() -> None:
    known = look(Judged).kinds
    assert known == {
        "f1": MetricKind("max", 0.0, 1.0),
        "rmse": MetricKind("min", 0.0, None),
        "mean": MetricKind(),
        "hit": MetricKind(None, 0.0, 1.0),
        "norm": MetricKind(),
        "loss": MetricKind(),
    }
    assert directions(known) == {"f1": "max", "rmse": "min"}
