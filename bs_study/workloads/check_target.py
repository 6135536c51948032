"""Can a target be reached, and do the initial weights meet it? Asked before any trial starts."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils.data import Subset

from bs_study.metric_names import BETTER, FRACTION, Bounds, Direction, bounds_of, direction_of
from bs_study.target import OpenTarget, Target, definite
from bs_study.words import count, counted, number, shown, typed
from bs_study.workloads.base import Data, Workload, examples_in
from bs_study.workloads.check import prepare, spread_examples
from bs_study.workloads.evaluation import evaluate
from bs_study.workloads.metrics import MetricKind, directions

EXAMPLES = 64
SECONDS = 2.0
"""What an evaluation of the initial weights may take; where all examples would take longer, it is made on fewer."""
_CLOSE = 1e-6


class Initial(NamedTuple):
    """A metric of a model with its initial weights.

    Attributes:
        value: over so many examples.
        examples: how many.
        total: how many the data set has.
        each: its values for a few single examples, shape (examples,); None of a torchmetrics.Metric.
    """

    value: float
    examples: int
    total: int
    each: Tensor | None


def chosen_target(workload: Workload, asked: Target | OpenTarget | None, known: Mapping[str, MetricKind]) -> Target:
    """Return the target that is asked for, else the workload's own, with its direction.

    The workload's own target tells a direction that was left out, then torchmetrics, then the metric's name.

    Raises:
        ValueError: its metric is none of the workload's, or nothing tells its direction.
    """
    target = asked or workload.target
    if target.metric not in known:
        raise ValueError(
            f"target: {shown(target.metric)} is no metric of {workload.name}. Its metrics are {', '.join(known)}"
        )
    return definite(target, known_directions(workload, known))


def known_directions(workload: Workload, known: Mapping[str, MetricKind]) -> dict[str, Direction]:
    """Return which way metrics are better, as far as a workload's target and torchmetrics tell."""
    own = workload.target
    return directions(known) | ({own.metric: own.direction} if isinstance(own, Target) else {})


@torch.no_grad()
def initial_metric(workload: Workload, data: Data, metric: str, *, batch_size: int) -> Initial | None:
    """Return a metric with the initial weights, on as many held-out examples as take about two seconds on the CPU.

    None where that fails: whether a workload can be evaluated is asked elsewhere.

    Args:
        data: the set that trials are judged by.
        batch_size: examples per batch of an evaluation.
    """
    total = examples_in(data)
    with contextlib.suppress(Exception):
        torch.manual_seed(0)
        model = workload.model()
        read = time.perf_counter()
        first = spread_examples(workload, "eval_data", data, count=EXAMPLES)
        took = time.perf_counter() - read
        found: Mapping[str, Any] = workload.metrics(model.eval(), *prepare(workload, first))  # warms up, too
        each = found.get(metric)
        start = time.perf_counter()
        value = evaluate(workload, model, [first])[metric]
        took += time.perf_counter() - start
        examples = min(total, max(EXAMPLES, int(EXAMPLES * SECONDS / max(took, 1e-9))))
        if examples > EXAMPLES:
            value = evaluate(workload, model, spread_batches(workload, data, examples, batch_size))[metric]
        return Initial(value, examples, total, each if isinstance(each, Tensor) else None)
    return None


def spread_batches(workload: Workload, data: Data, examples: int, batch_size: int) -> Iterator[tuple[Tensor, ...]]:
    """Yield examples from all over a data set in batches."""
    total = examples_in(data)
    places = [i * (total - 1) // max(examples - 1, 1) for i in range(examples)]
    for start in range(0, examples, batch_size):
        chosen = places[start : start + batch_size]
        part = tuple(tensor[chosen] for tensor in data) if isinstance(data, tuple) else Subset(data, chosen)
        yield spread_examples(workload, "eval_data", part, count=len(chosen))


def target_warnings(
    target: Target, kind: MetricKind, initial: Initial | None, *, own: Direction | None = None
) -> list[str]:
    """Return what is odd about a target before any trial runs.

    Args:
        target: that trials are to reach.
        kind: of its metric.
        initial: its metric with the initial weights; None where that is not known.
        own: the direction of the workload's own target for this metric, which tells if nothing else does.

    Raises:
        ValueError: no value of the metric meets the target, for certain.
    """
    warnings = []
    better = kind.direction or direction_of(target.metric) or own
    if better and better != target.direction:
        other = Target(target.metric, target.value, better)
        warnings.append(
            f"target: asks for {target}, but {BETTER[better]} {target.metric} is better. {other.in_shell} asks for that"
        )
    warnings += _out_of_bounds(target.metric, initial) or _out_of_reach(target, kind, initial)
    if initial and target.is_met(initial.value):
        warnings.append(
            f"target: the initial weights meet {target} already ({number(initial.value)} on {_told(initial)}). "
            "Times to it say nothing of the training. Give a harder target"
        )
    return warnings


def _out_of_bounds(metric: str, initial: Initial | None) -> list[str]:
    """Return what is wrong with a metric that by its name has an upper bound, and is beyond its bounds."""
    bounds = bounds_of(metric)
    if initial is None or not math.isfinite(bounds.high):
        return []
    values = [initial.value]
    if initial.each is not None:
        values += [float(initial.each.min()), float(initial.each.max())]
    beyond = [value for value in values if not Bounds(bounds.low - _CLOSE, bounds.high + _CLOSE).allow(value)]
    if not any(math.isfinite(value) for value in beyond):
        return []
    right = "a fraction, 0 to 1" if bounds == FRACTION else f"at most {typed(bounds.high)}"
    of_one = "" if beyond[0] == initial.value else " for an example"
    return [f"{metric} is {number(beyond[0])}{of_one} with the initial weights: it should be {right}"]


def _out_of_reach(target: Target, kind: MetricKind, initial: Initial | None) -> list[str]:
    """Return why a target can't be reached, where that is not certain: names are free, and bounds are for plots.

    Raises:
        ValueError: it is certain. Values are booleans; or fractions by name, as seen; or name and torchmetrics agree.
    """
    of_kind = Bounds(-math.inf if kind.low is None else kind.low, math.inf if kind.high is None else kind.high)
    if initial and math.isfinite(initial.value) and not of_kind.allow(initial.value):
        of_kind = Bounds()
    by_name, by_kind = target.out_of_reach(bounds_of(target.metric)), target.out_of_reach(of_kind)
    each = initial.each if initial else None
    is_boolean = each is not None and each.dtype == torch.bool
    is_fraction = by_name and bounds_of(target.metric) == FRACTION and each is not None and bool(each.any())
    if by_kind and (by_name or is_boolean):
        raise ValueError(f"target: {by_kind}")
    if is_fraction:
        raise ValueError(f"target: {by_name}")
    fault = by_name or by_kind
    return [f"target: as a rule {fault}"] if fault else []


def _told(initial: Initial) -> str:
    if initial.examples == initial.total:
        return f"all {counted(initial.total, 'held-out example')}"
    return f"{count(initial.examples)} of {counted(initial.total, 'held-out example')}"
