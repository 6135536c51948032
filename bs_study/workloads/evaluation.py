"""One evaluation: each metric over a data set, whatever the batches that it is read in."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor, nn

from bs_study.workloads.base import Workload
from bs_study.workloads.metrics import computed, is_metric, is_updated, own_metrics, refuse_bad_values, refuse_no_update

Batch = tuple[Tensor, ...]
Autocast = AbstractContextManager[object]


@torch.no_grad()
def evaluate(
    workload: Workload,
    model: nn.Module,
    batches: Iterable[Batch],
    *,
    autocast: Autocast | None = None,
    loss_batches: Iterable[Batch] | None = None,
    is_sample: bool = False,
) -> dict[str, float]:
    """Return each metric over a data set, the loss among them: means over its examples, or as torchmetrics compute it.

    The loss of a workload whose `metrics` give none is the mean of its batches' losses, by their `loss_weight`.

    Args:
        batches: of the data set, on the model's device, not prepared.
        autocast: the context of forward passes.
        loss_batches: the same data set in other batches, if the loss is to be that of these.
        is_sample: whether they may lack what a torchmetric is updated with; it is NaN then.

    Raises:
        ValueError: `metrics` gives what is no metric, or a torchmetric that no batch updated.
    """
    autocast = autocast or contextlib.nullcontext()
    means: dict[str, _Mean] = {}
    own = own_metrics(workload)
    torchmetrics: dict[str, Any] = {}
    with _evaluating(model, own):
        for raw in batches:
            batch = workload.prepare(*raw)
            with autocast:
                found: Mapping[str, Any] = workload.metrics(model, *batch)
            refuse_bad_values(workload.name, found, examples=len(raw[0]), own=own)
            for name, value in found.items():
                if is_metric(value):
                    torchmetrics[name] = value
                else:
                    means.setdefault(name, _Mean()).add(value.detach().double().sum(), len(raw[0]))
            if "loss" not in found and loss_batches is None:
                means.setdefault("loss", _Mean()).add(*_loss(workload, model, batch, autocast))
        numbers = {}
        for name, metric in torchmetrics.items():
            if not is_updated(metric) and not is_sample:
                refuse_no_update(workload.name, name)
            numbers[name] = computed(metric, name=name, workload=workload.name) if is_updated(metric) else math.nan
    numbers |= {name: float(mean) for name, mean in means.items()}
    if loss_batches is not None and "loss" not in numbers:
        numbers["loss"] = evaluated_loss(workload, model, loss_batches, autocast=autocast)
    return numbers


@torch.no_grad()
def evaluated_loss(
    workload: Workload, model: nn.Module, batches: Iterable[Batch], *, autocast: Autocast | None = None
) -> float:
    """Return the mean of the losses of batches, by their `loss_weight`: sum(loss · weight) / sum(weight)."""
    mean = _Mean()
    with _evaluating(model, []):
        for raw in batches:
            mean.add(*_loss(workload, model, workload.prepare(*raw), autocast or contextlib.nullcontext()))
    return float(mean)


@contextlib.contextmanager
def _evaluating(model: nn.Module, own: list[Any]) -> Iterator[None]:
    """Leave model and torchmetrics as they were, also where an evaluation raises: it may be tried again."""
    was_training = model.training
    device = next(model.parameters()).device
    try:
        model.eval()
        for metric in own:
            metric.to(device)
            metric.reset()
        yield
    finally:
        model.train(was_training)
        for metric in own:
            metric.reset()  # some keep all that they were given


def _loss(workload: Workload, model: nn.Module, batch: Batch, autocast: Autocast) -> tuple[Tensor, Tensor | float]:
    """Return the loss of a prepared batch times its weight, and the weight. What weighs nothing has no loss (0 / 0)."""
    with autocast:
        loss = workload.loss(model, *batch).double().reshape(())
    weight = workload.loss_weight(*batch)
    if not isinstance(weight, Tensor):
        return (loss * weight if weight else torch.zeros_like(loss)), weight
    weight = weight.detach().to(loss).reshape(())
    return torch.where(weight == 0, 0.0, loss * weight), weight


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
