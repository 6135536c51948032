"""A quick look at a workload, before any trial starts: one small batch through each of its methods."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from bs_study.workloads.base import Data, Workload, examples_in
from bs_study.workloads.check import calling, example_shapes, prepare, spread_examples
from bs_study.workloads.check_influence import influence_warnings
from bs_study.workloads.check_sums import refuse_bad_metrics, size_warnings
from bs_study.workloads.metrics import own_metrics, refuse_bad_values

EXAMPLES = 8


@dataclass(frozen=True)
class Look:
    """What was seen of a workload; what is not sure to be wrong is a warning."""

    train_set: str
    eval_set: str
    prepared: str
    model: str
    loss: float
    metrics: tuple[str, ...]
    warnings: tuple[str, ...]

    def lines(self) -> Iterator[str]:
        """Yield it for a person to read."""
        yield f"training set: {self.train_set}"
        yield f"held-out set: {self.eval_set}"
        yield f"prepared: {self.prepared}"
        yield f"model: {self.model}"
        yield f"loss: {self.loss:.4g} with the initial weights"
        yield f"metrics: {', '.join(self.metrics)}"
        yield from (f"warning: {warning}" for warning in self.warnings)


def look_at(workload: Workload, train: Data, held_out: Data) -> Look:
    """Return what a few examples show of a workload, on the CPU and with its model in evaluation mode.

    Raises:
        ValueError: a method raises, or breaks the interface; the message names it.
    """
    batch = spread_examples(workload, "train_data", train, count=EXAMPLES)
    held = spread_examples(workload, "eval_data", held_out, count=EXAMPLES)
    if len(batch) != len(held):
        raise ValueError(f"{workload.name}.eval_data: has {len(held)} parts, but train_data has {len(batch)}")
    model = _model(workload)
    with torch.no_grad():
        prepared = prepare(workload, held)
        metrics = _metric_names(workload, model, prepared)
    try:
        loss, warnings = _training_loss(workload, model, batch)
    except ValueError as error:
        if not isinstance(error.__cause__, MemoryError | torch.OutOfMemoryError):
            raise
        loss, warnings = math.nan, [f"{workload.name}.loss: ran out of memory with {EXAMPLES} examples on the CPU"]
    warnings += size_warnings(workload, model, batch)
    refuse_bad_metrics(workload, model, held)
    if not warnings:
        many = spread_examples(workload, "train_data", train, count=2 * EXAMPLES)
        warnings += influence_warnings(workload, model, many)
    return Look(
        train_set=f"{examples_in(train)} examples of {example_shapes(batch)}",
        eval_set=f"{examples_in(held_out)} examples of {example_shapes(held)}",
        prepared=example_shapes(prepared),
        model=f"{type(model).__name__} with {sum(p.numel() for p in _trainable(model))} parameters",
        loss=loss,
        metrics=metrics,
        warnings=tuple(warnings),
    )


def _model(workload: Workload) -> nn.Module:
    torch.manual_seed(0)
    with calling(workload, "model"):
        model = workload.model()
    if not isinstance(model, nn.Module):
        raise ValueError(f"{workload.name}.model: returns a {type(model).__name__}. Return a torch.nn.Module")
    if any(nn.parameter.is_lazy(parameter) for parameter in model.parameters()):
        raise ValueError(f"{workload.name}.model: its lazy layers have no shape yet. Run one batch through it first")
    if not _trainable(model):
        raise ValueError(f"{workload.name}.model: has no parameter to train")
    return model.eval()


def _trainable(model: nn.Module) -> list[nn.Parameter]:
    return [parameter for parameter in model.parameters() if parameter.requires_grad]


def _metric_names(workload: Workload, model: nn.Module, prepared: tuple[Tensor, ...]) -> tuple[str, ...]:
    """Return the metrics that an evaluation gives, `loss` among them."""
    with calling(workload, "loss"):
        loss = workload.loss(model, *prepared)
    _refuse_bad_loss(workload, loss)
    with calling(workload, "metrics"):
        found = workload.metrics(model, *prepared)
    own = own_metrics(workload)
    refuse_bad_values(workload.name, found, examples=len(prepared[0]), own=own)
    for metric in own:
        metric.reset()
    return tuple(found) if "loss" in found else (*found, "loss")


def _refuse_bad_loss(workload: Workload, loss: object) -> None:
    if not isinstance(loss, Tensor) or loss.numel() != 1:
        shape = tuple(loss.shape) if isinstance(loss, Tensor) else type(loss).__name__
        raise ValueError(f"{workload.name}.loss: returns {shape}, not a scalar tensor. Return the mean over the batch")
    if not math.isfinite(loss.item()):
        raise ValueError(f"{workload.name}.loss: is {loss.item()} on the first batch with the initial weights")


def _training_loss(workload: Workload, model: nn.Module, batch: tuple[Tensor, ...]) -> tuple[float, list[str]]:
    """Return the loss of a training batch, and what is odd about its gradient."""
    torch.manual_seed(0)
    prepared = prepare(workload, batch)
    with calling(workload, "loss"):
        loss = workload.loss(model, *prepared)
    _refuse_bad_loss(workload, loss)
    if not loss.requires_grad:
        raise ValueError(f"{workload.name}.loss: has no gradient. Compute it from the model, without detach or no_grad")
    with calling(workload, "loss"):
        found = torch.autograd.grad(loss.reshape(()), _trainable(model), allow_unused=True)
    gradients = [gradient.to_dense() for gradient in found if gradient is not None]
    if not gradients:
        raise ValueError(f"{workload.name}.loss: gives no parameter of the model a gradient")
    if not all(gradient.isfinite().all() for gradient in gradients):
        return loss.item(), [f"{workload.name}.loss: its gradient with the initial weights is not finite"]
    if not any(gradient.any() for gradient in gradients):
        return loss.item(), [f"{workload.name}.loss: its gradient with the initial weights is zero"]
    return loss.item(), []
