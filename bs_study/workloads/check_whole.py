"""May the loss of a whole data set be computed at once? By counts alone, so that every machine says the same."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from bs_study.workloads.base import Data, Workload
from bs_study.workloads.evaluation import evaluated_loss

MOST_BYTES = 2**30  # of all tensors that are made on the way; any machine that trains has as much

Batch = tuple[Tensor, ...]


@torch.no_grad()
def fits_at_once(workload: Workload, model: nn.Module, data: Data, sample: Callable[[int], Sequence[Batch]]) -> bool:
    """Return whether the loss of a data set can be computed in one batch: seen to be a number, within 1 GiB.

    Args:
        data: a Dataset is not read as a whole, which may take long: for it the answer is no.
        sample: some of its examples, in batches of a size.
    """
    if not isinstance(data, tuple):
        return False
    with suppress(Exception):  # a model may take batches of some sizes only
        if _bytes_of(workload, model, sample, count=len(data[0])) <= MOST_BYTES:
            return math.isfinite(evaluated_loss(workload, model, [tuple(part.clone() for part in data)]))
    return False


def _bytes_of(workload: Workload, model: nn.Module, sample: Callable[[int], Sequence[Batch]], *, count: int) -> float:
    """Return the bytes that a batch of so many examples makes: a·n + c·n², where examples are compared in pairs.

    a and c are those of a batch and of half of it.
    """
    most = sum(len(batch[0]) for batch in sample(1))
    half = max(1, most // 2)
    of_most, of_half = (_bytes_made(workload, model, sample(size)[0]) for size in (most, half))
    if most == half:
        return of_most * count
    squared = max(0.0, (of_most - of_half * most / half) / (most * (most - half)))
    return (of_most / most - squared * most) * count + squared * count**2


def _bytes_made(workload: Workload, model: nn.Module, batch: Batch) -> int:
    made = _Made()
    with made:
        evaluated_loss(workload, model, [batch])
    return made.bytes


class _Made(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Adds up what each operation of torch makes, whether it is kept or not."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.bytes = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        if not func.is_view:
            self.bytes += sum(part.nbytes for part in tree_leaves(made) if isinstance(part, Tensor))
        return made
