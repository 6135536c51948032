"""Examples of a Dataset as one batch, before any trial starts: what can't be put together is told with a way out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from bs_study.workloads.base import Data, Workload, as_batch
from bs_study.workloads.user_errors import PAD, calling, module_file

LENGTHS = re.compile(r"equal size(?:, but got (.*) at entry 0 and (.*) at entry \d+)?")


def collated_examples(workload: Workload, method: str, examples: list[Any]) -> tuple[Tensor, ...]:
    """Return examples as a batch, as training and evaluation put them together.

    Args:
        workload: whose `collate` does it.
        method: what gave the examples.
        examples: of a Dataset.

    Raises:
        ValueError: they can't be put together, or give what is no tensor with the example as first dimension.
    """
    if has_collate(workload):
        with calling(workload, "collate"):
            collated = workload.collate(examples)
            batch = as_batch(collated)
        fault = next(_faults_of_own(collated, examples=len(examples)), None)
        if fault:
            raise ValueError(f"{workload.name}.collate: {fault}")
        return batch
    try:
        with calling(workload, method):
            collated = workload.collate(examples)
    except ValueError as error:
        found = LENGTHS.search(str(error.__cause__))
        if not found:
            raise
        lengths = f" ({found[1]} and {found[2]})" if found[1] else ""
        file = Path(module_file(workload) or "").name
        raise ValueError(
            f"{workload.name}.{method}: its examples differ in length{lengths}, so they make no batch ({file}). {PAD}"
        ) from error
    for place, part in _parts(collated):
        if not isinstance(part, Tensor):
            raise ValueError(
                f"{workload.name}.{method}: part {place!r} of an example is no number and no tensor of one shape. "
                "Leave it out, or make it one (a Hugging Face table: table.with_format('torch'))"
            )
    return as_batch(collated)


def has_collate(workload: Workload) -> bool:
    """Return whether a workload puts its examples together in a way of its own."""
    return type(workload).collate is not Workload.collate


def collate_warnings(workload: Workload, train: Data) -> list[str]:
    """Return whether a workload's own `collate` is never called."""
    if has_collate(workload) and isinstance(train, tuple):
        return [f"{workload.name}.collate: is never called, since train_data returns tensors and no Dataset"]
    return []


def _parts(collated: Any) -> Iterator[tuple[object, object]]:
    yield from collated.items() if isinstance(collated, Mapping) else enumerate(as_batch(collated), start=1)


def _faults_of_own(collated: Any, *, examples: int) -> Iterator[str]:
    """Yield what is wrong with what a workload's own `collate` returned."""
    parts = list(_parts(collated))
    if not parts:
        yield "returns nothing. Return a tuple of tensors"
    for place, part in parts:
        if not isinstance(part, Tensor):
            yield f"part {place!r} of its batch is a {type(part).__name__}. Make it a tensor: torch.tensor(...)"
        elif not part.dim() or len(part) != examples:
            yield (
                f"part {place!r} of its batch has shape {tuple(part.shape)} for {examples} examples. The first "
                "dimension of each tensor is the example: pad_sequence(..., batch_first=True)"
            )
