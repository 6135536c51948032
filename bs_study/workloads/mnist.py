"""MNIST: 60,000 handwritten digits of 28×28 pixels to train, the official 10,000 to evaluate."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from bs_study.target import Target
from bs_study.workloads.base import Workload, classification_metrics
from bs_study.workloads.images import torchvision_files


class Mnist(Workload):
    """Pixels scaled to 0..1 and nothing else; a CNN of 12,930 parameters."""

    name = "mnist"
    target = Target("accuracy", 0.98)
    train_examples = 60_000
    fetches_data = True
    files = "MNIST"
    """What torchvision calls the data set and its folder."""

    def train_data(self, data_dir: Path) -> tuple[Tensor, ...]:
        return self._read(data_dir, train=True)

    def eval_data(self, data_dir: Path) -> tuple[Tensor, ...]:
        return self._read(data_dir, train=False)

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

    def metrics(self, model: nn.Module, images: Tensor, labels: Tensor) -> dict[str, Tensor]:  # type: ignore[override]
        return classification_metrics(model(images), labels)

    def _read(self, data_dir: Path, *, train: bool) -> tuple[Tensor, Tensor]:
        """Return images, uint8 of shape (examples, 28, 28), and labels."""
        files = torchvision_files(
            self.files,
            data_dir,
            train=train,
            folder=f"{self.files}/raw",
            needed="the four IDX files (train-images-idx3-ubyte, ...)",
        )
        return files.data, files.targets
