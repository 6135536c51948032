"""The 1,797 handwritten digits of 8×8 pixels that come inside scikit-learn: nothing to download."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from bs_study.target import Target
from bs_study.workloads.base import Workload, classification_metrics


class Digits(Workload):
    """1,437 digits to train and 360 to evaluate, a fixed split; a CNN of 6,090 parameters."""

    name = "digits"
    target = Target("accuracy", 0.97)
    train_examples = 1437
    fetches_data = True

    def train_data(self, data_dir: Path) -> tuple[Tensor, ...]:
        return _split()[0]

    def eval_data(self, data_dir: Path) -> tuple[Tensor, ...]:
        return _split()[1]

    def prepare(self, images: Tensor, labels: Tensor) -> tuple[Tensor, ...]:  # type: ignore[override]
        return images.unsqueeze(1).float() / 16, labels  # (batch, 1, 8, 8), 0 to 1

    def model(self) -> nn.Module:
        return nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1), nn.MaxPool2d(2), nn.ReLU(),  # (batch, 16, 4, 4)
            nn.Conv2d(16, 32, 3, padding=1), nn.MaxPool2d(2), nn.ReLU(),  # (batch, 32, 2, 2)
            nn.Flatten(), nn.Linear(128, 10),
        )  # fmt: skip

    def loss(self, model: nn.Module, images: Tensor, labels: Tensor) -> Tensor:  # type: ignore[override]
        return cross_entropy(model(images), labels)

    def metrics(self, model: nn.Module, images: Tensor, labels: Tensor) -> dict[str, Tensor]:  # type: ignore[override]
        return classification_metrics(model(images), labels)


def _split() -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """Return (images, labels) to train and to evaluate: uint8 of 0 to 16, shape (examples, 8, 8), and classes."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    digits = load_digits()
    train, held_out = train_test_split(range(1797), test_size=360, random_state=0, stratify=digits.target)
    images = torch.from_numpy(digits.images).to(torch.uint8)
    labels = torch.from_numpy(digits.target)
    return (images[train], labels[train]), (images[held_out], labels[held_out])
