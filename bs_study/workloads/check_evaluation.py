"""Does an evaluation depend on the batches that it is read in? Then it is refused, or told."""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from bs_study.workloads.base import Data, Workload, examples_in
from bs_study.workloads.check_metrics import not_finite_warnings
from bs_study.workloads.check_mixing import mixing_advice
from bs_study.workloads.check_sizes import CHANGES, SIZES, Batch, Difference, Numbers, Sample, differences
from bs_study.workloads.check_whole import fits_at_once
from bs_study.workloads.evaluation import evaluate, evaluated_loss
from bs_study.workloads.telling import spread_places, telling_places
from bs_study.workloads.tries import copied

MANY = 59  # so that each smaller size has a short last batch, of more than one
SECONDS = 4.0  # for the passes over the sample, which is smaller where a model takes longer
PASSES = (2 + 2 * len(SIZES)) * len(CHANGES)  # small batches are slow

UPDATE_BY_EXAMPLE = (
    "Update a torchmetrics.Metric with what each example has, as probabilities in place of logits; "
    "a MeanMetric with update(value, weight=len(x)), or give the values of the examples themselves"
)
GIVE_VALUES = (
    "Give each example a value that its batch does not change, or use a torchmetrics.Metric (of probabilities)"
)
GIVE_WEIGHT = "Give loss_weight, or a loss of each example in metrics"
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
    means: Collection[str],
    usual: int,
    takes_any_size: bool,
    eval_batch_size: int,
    test: Data | None = None,
) -> Evaluated:
    """Return what an evaluation gives, looked at in several batch sizes.

    Args:
        gives_loss: whether `metrics` do.
        means: the metrics that are means of a value of each example.
        usual: a number of examples that the model is known to take.
        takes_any_size: whether its batches may be of several sizes; nothing is compared if not.
        eval_batch_size: that of the study.
        test: its test set, which is evaluated as the held-out set is.

    Raises:
        ValueError: the loss is not finite, or a mean is NaN; a metric depends on the batch size of the evaluation, or
            `loss_weight` does not fit the loss.
    """
    deadline = time.perf_counter() + 2 * SECONDS
    sample, metrics = _first_look(workload, model, held_out, few=usual)
    odd = not_finite_warnings(workload.name, metrics, means)
    has_weight = getattr(workload.loss_weight, "__func__", None) is not Workload.loss_weight

    if not takes_any_size:
        return Evaluated(metrics, warnings=odd)

    def numbers(subject: nn.Module, size: int, seed: int, *, is_apart: bool = False) -> Numbers:
        batches = sample.batches_read_apart if is_apart else sample.batches
        found = _numbers(workload, subject, batches(size), seed=seed)
        if not gives_loss:
            found[_BY_WEIGHT] = found.pop("loss")
        elif has_weight:
            found[_BY_WEIGHT] = evaluated_loss(workload, copied(workload, subject), batches(size))
        return found

    compared: dict[str, Any] = {
        "count": sample.count,
        "eval_batch_size": eval_batch_size,
        "is_over": lambda: time.perf_counter() > deadline,
    }
    found = differences(numbers, model, **compared)
    of_loss = found.pop(_BY_WEIGHT, None)
    for name, difference in found.items():
        raise ValueError(
            f"{workload.name}.metrics: {name!r} depends on the batch size of the evaluation: {difference}. "
            + _advice(workload, model, sample, is_mean=name in means)
        )
    if of_loss and has_weight:
        raise ValueError(
            f"{workload.name}.loss_weight: does not fit the loss: {of_loss}. Return what loss divides by on a batch"
        )
    loss_batch, warnings = None, []
    if of_loss:
        largest = max((data for data in (held_out, test) if data is not None), key=examples_in)
        is_whole = fits_at_once(workload, model, largest, sample.batches)
        loss_batch = examples_in(largest) if is_whole else min(eval_batch_size, examples_in(largest))
        is_whole = loss_batch >= examples_in(largest)
        of_batches = f"in batches of {loss_batch}, on which its value depends"
        how = "for all held-out examples at once" if is_whole else of_batches
        mixing = mixing_advice(workload, model, sample.batches(sample.count)[0])
        others = [name for name in metrics if name != "loss"]
        if mixing and others:  # the difference may have left the score of each of so few examples as it was
            raise ValueError(f"{workload.name}.metrics: {others[0]!r} depends on the batch of an evaluation. {mixing}")
        fault = f"is no mean over examples: {of_loss}. An evaluation computes it {how}"
        warnings = [f"{workload.name}.loss: {fault}. {mixing or GIVE_WEIGHT}"]
    elif sample.is_padded:
        padded = differences(functools.partial(numbers, is_apart=True), model, **compared, changes=(0.0,))
        warnings = [_told_of_padding(workload, name, difference) for name, difference in padded.items()]
    return Evaluated(metrics, loss_batch, (*odd, *warnings))


def _told_of_padding(workload: Workload, name: str, difference: Difference) -> str:
    which = "the loss" if name == _BY_WEIGHT else repr(name)
    return (
        f"{workload.name}.metrics: {which} depends on how far a batch is padded: {difference}. "
        "Leave padding out of account in the model, by a mask or padding_idx"
    )


def _first_look(workload: Workload, model: nn.Module, data: Data, *, few: int) -> tuple[Sample, dict[str, float]]:
    """Return as many examples as time and memory allow, and what an evaluation of others gives, from all over."""
    total = examples_in(data)
    spread = Sample(workload, data, places=spread_places(total, count=few))
    seconds = math.inf
    for _ in range(2):  # the first loads what libraries need
        start = time.thread_time()  # which is not that of what else runs on the machine
        metrics = _numbers(workload, model, spread.batches(few))
        seconds = min(seconds, time.thread_time() - start)
    count = min(MANY, int(few * SECONDS / PASSES / max(seconds, 1e-9)))
    while count > few:
        with suppress(Exception):  # many may be too many
            many = Sample(workload, data, places=spread_places(total, count=count))
            metrics = _numbers(workload, model, many.batches(count))
            spread = many
            break
        count //= 2
    with suppress(Exception):  # a metric may be none of other examples
        telling = Sample(workload, data, places=telling_places(data, count=spread.count))
        _numbers(workload, model, telling.batches(telling.count))
        return telling, metrics
    return spread, metrics


def _numbers(workload: Workload, model: nn.Module, batches: list[Batch], *, seed: int = 0) -> dict[str, float]:
    torch.manual_seed(seed)
    return evaluate(workload, copied(workload, model), batches, is_sample=True)


def _advice(workload: Workload, model: nn.Module, sample: Sample, *, is_mean: bool) -> str:
    if any(isinstance(module, _BatchNorm) and module.running_mean is None for module in model.modules()):
        return "Its model has a BatchNorm with track_running_stats=False, which looks at the other examples of a batch"
    mixing = mixing_advice(workload, model, sample.batches(sample.count)[0])
    return mixing or (GIVE_VALUES if is_mean else UPDATE_BY_EXAMPLE)
