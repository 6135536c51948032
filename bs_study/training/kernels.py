"""Which kernels a CPU convolves with, and how it lays out images: what is fastest differs with the batch size."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn
from torch.nn.modules.conv import _ConvNd

KernelName = Literal["onednn", "native", "onednn_channels_last", "native_channels_last"]
KERNELS: tuple[KernelName, ...] = ("onednn", "onednn_channels_last", "native", "native_channels_last")


@dataclass(frozen=True)
class Kernels:
    """How a trial computes on a CPU.

    Args:
        name: the library of the convolutions, oneDNN or PyTorch's own, and the order of dimensions if not the usual.
        micro_batch: how many examples' gradients are computed at once.
    """

    name: KernelName
    micro_batch: int


def use_kernels(name: KernelName, model: nn.Module) -> None:
    """Let this process convolve with these kernels, and lay out the model's weights for them.

    The layout of the weights decides: a convolution brings its input into the order of its weights.
    """
    torch.backends.mkldnn.enabled = not name.startswith("native")  # type: ignore[assignment]
    channels_last = name.endswith("channels_last")
    model.to(memory_format=torch.channels_last if channels_last else torch.contiguous_format)


@contextlib.contextmanager
def evaluation_kernels(model: nn.Module) -> Iterator[None]:
    """Convolve as is fastest for the large batches of an evaluation, whatever is fastest for those of the trial.

    That is oneDNN, channels last. At the end the model has its own tensors again, so that what is trained stays the
    same to the last bit.
    """
    library = torch.backends.mkldnn.enabled
    weights = [parameter for parameter in model.parameters() if parameter.dim() == 4]
    own = [weight.data for weight in weights]
    try:
        torch.backends.mkldnn.enabled = True  # type: ignore[assignment]
        for weight in weights:
            weight.data = weight.data.to(memory_format=torch.channels_last)
        yield
    finally:
        torch.backends.mkldnn.enabled = library
        for weight, data in zip(weights, own, strict=True):
            weight.data = data


def has_convolutions(model: nn.Module) -> bool:
    return any(isinstance(module, _ConvNd) for module in model.modules())
