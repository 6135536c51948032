"""Where batches come from: tensors that are resident on the device, or a DataLoader over a Dataset."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from bs_study.workloads.base import Data, as_batch, examples_in


def to_device(data: Data, device: torch.device) -> Data:
    """Return tensors on the device, a Dataset as it is."""
    return tuple(tensor.to(device) for tensor in data) if isinstance(data, tuple) else data


def epoch_order(examples: int, *, seed: int, epoch: int) -> Tensor:
    """Return the order of the examples in an epoch: a permutation that seed and epoch decide, on every device.

    It does not depend on the batch size, so all cells of a seed see the examples in the same order.
    """
    generator = torch.Generator().manual_seed(seed * 1_000_003 + epoch)
    return torch.randperm(examples, generator=generator)


def epoch_batches(
    data: Data, *, seed: int, epoch: int, skip: int = 0, batch_size: int, device: torch.device
) -> Iterator[tuple[Tensor, ...]]:
    """Yield an epoch's batches on the device, but for the first `skip` examples; the last takes what is left over.

    The order is drawn when the first batch is asked for: it is part of loading.
    """
    order = epoch_order(examples_in(data), seed=seed, epoch=epoch)[skip:]
    if isinstance(data, tuple):
        yield from _resident(data, order.to(device), batch_size)
    else:
        yield from _loaded(data, order, batch_size, device)


def _resident(data: tuple[Tensor, ...], order: Tensor, batch_size: int) -> Iterator[tuple[Tensor, ...]]:
    for start in range(0, len(order), batch_size):
        indices = order[start : start + batch_size]
        yield tuple(tensor.index_select(0, indices) for tensor in data)


def _loaded(data: Dataset[Any], order: Tensor, batch_size: int, device: torch.device) -> Iterator[tuple[Tensor, ...]]:
    loader = DataLoader(
        data,
        batch_sampler=[chunk.tolist() for chunk in torch.split(order, batch_size)],
        pin_memory=device.type == "cuda",
        generator=torch.Generator(),  # its own, so that starting an epoch draws nothing from the model's
    )
    for collated in loader:
        yield tuple(tensor.to(device, non_blocking=True) for tensor in as_batch(collated))


def in_order(data: Data, *, batch_size: int, device: torch.device) -> Iterator[tuple[Tensor, ...]]:
    """Yield all examples in the order of the data set, for an evaluation."""
    if isinstance(data, tuple):
        for views in zip(*(torch.split(tensor, batch_size) for tensor in data), strict=True):
            yield tuple(view.clone() for view in views)  # what `prepare` does in place must not change the data
    else:
        yield from _loaded(data, torch.arange(examples_in(data)), batch_size, device)
