"""Does an evaluation depend on the batches that it is read in? Then it is refused, or told."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from bs_study.workloads.base import Data, Workload, examples_in
from bs_study.workloads.check_sizes import CHANGES, SIZES, Difference, Numbers, Sample, differences
from bs_study.workloads.check_whole import fits_at_once
from bs_study.workloads.evaluation import evaluate, evaluated_loss

FEW = 8
MANY = 59  # so that each smaller size has a short last batch, of more than one
SECONDS = 4.0  # for the passes over the sample, which is smaller where a model takes longer
PASSES = (2 + 2 * len(SIZES)) * len(CHANGES)  # small batches are slow

_BY_WEIGHT = "loss by loss_weight"


@dataclass(frozen=True)
class Evaluated:
    """What an evaluation of some held-out examples gives with the initial weights.

    Args:
        metrics: each of them, the loss among them.
        loss_batch: of how many examples a loss is to be computed that is no mean over examples; None elsewhere.
        warnings: what that means.
    """

    metrics: Mapping[str, float]
    loss_batch: int | None = None
    warnings: tuple[str, ...] = ()


def look_at_evaluation(
    workload: Workload,
    model: nn.Module,
    held_out: Data,
    *,
    gives_loss: bool,
    eval_batch_size: int,
    test: Data | None = None,
) -> Evaluated:
    """Return what an evaluation gives, looked at in several batch sizes.

    Args:
        gives_loss: whether `metrics` do.
        eval_batch_size: that of the study.
        test: its test set, which is evaluated as the held-out set is.

    Raises:
        ValueError: a metric is not finite or depends on the batch size of the evaluation, or `loss_weight` does not
            fit the loss.
    """
    deadline = time.perf_counter() + 2 * SECONDS
    sample, metrics = _first_look(workload, model, held_out)
    for name, value in metrics.items():
        if not math.isfinite(value):
            raise ValueError(f"{workload.name}.metrics: {name!r} is {value} on held-out data with the initial weights")
    has_weight = getattr(workload.loss_weight, "__func__", None) is not Workload.loss_weight

    def numbers(subject: nn.Module, size: int, seed: int) -> Numbers:
        found = _numbers(workload, subject, sample, size=size, seed=seed)
        if not gives_loss:
            found[_BY_WEIGHT] = found.pop("loss")
        elif has_weight:
            found[_BY_WEIGHT] = evaluated_loss(workload, subject, sample.batches(size))
        return found

    found = differences(
        numbers,
        model,
        count=sample.count,
        eval_batch_size=eval_batch_size,
        is_over=lambda: time.perf_counter() > deadline,
    )
    of_loss = found.pop(_BY_WEIGHT, None)
    for name, difference in found.items():
        raise ValueError(
            f"{workload.name}.metrics: {name!r} depends on the batch size of the evaluation: {difference}. "
            + _advice(model)
        )
    if of_loss and has_weight:
        raise ValueError(
            f"{workload.name}.loss_weight: does not fit the loss: {of_loss}. Return what loss divides by on a batch"
        )
    if not of_loss:
        return Evaluated(metrics)
    largest = max((data for data in (held_out, test) if data is not None), key=examples_in)
    is_whole = fits_at_once(workload, model, largest, sample.batches)
    loss_batch = examples_in(largest) if is_whole else eval_batch_size
    return Evaluated(metrics, loss_batch, (_told(workload, of_loss, loss_batch=loss_batch, is_whole=is_whole),))


def _told(workload: Workload, of_loss: Difference, *, loss_batch: int, is_whole: bool) -> str:
    how = "for all held-out examples at once" if is_whole else f"in batches of {loss_batch}, on which its value depends"
    return (
        f"{workload.name}.loss: is no mean over examples: {of_loss}. An evaluation computes it {how}. "
        "Give loss_weight, or a loss of each example in metrics"
    )


def _first_look(workload: Workload, model: nn.Module, data: Data) -> tuple[Sample, dict[str, float]]:
    """Return as many examples as time and memory allow, and what an evaluation of them in one batch gives."""
    sample = Sample(data, count=FEW)
    start = time.perf_counter()
    metrics = _numbers(workload, model, sample, size=FEW)
    count = min(MANY, int(FEW * SECONDS / PASSES / (time.perf_counter() - start)))
    while count > FEW:
        with suppress(Exception):  # many may be too many
            many = Sample(data, count=count)
            return many, _numbers(workload, model, many, size=count)
        count //= 2
    return sample, metrics


def _numbers(workload: Workload, model: nn.Module, sample: Sample, *, size: int, seed: int = 0) -> dict[str, float]:
    torch.manual_seed(seed)
    return evaluate(workload, model, sample.batches(size))


def _advice(model: nn.Module) -> str:
    if any(isinstance(module, _BatchNorm) and module.running_mean is None for module in model.modules()):
        return "Its model has a BatchNorm with track_running_stats=False, which looks at the other examples of a batch"
    return "Give each example a value that its batch does not change, or use a torchmetrics.Metric (of probabilities)"
