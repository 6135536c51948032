"""One evaluation: each metric over a data set, whatever the batches that it is read in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from bs_study.training.batches import Batches
from bs_study.training.interruption import Interruption
from bs_study.training.learner import Learner
from bs_study.workloads.metrics import is_metric, own_metrics, refuse_bad_values


@torch.no_grad()
def evaluate(learner: Learner, held_out: Batches, *, interruption: Interruption | None = None) -> dict[str, float]:
    """Return each metric over a data set, the loss among them: means over its examples, or as torchmetrics compute it.

    The loss of a workload whose `metrics` give none is the mean of its batches' losses, by their `loss_weight`.

    Raises:
        Interrupted: between two batches, if that is asked for.
    """
    workload, model = learner.workload, learner.model
    was_training = model.training
    model.eval()
    own: list[Any] = own_metrics(workload)
    for metric in own:
        metric.to(learner.device)
        metric.reset()
    means: dict[str, _Mean] = {}
    computed = {}
    for raw in held_out.in_order():
        if interruption:
            interruption.check()
        batch = workload.prepare(*raw)
        with learner.autocast:
            found: Mapping[str, Any] = workload.metrics(model, *batch)
        refuse_bad_values(workload.name, found, examples=len(raw[0]), own=own)
        for name, value in found.items():
            if is_metric(value):
                computed[name] = value
            else:
                means.setdefault(name, _Mean()).add(value.double().sum(), len(raw[0]))
        if "loss" not in found:
            weight = workload.loss_weight(*batch)
            means.setdefault("loss", _Mean()).add(learner.eager_loss(*batch).double() * weight, weight)
    model.train(was_training)
    return {name: float(mean) for name, mean in means.items()} | {n: float(m.compute()) for n, m in computed.items()}


class _Mean:
    """A sum and its weight; both stay on the device until the mean is asked for."""

    def __init__(self) -> None:
        self._sum: Tensor | float = 0.0
        self._weight: Tensor | float = 0.0

    def add(self, total: Tensor | float, weight: Tensor | float) -> None:
        self._sum = self._sum + total
        self._weight = self._weight + weight

    def __float__(self) -> float:
        weight = float(self._weight)
        return float(self._sum) / weight if weight else float("nan")
