"""Where batches come from: tensors that are resident on the device, or processes of a DataLoader."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, Protocol

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import default_collate

from bs_study.training.data_loader import BatchLoader, Collate, Key
from bs_study.workloads.base import Data, examples_in

Batch = tuple[Tensor, ...]
Loader = Literal["resident", "workers"]


class Batches(Protocol):
    """The batches of a training or a held-out set, on the device."""

    def epoch(self, number: int, *, skip: int = 0) -> Iterator[Batch]:
        """Yield an epoch's batches but for the first `skip` examples; the last batch takes what is left over.

        The order is drawn when the first batch is asked for: it is part of loading.
        """

    def in_order(self) -> Iterator[Batch]:
        """Yield all examples in the order of the data set, for an evaluation."""


class ResidentBatches:
    """The raw tensors lie on the device: an epoch's order is one permutation, a batch one gather of its rows."""

    def __init__(self, data: tuple[Tensor, ...], *, seed: int, batch_size: int, device: torch.device) -> None:
        self._tensors = tuple(tensor.to(device) for tensor in data)
        self._seed, self._batch_size, self._device = seed, batch_size, device

    def epoch(self, number: int, *, skip: int = 0) -> Iterator[Batch]:
        order = epoch_order(len(self._tensors[0]), seed=self._seed, epoch=number)[skip:].to(self._device)
        for start in range(0, len(order), self._batch_size):
            indices = order[start : start + self._batch_size]
            yield tuple(tensor.index_select(0, indices) for tensor in self._tensors)

    def in_order(self) -> Iterator[Batch]:
        for views in zip(*(torch.split(tensor, self._batch_size) for tensor in self._tensors), strict=True):
            yield tuple(view.clone() for view in views)  # what `prepare` does in place must not change the data


class LoadedBatches:
    """Processes of a DataLoader read the batches ahead of their use; they are copied to the device when asked for."""

    def __init__(
        self,
        data: Data,
        *,
        seed: int,
        batch_size: int,
        device: torch.device,
        processes: int,
        collate: Collate = default_collate,
    ) -> None:
        self._examples = examples_in(data)
        self._seed, self._batch_size = seed, batch_size
        self._loader = BatchLoader(data, device=device, processes=processes, collate=collate)

    def epoch(self, number: int, *, skip: int = 0) -> Iterator[Batch]:
        order = epoch_order(self._examples, seed=self._seed, epoch=number)[skip:]
        return self._loader.read(self._keys(order, epoch=number, start=skip))

    def in_order(self) -> Iterator[Batch]:
        return self._loader.read(self._keys(torch.arange(self._examples), epoch=0, start=0))

    def _keys(self, order: Tensor, *, epoch: int, start: int) -> Iterator[Key]:
        for first in range(0, len(order), self._batch_size):
            seed = batch_seed(self._seed, epoch, start + first)
            yield Key(seed, order[first : first + self._batch_size])


def make_batches(
    data: Data,
    *,
    loader: Loader,
    seed: int,
    batch_size: int,
    device: torch.device,
    processes: int = 0,
    collate: Collate = default_collate,
) -> Batches:
    """Return the batches of a data set; the same for the same seed, whichever the loader.

    The examples of a Dataset are put together by `collate`.
    """
    if loader == "resident" and isinstance(data, tuple):
        return ResidentBatches(data, seed=seed, batch_size=batch_size, device=device)
    return LoadedBatches(data, seed=seed, batch_size=batch_size, device=device, processes=processes, collate=collate)


def chosen_loader(asked: Literal["auto", "resident", "workers"], data: Data, device: torch.device) -> Loader:
    """Return the loader of a data set: resident where its tensors fit on the device with room to spare.

    Raises:
        ValueError: a Dataset, whose examples may differ each time they are read, was asked to be resident.
    """
    if asked == "resident" and not isinstance(data, tuple):
        raise ValueError("loader: resident needs tensors, and this workload's train_data returns a Dataset")
    if asked != "auto":
        return asked
    return "resident" if isinstance(data, tuple) and _fits(data, device) else "workers"


def _fits(data: tuple[Tensor, ...], device: torch.device) -> bool:
    """Return whether tensors leave half of the device's free memory to the model; those of a CPU are there already."""
    if device.type != "cuda":
        return True
    free, _ = torch.cuda.mem_get_info(device)
    return sum(tensor.nbytes for tensor in data) <= free / 2


def batch_seed(seed: int, epoch: int, start: int) -> int:
    """Return a seed that no other batch of a trial has; epoch 0 is an evaluation."""
    return int(np.random.SeedSequence([seed, epoch, start]).generate_state(1, np.uint64)[0] >> 1)


def epoch_order(examples: int, *, seed: int, epoch: int) -> Tensor:
    """Return the order of the examples in an epoch: a permutation that seed and epoch decide, on every device.

    It does not depend on the batch size, so all cells of a seed see the examples in the same order.
    """
    return torch.randperm(examples, generator=torch.Generator().manual_seed(seed * 1_000_003 + epoch))
