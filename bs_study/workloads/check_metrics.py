"""What is odd about the metrics of a workload by themselves: their kinds, and their values with the initial weights."""

from __future__ import annotations

import math
import time
from collections.abc import Collection, Mapping
from typing import Any

from torch import nn

from bs_study.metric_names import no_mean_by_name
from bs_study.workloads.base import Data, Workload, examples_in
from bs_study.workloads.check import prepare
from bs_study.workloads.check_target import spread_batches
from bs_study.workloads.metrics import MetricKind, is_metric, is_updated, own_metrics, refuse_no_update
from bs_study.workloads.user_errors import calling

SECONDS = 2.0  # that a search for a batch which updates a torchmetric takes, about


def not_finite_warnings(workload: str, values: Mapping[str, float], means: Collection[str]) -> tuple[str, ...]:
    """Return which metrics are no finite numbers with the initial weights, where training may cure them.

    Args:
        workload: its name.
        values: of metrics, for some held-out examples.
        means: those that are means of a value of each example.

    Raises:
        ValueError: the loss is not finite, or a mean is NaN.
    """
    warnings = []
    for name, value in values.items():
        if math.isfinite(value):
            continue
        told = f"{workload}.metrics: {name!r} is {value} on held-out data with the initial weights"
        if name == "loss":
            raise ValueError(told)
        if name in means and math.isnan(value):
            raise ValueError(f"{told}: a NaN of one example makes the mean NaN. Give each example a number")
        warnings.append(f"{told}. Where it is no finite number, nothing is stored and no target is met")
    return tuple(warnings)


def mean_warnings(workload: str, kinds: Mapping[str, MetricKind]) -> list[str]:
    """Return which metrics are means of a value of each example, but have the name of what is none."""
    found = {name: no_mean_by_name(name) for name, kind in kinds.items() if kind.is_mean}
    return [
        f"{workload}.metrics: {name!r} is the mean of one value per example here, which is no {known[0].upper()} "
        f"of the set: use {known[1]}, or give it another name"
        for name, known in found.items()
        if known
    ]


def refuse_never_updated(
    workload: Workload, model: nn.Module, data: Data, found: Mapping[str, Any], *, batch_size: int
) -> None:
    """Raise if `metrics` updates one of its torchmetrics with no batch of a data set, as far as there is time to see.

    Args:
        found: what it returned for a first batch. Some are updated with certain examples only.
        batch_size: a number of examples that the model is known to take.
    """
    missing = {name for name, value in found.items() if is_metric(value) and not is_updated(value)}
    deadline = time.perf_counter() + SECONDS
    for raw in spread_batches(workload, data, examples_in(data), batch_size) if missing else ():
        batch = prepare(workload, raw)
        with calling(workload, "metrics"):
            again = workload.metrics(model, *batch)
        missing = {name for name in missing if not (is_metric(again.get(name)) and is_updated(again[name]))}
        for metric in own_metrics(workload):
            metric.reset()
        if not missing or time.perf_counter() > deadline:
            return
    for name in missing:
        refuse_no_update(workload.name, name)
