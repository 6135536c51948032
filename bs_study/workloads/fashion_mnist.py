"""Fashion-MNIST: 60,000 pieces of clothing of 28×28 pixels to train, the official 10,000 to evaluate."""

from __future__ import annotations

from torch import nn

from bs_study.target import Target
from bs_study.workloads.mnist import Mnist


class FashionMnist(Mnist):
    """Files, pixels and loss as MNIST's; a CNN of 55,338 parameters."""

    name = "fashion_mnist"
    target = Target("accuracy", 0.90)
    files = "FashionMNIST"

    def model(self) -> nn.Module:
        return nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1), nn.MaxPool2d(2), nn.ReLU(),  # (batch, 16, 14, 14)
            nn.Conv2d(16, 32, 3, padding=1), nn.MaxPool2d(2), nn.ReLU(),  # (batch, 32, 7, 7)
            nn.Flatten(), nn.Linear(1568, 32), nn.ReLU(), nn.Linear(32, 10),
        )  # fmt: skip
