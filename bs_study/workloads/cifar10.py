"""CIFAR-10: 50,000 colour photographs of 32×32 pixels in ten classes to train, the official 10,000 to evaluate."""

from __future__ import annotations

import functools
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, pad

from bs_study.target import Target
from bs_study.workloads.base import Workload, classification_metrics
from bs_study.workloads.images import torchvision_files
from bs_study.workloads.resnet import resnet8, resnet18

MEAN = (0.4914, 0.4822, 0.4465)
STD = (0.2470, 0.2435, 0.2616)
"""Of the training set's pixels, for each channel on a scale of 0 to 1."""
PADDING = 4


class Cifar10(Workload):
    """Random crops and flips, pixels normalised by channel; a ResNet-18 of 11,173,962 parameters."""

    name = "cifar10"
    target = Target("accuracy", 0.93)
    train_examples = 50_000
    fetches_data = True

    def train_data(self, data_dir: Path) -> tuple[Tensor, ...]:
        return _read(data_dir, train=True)

    def eval_data(self, data_dir: Path) -> tuple[Tensor, ...]:
        return _read(data_dir, train=False)

    def prepare(self, images: Tensor, labels: Tensor) -> tuple[Tensor, ...]:  # type: ignore[override]
        if torch.is_grad_enabled():
            images = cropped_and_flipped(images)
        mean, std = _by_channel(MEAN, images.device), _by_channel(STD, images.device)
        return (images / 255 - mean) / std, labels  # (batch, 3, 32, 32), mean 0 and variance 1

    def model(self) -> nn.Module:
        return resnet18(classes=10)

    def loss(self, model: nn.Module, images: Tensor, labels: Tensor) -> Tensor:  # type: ignore[override]
        return cross_entropy(model(images), labels)

    def metrics(self, model: nn.Module, images: Tensor, labels: Tensor) -> dict[str, Tensor]:  # type: ignore[override]
        return classification_metrics(model(images), labels)


class Cifar10Resnet8(Cifar10):
    """The same images for a laptop: a ResNet-8 of 77,706 parameters, without batch statistics."""

    name = "cifar10_resnet8"
    target = Target("accuracy", 0.70)

    def model(self) -> nn.Module:
        return resnet8(classes=10)


def cropped_and_flipped(images: Tensor) -> Tensor:
    """Return each image shifted by up to 4 pixels each way over black, and mirrored half of the time.

    The whole batch at once, on its device; what is drawn comes from that device's global generator.

    Args:
        images: shape (batch, channels, height, width).
    """
    count, channels, height, width = images.shape
    device = images.device
    shift = torch.randint(2 * PADDING + 1, (2, count, 1), device=device)
    is_mirrored = torch.rand(count, 1, device=device) < 0.5
    rows = shift[0] + torch.arange(height, device=device)  # (batch, height)
    columns = shift[1] + torch.arange(width, device=device)  # (batch, width)
    columns = torch.where(is_mirrored, columns.flip(1), columns)
    image = torch.arange(count, device=device).view(-1, 1, 1, 1)
    channel = torch.arange(channels, device=device).view(1, -1, 1, 1)
    return pad(images, [PADDING] * 4)[image, channel, rows[:, None, :, None], columns[:, None, None, :]]


@functools.cache
def _by_channel(values: tuple[float, ...], device: torch.device) -> Tensor:
    """Return a number for each channel, shape (channels, 1, 1); kept, as no CUDA graph copies from the host."""
    return torch.tensor(values, device=device).view(-1, 1, 1)


def _read(data_dir: Path, *, train: bool) -> tuple[Tensor, Tensor]:
    """Return images, uint8 of shape (examples, 3, 32, 32), and labels.

    The files are pickles: torchvision opens them only where their MD5 sums are the published ones.
    """
    files = torchvision_files(
        "CIFAR10",
        data_dir,
        train=train,
        folder="cifar-10-batches-py",
        needed="the files of cifar-10-python.tar.gz (data_batch_1, ...)",
    )
    return torch.from_numpy(files.data).permute(0, 3, 1, 2).contiguous(), torch.tensor(files.targets)
