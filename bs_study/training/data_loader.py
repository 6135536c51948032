"""Batches that processes of torch's DataLoader read ahead."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler, default_collate

from bs_study.training.randomness import kept_generators, seed_generators
from bs_study.workloads.base import Data, as_batch


class Key(NamedTuple):
    """Names a batch: which examples it has, and the seed of what the data set draws to make it (augmentation, say).

    With a seed for each batch, it does not matter which process reads it, nor what was read before.
    """

    seed: int
    indices: Tensor


class BatchLoader:
    """A DataLoader whose processes live as long as it does, and read whatever batches they are told to.

    Args:
        data: read in whole batches: `__getitems__` of a Dataset is used where it has one.
        device: where batches go, from pinned memory if it is a GPU.
        processes: how many read ahead; 0 reads in this process when a batch is asked for.
    """

    def __init__(self, data: Data, *, device: torch.device, processes: int) -> None:
        self._device = device
        self._keys = _Keys()
        self._loader: DataLoader[Any] = DataLoader(
            _BatchReader(data),
            batch_size=None,  # each key is a batch already
            sampler=self._keys,
            num_workers=processes,
            persistent_workers=processes > 0,
            pin_memory=device.type == "cuda",
            generator=torch.Generator(),  # its own, so that starting an epoch draws nothing from the model's
        )

    def read(self, keys: Iterable[Key]) -> Iterator[tuple[Tensor, ...]]:
        """Yield the batches of the keys, in their order."""
        self._keys.now = keys
        for batch in self._loader:
            yield tuple(tensor.to(self._device, non_blocking=True) for tensor in batch)


class _Keys(Sampler[Key]):
    """The keys of the epoch that is being read: a DataLoader with living processes can't be given another sampler."""

    now: Iterable[Key] = ()

    def __iter__(self) -> Iterator[Key]:
        return iter(self.now)


class _BatchReader(Dataset[tuple[Tensor, ...]]):
    """A data set by keys of batches, in place of indices of examples."""

    def __init__(self, data: Data) -> None:
        self._data = data

    def __getitem__(self, key: Key) -> tuple[Tensor, ...]:
        if isinstance(self._data, tuple):
            return tuple(tensor.index_select(0, key.indices) for tensor in self._data)
        with kept_generators():
            seed_generators(key.seed)
            return as_batch(default_collate(_examples(self._data, key.indices.tolist())))


def _examples(data: Dataset[Any], indices: list[int]) -> list[Any]:
    if hasattr(data, "__getitems__"):
        return list(data.__getitems__(indices))
    return [data[index] for index in indices]
