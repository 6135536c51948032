"""What a workload's `metrics` returns: a value for each example, or a torchmetrics.Metric; and which way is better."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

if TYPE_CHECKING:
    from torchmetrics import Metric

Values = Mapping[str, "Tensor | Metric"]

MEAN_OR_METRIC = (
    "Give a tensor of shape (examples,), of which the evaluation takes the mean, "
    "or a torchmetrics.Metric for what is no mean over examples, as F1 or RMSE"
)


def is_metric(value: object) -> bool:
    """Return whether a value is a torchmetrics.Metric. Who has made one has imported torchmetrics."""
    torchmetrics: Any = sys.modules.get("torchmetrics")
    return torchmetrics is not None and isinstance(value, torchmetrics.Metric)


def own_metrics(workload: object) -> list[Metric]:
    """Return the torchmetrics that a workload or its class holds as attributes, by themselves or in a collection."""
    held = [vars(workload), *(vars(cls) for cls in type(workload).__mro__)]
    return [metric for names in held for value in list(names.values()) for metric in _metrics_in(value)]


def _metrics_in(value: object) -> Iterator[Metric]:
    if is_metric(value):
        yield value  # type: ignore[misc]
    elif isinstance(value, nn.Module):
        yield from (module for module in value.modules() if is_metric(module))  # type: ignore[misc]
    elif isinstance(value, Mapping):
        yield from (metric for part in value.values() for metric in _metrics_in(part))
    elif isinstance(value, list | tuple):
        yield from (metric for part in value for metric in _metrics_in(part))


def refuse_bad_values(workload: str, found: object, *, examples: int, own: list[Metric]) -> None:
    """Raise unless `metrics` returned, by name, what an evaluation can make one number of.

    Args:
        workload: its name.
        found: what `metrics` returned for a batch.
        examples: of the batch.
        own: the torchmetrics that the workload holds.
    """
    if not isinstance(found, dict):
        raise ValueError(f"{workload}.metrics: returns a {type(found).__name__}. Return a dict, by the metrics' names")
    for name, value in found.items():
        if not isinstance(name, str):
            raise ValueError(f"{workload}.metrics: {name!r} is no name. Give each metric a name that is text")
        fault = _fault(value, examples=examples, own=own)
        if fault:
            raise ValueError(f"{workload}.metrics: {name!r} is {fault}")


def _fault(value: object, *, examples: int, own: list[Metric]) -> str | None:
    if is_metric(value):
        is_own = any(value is metric for metric in own)
        return None if is_own else "a torchmetrics.Metric that is no attribute. Make it in __init__, as self.f1 = ..."
    if not isinstance(value, Tensor):
        return f"a {type(value).__name__}. {MEAN_OR_METRIC}"
    if value.dim() == 0:
        return f"a single number (0-dimensional). {MEAN_OR_METRIC}"
    if value.shape != (examples,):
        return f"of shape {tuple(value.shape)} for {examples} examples. {MEAN_OR_METRIC}"
    return "complex. Give real numbers" if value.is_complex() else None
