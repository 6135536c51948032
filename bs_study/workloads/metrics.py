"""What a workload's `metrics` returns: a value for each example, or a torchmetrics.Metric; and which way is better."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from torchmetrics import Metric

Values = Mapping[str, "Tensor | Metric"]

MEAN_OR_METRIC = (
    "Give a tensor of shape (examples,), of which the evaluation takes the mean; for what is no mean over examples, "
    "as F1 or RMSE, a torchmetrics.Metric itself, which the evaluation computes"
)

MOST_METRICS = 1000  # a larger list is data, which would take long to look through


def is_metric(value: object) -> bool:
    """Return whether a value is a torchmetrics.Metric. Who has made one has imported torchmetrics."""
    return _is_of_torchmetrics(value, "Metric")


def own_metrics(workload: object) -> list[Any]:
    """Return what holds the torchmetrics of a workload: those that are attributes of it or its class, or within one.

    A MetricCollection stands for its metrics, which share their states and are only reset together.
    """
    if "torchmetrics" not in sys.modules:
        return []
    held = [vars(workload), *(vars(cls) for cls in type(workload).__mro__)]
    return [metric for names in held for value in list(names.values()) for metric in _metrics_in(value)]


def _metrics_in(value: object) -> Iterator[Any]:
    if _is_of_torchmetrics(value, "Metric", "MetricCollection"):
        yield value
    elif isinstance(value, nn.Module):
        for child in value.children():
            yield from _metrics_in(child)
    elif isinstance(value, dict | list | tuple) and len(value) <= MOST_METRICS:
        for part in value.values() if isinstance(value, dict) else value:
            yield from _metrics_in(part)


def _is_of_torchmetrics(value: object, *names: str) -> bool:
    torchmetrics: Any = sys.modules.get("torchmetrics")
    return torchmetrics is not None and isinstance(value, tuple(getattr(torchmetrics, name) for name in names))


def computed(metric: Any, *, name: str, workload: str) -> float:
    """Return the one number that a torchmetrics.Metric computes of all that it was updated with.

    Raises:
        ValueError: it computes several, or raises.
    """
    try:
        value = metric.compute()
    except (MemoryError, torch.OutOfMemoryError):
        raise
    except Exception as error:  # as "needs at least two samples"
        raise ValueError(f"{workload}.metrics: {name!r} can't be computed: {error}") from error
    if isinstance(value, Tensor) and value.numel() == 1:
        return shortest(value)
    if isinstance(value, int | float):
        return value
    kind = f"a tensor of shape {tuple(value.shape)}" if isinstance(value, Tensor) else f"a {type(value).__name__}"
    advice = (
        "Use an average, as average='macro', or a metric for each number"
        if isinstance(value, Tensor)
        else "Return a metric that computes one, as the metric that this wraps"
    )
    raise ValueError(f"{workload}.metrics: {name!r} computes {kind}, where one number is needed. {advice}")


def shortest(value: Tensor) -> float:
    """Return one number as the shortest decimal that its dtype holds as it: 0.9 of the float32 0.8999999761581421.

    So a target of 0.9 is met by 180 of 200.
    """
    number = float(value)
    if not value.is_floating_point() or not math.isfinite(number):
        return number
    decimals = (float(f"{number:.{digits}g}") for digits in range(1, 18))
    return next(
        decimal for decimal in decimals if float(torch.tensor(decimal, dtype=torch.float64).to(value.dtype)) == number
    )


class MetricKind(NamedTuple):
    """Which way a metric is better, and the values that it can't go beyond; None where that is not known.

    Attributes:
        is_mean: over examples; False of a torchmetrics.Metric.
    """

    direction: Literal["max", "min"] | None = None
    low: float | None = None
    high: float | None = None
    is_mean: bool = True

    def seen(self, value: float) -> MetricKind:
        """Return this with no bound that a value is beyond: those of torchmetrics are meant for plots."""
        return self._replace(
            low=None if self.low is not None and value < self.low else self.low,
            high=None if self.high is not None and value > self.high else self.high,
        )


def kinds(found: Values) -> dict[str, MetricKind]:
    """Return what is known of each metric that `metrics` returned: torchmetrics tell, and booleans are a fraction."""
    return {name: _kind(value) for name, value in found.items()}


def directions(known: Mapping[str, MetricKind]) -> dict[str, Literal["max", "min"]]:
    """Return by name which way is better, of the metrics that tell."""
    return {name: kind.direction for name, kind in known.items() if kind.direction is not None}


def _kind(value: Any) -> MetricKind:
    if not is_metric(value):
        return MetricKind(low=0.0, high=1.0) if value.dtype == torch.bool else MetricKind()
    ways: dict[bool | None, Literal["max", "min"]] = {True: "max", False: "min"}
    return MetricKind(ways.get(value.higher_is_better), value.plot_lower_bound, value.plot_upper_bound, is_mean=False)


def refuse_bad_values(workload: str, found: object, *, examples: int, own: list[Any]) -> None:
    """Raise unless `metrics` returned, by name, what an evaluation can make one number of.

    Args:
        workload: its name.
        found: what `metrics` returned for a batch.
        examples: of the batch.
        own: what holds the torchmetrics of the workload.
    """
    if not isinstance(found, dict):
        raise ValueError(f"{workload}.metrics: returns a {type(found).__name__}. Return a dict, by the metrics' names")
    for name, value in found.items():
        if not isinstance(name, str):
            raise ValueError(f"{workload}.metrics: {name!r} is no name. Give each metric a name that is text")
        fault = _fault_of_metric(value, own) if is_metric(value) else _fault_of_values(value, examples)
        if fault:
            raise ValueError(f"{workload}.metrics: {name!r} is {fault}")


def _fault_of_metric(metric: Any, own: list[Any]) -> str | None:
    if not any(metric is module for holder in own for module in holder.modules()):
        return "a torchmetrics.Metric that is no attribute. Make it in __init__, as self.f1 = ..."
    return None


def is_updated(metric: Any) -> bool:
    """Return whether a torchmetric was updated since its last reset. A sum of metrics counts no updates of its own."""
    return any(part.update_count for part in metric.modules() if is_metric(part))


def refuse_no_update(workload: str, name: str) -> None:
    raise ValueError(
        f"{workload}.metrics: {name!r} is a torchmetrics.Metric that was not updated with any batch. "
        "Call its update with the batch before it is returned"
    )


def _fault_of_values(value: object, examples: int) -> str | None:
    if _is_of_torchmetrics(value, "MetricCollection"):
        return "a MetricCollection. Return its metrics by their names: {**self.collection}"
    if not isinstance(value, Tensor):
        is_sequence = isinstance(value, list | tuple) or getattr(value, "shape", ()) != ()  # or an array
        advice = "Make it a tensor of shape (examples,): torch.as_tensor(...)" if is_sequence else MEAN_OR_METRIC
        return f"a {type(value).__name__}. {advice}"
    if value.dim() == 0:
        return f"a single number (0-dimensional). {MEAN_OR_METRIC}"
    if value.shape[0] == examples and value.numel() == examples > 0 and value.dim() > 1:
        return f"of shape {tuple(value.shape)} for {examples} examples. Give it the shape ({examples},): .flatten()"
    if value.shape != (examples,):
        return f"of shape {tuple(value.shape)} for {examples} examples. {MEAN_OR_METRIC}"
    return "complex. Give real numbers" if value.is_complex() else None
