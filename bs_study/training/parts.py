"""A batch in parts: the losses of the parts, each by its share, add up to the loss of the batch."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

Batch = tuple[Tensor, ...]
Weigh = Callable[..., Tensor | float]
"""`Workload.loss_weight`: what the loss of a batch divides by."""


def summed_loss(
    loss: Callable[..., Tensor], batch: Batch, *, size: int, weigh: Weigh, use: Callable[[Tensor], object]
) -> Tensor:
    """Return the loss of a batch, computed at once or in parts.

    Args:
        loss: of a prepared batch.
        batch: prepared.
        size: examples of a part; the last part has what is left.
        weigh: the workload's `loss_weight`.
        use: called with the loss of each part by its share, as long as its graph is there: to compute gradients, say.
    """
    if len(batch[0]) <= size:
        whole = loss(*batch)
        use(whole)
        return whole.detach()
    total = torch.zeros((), device=batch[0].device)
    for part, share in _parts_and_shares(batch, size=size, weigh=weigh):
        of_part = loss(*part) * share
        use(of_part)
        total += of_part.detach().reshape(())
    return total


def part_of(batch: Batch, start: int, end: int) -> Batch:
    """Return some examples of a batch; what `prepare` added that is not by example stays whole."""
    return _by_example(batch, lambda tensor: tensor[start:end])


def rows_of(batch: Batch, rows: Tensor) -> Batch:
    """Return the examples of a batch that stand in these rows, and the rest as `part_of` does."""
    return _by_example(batch, lambda tensor: tensor.index_select(0, rows))


def _by_example(batch: Batch, some: Callable[[Tensor], Tensor]) -> Batch:
    count = len(batch[0])
    return tuple(some(tensor) if tensor.dim() and len(tensor) == count else tensor for tensor in batch)


def _parts_and_shares(batch: Batch, *, size: int, weigh: Weigh) -> Iterator[tuple[Batch, Tensor | float]]:
    """Yield the parts of a batch, and the share of each in the loss: its weight by the weight of the batch.

    The loss of a part that weighs nothing, as one of ignored tokens alone, may be 0/0. On the host it is left out. A
    GPU is not waited for: there such a part has the examples of the heaviest one, at a share of 0.
    """
    parts = [part_of(batch, start, start + size) for start in range(0, len(batch[0]), size)]
    weights = [weigh(*part) for part in parts]
    whole = weigh(*batch)
    if isinstance(whole, Tensor) and not _is_on_host(whole):
        yield from _without_waiting(batch, weights, whole, size=size)
        return
    for part, weight in zip(parts, weights, strict=True):
        share = weight / whole if whole else math.nan  # as the loss of the whole batch would be
        if share != 0:
            yield part, share


def _is_on_host(tensor: Tensor) -> bool:
    return tensor.device.type == "cpu"


def _without_waiting(
    batch: Batch, weights: list[Tensor | float], whole: Tensor, *, size: int
) -> Iterator[tuple[Batch, Tensor]]:
    count, device = len(batch[0]), whole.device
    of_parts = torch.stack([torch.as_tensor(weight, device=device).reshape(()) for weight in weights])
    heaviest = of_parts.argmax()
    for number, weight in enumerate(of_parts):
        rows = torch.arange(min(size, count - number * size), device=device)
        first = torch.where(weight > 0, number, heaviest) * size
        yield rows_of(batch, (first + rows) % count), weight / whole.reshape(())
