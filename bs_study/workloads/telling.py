"""Examples that tell most of what a loss does with its batch: rare labels and extreme weights are among them."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Subset

from bs_study.workloads.base import Data, Workload, as_batch, examples_at, examples_in

VALUES = 24  # of a part: the rarest
MOST_VALUES = 1000  # a part with more of them has no labels
MOST_RANGE = 2**20  # of whole numbers that are counted
MOST_NUMBERS = 2**22  # of a part that are looked at
MOST_READ, READ_SECONDS = 2000, 1.0  # of a Dataset


def telling_batch(workload: Workload, data: Data, *, count: int) -> tuple[Tensor, ...]:
    """Return the examples of `telling_places` as a batch."""
    return batch_at(workload, data, telling_places(data, count=count))


def batch_at(workload: Workload, data: Data, places: list[int]) -> tuple[Tensor, ...]:
    """Return the examples at some places as a batch, not prepared."""
    if isinstance(data, tuple):
        return tuple(part[places] for part in data)
    return as_batch(workload.collate(examples_at(data, places)))


def spread_places(total: int, *, count: int) -> list[int]:
    """Return so many places from all over a data set, both ends among them: one that is sorted gives of each class."""
    count = min(count, total)
    return [i * (total - 1) // max(count - 1, 1) for i in range(count)]


def telling_places(data: Data, *, count: int) -> list[int]:
    """Return the places of so many examples, in their order: one half from all over a data set, one by its values.

    For the other half, the parts take turns. A part of whole numbers gives its rarest value, its least and its
    largest, then its others from the rarest on. A part with one float an example gives the least and the largest.
    With two classes half of these examples are of the rare one.

    Args:
        data: of a Dataset, the labels are looked at where it holds them, else what can be read in a second.
        count: not more than there are is taken.
    """
    total = examples_in(data)
    if total <= count:
        return list(range(total))
    parts: Sequence[Tensor]
    looked_at: list[int] | None
    parts, looked_at = (
        (data, None) if isinstance(data, tuple) else _labels_of(data, spread_places(total, count=MOST_READ))
    )
    queues = [_pools(part) for part in parts if len(part)]
    pools = [pool for turn in itertools.zip_longest(*queues) for pool in turn if pool is not None]
    half = count // 2
    picks = (pool[turn * len(pool) // half] for turn in range(half) for pool in pools if turn < max(1, len(pool)))
    chosen = dict.fromkeys(looked_at[pick] if looked_at else pick for pick in picks)
    found = set(itertools.islice(chosen, half))
    others = [place for place in spread_places(total, count=2 * count) if place not in found]
    return sorted([*found, *(others[i] for i in spread_places(len(others), count=count - len(found)))])


def _pools(part: Tensor) -> list[list[int]]:
    """Return lists of examples that have something in common, the most telling first."""
    rows = spread_places(len(part), count=max(1, MOST_NUMBERS * len(part) // max(part.numel(), 1)))
    some = part if len(rows) == len(part) else part[rows]
    numbers = some.detach().cpu().flatten(1) if some.dim() > 1 else some.detach().cpu().unsqueeze(1)
    if numbers.is_floating_point():
        if numbers.shape[1] != 1:
            return []
        numbers = numbers.nan_to_num()
        return [[rows[int(numbers.argmin())]], [rows[int(numbers.argmax())]]]
    if numbers.is_complex() or not numbers.numel():
        return []
    return [[rows[row] for row in pool] for pool in _pools_of_values(numbers.long())]


def _pools_of_values(numbers: Tensor) -> Iterator[list[int]]:
    least, largest = int(numbers.min()), int(numbers.max())
    values = [least, largest]
    if largest - least < MOST_RANGE:
        counts = torch.bincount((numbers - least).flatten())
        found = counts.nonzero().flatten()
        if len(found) <= MOST_VALUES:
            rarest = [least + int(found[i]) for i in counts[found].argsort(stable=True)[:VALUES]]
            values = [rarest[0], *values, *rarest]
    for value in dict.fromkeys(values):
        yield (numbers == value).any(1).nonzero().flatten().tolist()


def _labels_of(data: Any, places: list[int]) -> tuple[Sequence[Tensor], list[int] | None]:
    """Return parts of a Dataset, and the places that their rows are of; None where they are of all its examples."""
    if isinstance(data, Subset):
        place_of = {int(data.indices[place]): place for place in places}
        parts, known = _labels_of(data.dataset, list(place_of))
        if known is None:
            return [part[list(data.indices)] for part in parts], None
        return parts, [place_of[place] for place in known]
    for name in ("tensors", "targets", "labels"):
        with suppress(Exception):
            held = getattr(data, name)
            parts = [torch.as_tensor(part) for part in (held if name == "tensors" else [held])]
            if parts and all(len(part) == len(data) for part in parts):
                return parts, None
    return _labels_read(data, places)


def _labels_read(data: Any, places: list[int]) -> tuple[list[Tensor], list[int]]:
    """Return the single numbers of examples that are read, until the time is over: a few from all over first."""
    end = time.perf_counter() + READ_SECONDS
    rows: list[list[float]] = []
    read: list[int] = []
    step = 16
    for place in itertools.chain.from_iterable(places[start::step] for start in range(step)):
        if time.perf_counter() > end:
            break
        with suppress(Exception):  # which the look at examples has told, or training will
            row = [float(value) for value in _parts(data[place]) if _is_number(value)]
            if not rows or len(row) == len(rows[0]):
                rows.append(row)
                read.append(place)
    columns = [torch.tensor(column, dtype=torch.float64) for column in zip(*rows, strict=True)]
    return [column.long() if bool((column == column.round()).all()) else column for column in columns], read


def _parts(example: Any) -> Sequence[Any]:
    if isinstance(example, Mapping):
        return list(example.values())
    return example if isinstance(example, tuple | list) else [example]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) or getattr(value, "ndim", None) == 0
