"""MNIST: 60,000 handwritten digits of 28×28 pixels to train, the official 10,000 to evaluate."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from bs_study.target import Target
from bs_study.workloads.base import Workload, classification_metrics


class Mnist(Workload):
    """Pixels scaled to 0..1 and nothing else; a CNN of 12,930 parameters."""

    name = "mnist"
    target = Target("accuracy", 0.98)
    train_examples = 60_000

    def train_data(self, data_dir: Path) -> tuple[Tensor, ...]:
        return _read(data_dir, train=True)

    def eval_data(self, data_dir: Path) -> tuple[Tensor, ...]:
        return _read(data_dir, train=False)

    def prepare(self, images: Tensor, labels: Tensor) -> tuple[Tensor, ...]:  # type: ignore[override]
        return images.unsqueeze(1).float() / 255, labels  # (batch, 1, 28, 28), 0 to 1

    def model(self) -> nn.Module:
        return nn.Sequential(
            nn.Conv2d(1, 10, 5), nn.MaxPool2d(2), nn.ReLU(),  # (batch, 10, 12, 12)
            nn.Conv2d(10, 20, 5), nn.MaxPool2d(2), nn.ReLU(),  # (batch, 20, 4, 4)
            nn.Conv2d(20, 40, 3), nn.MaxPool2d(2), nn.ReLU(),  # (batch, 40, 1, 1)
            nn.Flatten(), nn.Linear(40, 10),
        )  # fmt: skip

    def loss(self, model: nn.Module, images: Tensor, labels: Tensor) -> Tensor:  # type: ignore[override]
        return cross_entropy(model(images), labels)

    def metrics(self, model: nn.Module, images: Tensor, labels: Tensor) -> dict[str, Tensor | float]:  # type: ignore[override]
        return classification_metrics(model(images), labels)


def _read(data_dir: Path, *, train: bool) -> tuple[Tensor, Tensor]:
    """Return images, uint8 of shape (examples, 28, 28), and labels; downloads the files that are not there.

    Raises:
        FileNotFoundError: the files are not in the folder and could not be downloaded, or can't be read.
    """
    from torchvision.datasets import MNIST

    try:
        # torchvision prints each mirror that it tries; what counts is said in the error.
        with Path(os.devnull).open("w") as nothing, contextlib.redirect_stdout(nothing):
            files = MNIST(root=str(data_dir), train=train, download=True)
    except (OSError, RuntimeError, ValueError, AssertionError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise FileNotFoundError(
            f"data_dir: MNIST can't be read from {data_dir / 'MNIST' / 'raw'} nor downloaded ({reason}). "
            "Put the four IDX files there (train-images-idx3-ubyte, ...), or give --data-dir the folder above MNIST; "
            "--workload digits needs none"
        ) from error
    return files.data, files.targets
