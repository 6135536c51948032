"""Batches that processes of torch's DataLoader read ahead."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Iterable, Iterator
from multiprocessing import current_process
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler, default_collate, get_worker_info

from bs_study.training.randomness import kept_generators, seed_host_generators
from bs_study.workloads.base import Data, as_batch, examples_at

MESSAGE_EXAMPLES = 256  # that a process sends at once, at least

GRACE_SECONDS = 5
"""How long a process reads on after SIGTERM or SIGHUP: for longer than a trial may take to write its checkpoint."""

Batch = tuple[Tensor, ...]
Collate = Callable[[list[Any]], Any]
"""Makes a batch of a Dataset's examples."""


class Key(NamedTuple):
    """Names a batch: which examples it has, and the seed of what the data set draws to make it (augmentation, say).

    With a seed for each batch, it does not matter which process reads it, nor what was read before.
    """

    seed: int
    indices: Tensor


class BatchLoader:
    """A DataLoader whose processes live as long as it does, and read whatever batches they are told to.

    Small batches travel together: a message between processes costs as much as computing one.

    Args:
        data: read in whole batches: `__getitems__` of a Dataset is used where it has one.
        device: where batches go, from pinned memory if it is a GPU.
        processes: how many read ahead; 0 reads in this process when a batch is asked for.
        collate: of the workload; unused if the data is tensors.
    """

    def __init__(self, data: Data, *, device: torch.device, processes: int, collate: Collate = default_collate) -> None:
        self._device = device
        if current_process().daemon:  # which may have no processes of its own
            processes = 0
        self._together = MESSAGE_EXAMPLES if processes else 1
        self._keys = _Keys()
        self._loader: DataLoader[Any] = DataLoader(
            _BatchReader(data, collate),
            batch_size=None,  # what is read is whole batches already
            sampler=self._keys,
            num_workers=processes,
            persistent_workers=processes > 0,
            pin_memory=device.type == "cuda",
            worker_init_fn=_outlive_signals,
            generator=torch.Generator(),  # its own, so that starting an epoch draws nothing from the model's
        )

    def read(self, keys: Iterable[Key]) -> Iterator[Batch]:
        """Yield the batches of the keys, in their order."""
        self._keys.now = _grouped(keys, examples=self._together)
        for batches in self._loader:
            for batch in _apart(*batches):
                yield tuple(tensor.to(self._device, non_blocking=True) for tensor in batch)


def _outlive_signals(_: int) -> None:
    """Let a signal that goes to all processes of a job be the trial's affair, which needs batches up to its checkpoint.

    torch raises in the trial when one of these processes dies, wherever that is: in the middle of an update, say.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)  # which ends the process
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: signal.alarm(GRACE_SECONDS) and None)


class _Keys(Sampler[list[Key]]):
    """The keys of the epoch that is being read: a DataLoader with living processes can't be given another sampler."""

    now: Iterable[list[Key]] = ()

    def __iter__(self) -> Iterator[list[Key]]:
        return iter(self.now)


class _BatchReader(Dataset[tuple[list[Batch], list[int]]]):
    """A data set by keys of batches, in place of indices of examples."""

    def __init__(self, data: Data, collate: Collate) -> None:
        self._data, self._collate = data, collate

    def __getitem__(self, keys: list[Key]) -> tuple[list[Batch], list[int]]:
        with contextlib.nullcontext() if get_worker_info() else kept_generators():
            return _together([self._batch(key) for key in keys])

    def _batch(self, key: Key) -> Batch:
        if isinstance(self._data, tuple):
            return tuple(tensor.index_select(0, key.indices) for tensor in self._data)
        seed_host_generators(key.seed)
        examples = examples_at(self._data, key.indices.tolist())
        return tuple(part.detach() for part in as_batch(self._collate(examples)))


def _grouped(keys: Iterable[Key], *, examples: int) -> Iterator[list[Key]]:
    """Yield keys in groups of at least so many examples, the last what is left."""
    group: list[Key] = []
    for key in keys:
        group.append(key)
        if sum(len(key.indices) for key in group) >= examples:
            yield group
            group = []
    if group:
        yield group


def _together(batches: list[Batch]) -> tuple[list[Batch], list[int]]:
    """Return batches as one, and their sizes; as they are, and no sizes, where their shapes differ (padding)."""
    if len(batches) == 1 or len({tuple((part.dtype, part.shape[1:]) for part in batch) for batch in batches}) > 1:
        return batches, []
    return [tuple(torch.cat(parts) for parts in zip(*batches, strict=True))], [len(batch[0]) for batch in batches]


def _apart(batches: list[Batch], sizes: list[int]) -> Iterator[Batch]:
    if not sizes:
        yield from batches
    else:
        yield from zip(*(torch.split(part, sizes) for part in batches[0]), strict=True)
