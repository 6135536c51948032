"""A quick look at a workload, before any trial starts: one small batch through each of its methods."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from bs_study.workloads.base import Data, Workload, examples_in
from bs_study.workloads.check import example_shapes, prepare, spread_examples
from bs_study.workloads.check_collate import collate_warnings
from bs_study.workloads.check_evaluation import look_at_evaluation
from bs_study.workloads.check_example import refuse_bad_example
from bs_study.workloads.check_influence import influence_warnings
from bs_study.workloads.check_metrics import mean_warnings, refuse_never_updated
from bs_study.workloads.check_shapes import Sizes, refuse_evaluation_sizes, refuse_training_sizes
from bs_study.workloads.check_state import EXAMPLES, state_warnings, usual_size
from bs_study.workloads.check_sums import size_warnings
from bs_study.workloads.metrics import MetricKind, kinds, own_metrics, refuse_bad_values
from bs_study.workloads.tries import Batch, Tries, copied
from bs_study.workloads.user_errors import calling


@dataclass(frozen=True)
class Look:
    """What was seen of a workload; what is not sure to be wrong is a warning.

    Args:
        kinds: what is known of each metric.
        initial: each metric of some held-out examples, as many as there is time for, with the initial weights.
        loss_batch: of how many examples an evaluation is to compute a loss that is no mean over examples.
    """

    train_set: str
    eval_set: str
    prepared: str
    model: str
    loss: float
    metrics: tuple[str, ...]
    kinds: Mapping[str, MetricKind]
    initial: Mapping[str, float] = field(compare=False)
    loss_batch: int | None
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


def look_at(
    workload: Workload, train: Data, held_out: Data, *, sizes: Sizes | None = None, test: Data | None = None
) -> Look:
    """Return what a few examples show of a workload, on the CPU and with its model in evaluation mode.

    Args:
        workload: what is looked at.
        train: its training set.
        held_out: what it is evaluated on.
        sizes: of the batches that the study asks for, each of which is tried.
        test: what it is evaluated on besides.

    Raises:
        ValueError: a method raises, or breaks the interface, or a batch size fails; the message names it.
    """
    sizes = sizes or Sizes()
    examples, evaluated = examples_in(train), examples_in(held_out)
    batch = spread_examples(workload, "train_data", train, count=EXAMPLES)
    judged_by = "eval_data" if test is None else "train_data"
    held = spread_examples(workload, judged_by, held_out, count=EXAMPLES)
    if len(batch) != len(held):
        raise ValueError(f"{workload.name}.eval_data: has {len(held)} parts, but train_data has {len(batch)}")
    model = _model(workload)
    tries = Tries(workload, model, train=train, held_out=held_out, is_split=test is not None)
    usual = usual_size(tries, sizes, examples=examples, evaluated=evaluated)
    refuse_training_sizes(tries, sizes, usual=usual, examples=examples)
    of_few = Batch(min(usual, evaluated), is_trained=False)
    if tries.fault(of_few.size, is_trained=False):
        refuse_bad_example(tries, of_few, usual=usual)
    if usual != len(batch[0]):
        batch = spread_examples(workload, "train_data", train, count=usual)
        held = spread_examples(workload, judged_by, held_out, count=usual)
    try:
        loss, warnings = _training_loss(workload, copied(workload, model), batch)
    except ValueError as error:
        if not isinstance(error.__cause__, MemoryError | torch.OutOfMemoryError):
            raise
        loss, warnings = math.nan, [f"{workload.name}.loss: ran out of memory with {usual} examples on the CPU"]
    with torch.no_grad():
        prepared = prepare(workload, held)
        known = _metric_kinds(workload, copied(workload, model), prepared, held_out=held_out)
    warnings += size_warnings(workload, copied(workload, model), batch)
    if not warnings:
        many = spread_examples(workload, "train_data", train, count=2 * usual)
        warnings += influence_warnings(workload, copied(workload, model), many)
    refuse_evaluation_sizes(tries, sizes, usual=usual, examples=evaluated)
    if test is not None:
        of_test = Tries(workload, model, train=train, held_out=test)
        refuse_evaluation_sizes(of_test, sizes, usual=usual, examples=examples_in(test))
    of_state = state_warnings(tries, sizes, usual=usual, examples=examples, evaluated=evaluated)
    warnings += of_state
    warnings += collate_warnings(workload, train)
    judged = look_at_evaluation(
        workload,
        model,
        held_out,
        gives_loss="loss" in known,
        means=[name for name, kind in known.items() if kind.is_mean],
        usual=usual,
        takes_any_size=not of_state,
        eval_batch_size=sizes.eval_batch_size or evaluated,
        test=test,
    )
    return Look(
        train_set=f"{examples} examples of {example_shapes(batch)}",
        eval_set=f"{evaluated} examples of {example_shapes(held)}",
        prepared=example_shapes(prepared),
        model=f"{type(model).__name__} with {sum(p.numel() for p in _trainable(model))} parameters",
        loss=loss,
        metrics=tuple(judged.metrics),
        kinds={name: known.get(name, MetricKind()).seen(value) for name, value in judged.metrics.items()},
        initial=judged.metrics,
        loss_batch=judged.loss_batch,
        warnings=(*warnings, *mean_warnings(workload.name, known), *judged.warnings),
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


def _metric_kinds(
    workload: Workload, model: nn.Module, prepared: tuple[Tensor, ...], *, held_out: Data
) -> dict[str, MetricKind]:
    """Return the metrics that the workload gives, and what is known of each."""
    with calling(workload, "loss"):
        loss = workload.loss(model, *prepared)
    _refuse_bad_loss(workload, loss)
    with calling(workload, "loss_weight"):
        weight = workload.loss_weight(*prepared)
    _refuse_bad_weight(workload, weight)
    own = own_metrics(workload)
    with calling(workload, "metrics"):
        found = workload.metrics(model, *prepared)
    refuse_bad_values(workload.name, found, examples=len(prepared[0]), own=own)
    known = kinds(found)
    refuse_never_updated(workload, model, held_out, found, batch_size=len(prepared[0]))
    for metric in own:
        metric.reset()
    return known


def _refuse_bad_loss(workload: Workload, loss: object) -> None:
    if not isinstance(loss, Tensor) or loss.numel() != 1:
        shape = tuple(loss.shape) if isinstance(loss, Tensor) else type(loss).__name__
        raise ValueError(f"{workload.name}.loss: returns {shape}, not a scalar tensor. Return the mean over the batch")
    if not math.isfinite(loss.item()):
        raise ValueError(f"{workload.name}.loss: is {loss.item()} on the first batch with the initial weights")


def _refuse_bad_weight(workload: Workload, weight: Any) -> None:
    is_number = isinstance(weight, int | float) or (isinstance(weight, Tensor) and weight.numel() == 1)
    if not is_number or not 0 <= float(weight) < math.inf:
        shape = tuple(weight.shape) if isinstance(weight, Tensor) and not is_number else weight
        raise ValueError(
            f"{workload.name}.loss_weight: returns {shape}. Return one number from 0: what loss divides by on a batch"
        )


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
