"""Workloads that ask something of a GPU: random numbers, running statistics, the host's attention, much memory."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from bs_study.workloads import Target, Workload
from bs_study.workloads.digits import Digits

CYCLES = 0  # of a kernel that does nothing else


class DigitsByLoss(Digits):
    """Digits, judged by the loss alone."""

    name = "digits_by_loss"
    target = Target("loss", 0.0, "min")

    def metrics(self, model: nn.Module, *batch: Tensor) -> dict[str, Tensor]:
        return {}


class Noisy(DigitsByLoss):
    """Noise on the pixels and dropout: random numbers in `prepare` and in the model."""

    name = "noisy"

    def prepare(self, images: Tensor, labels: Tensor) -> tuple[Tensor, ...]:  # type: ignore[override]
        pixels, labels = super().prepare(images, labels)
        return pixels + 0.1 * torch.rand_like(pixels) * torch.is_grad_enabled(), labels

    def model(self) -> nn.Module:
        return nn.Sequential(nn.Flatten(), nn.Linear(64, 128), nn.ReLU(), nn.Dropout(0.5), nn.Linear(128, 10))


class OnlyDropout(Workload):
    """The share of a thousand ones that dropout leaves: its loss tells one mask from another."""

    name = "only_dropout"
    target = Target("loss", -1.0, "min")

    def train_data(self, data_dir: Path) -> tuple[Tensor, ...]:
        return (torch.ones(64, 1000),)

    eval_data = train_data

    def model(self) -> nn.Module:
        layer = nn.Linear(1, 1, bias=False)
        nn.init.ones_(layer.weight)
        return nn.Sequential(nn.Dropout(0.5), nn.Unflatten(1, (-1, 1)), layer)

    def loss(self, model: nn.Module, x: Tensor) -> Tensor:
        return model(x).mean()


class Normalised(DigitsByLoss):
    """BatchNorm, whose running statistics judge the held-out set."""

    name = "normalised"

    def model(self) -> nn.Module:
        return nn.Sequential(nn.Flatten(), nn.Linear(64, 128), nn.BatchNorm1d(128), nn.ReLU(), nn.Linear(128, 10))


class ReadsItsLoss(Noisy):
    """Waits for the device in each iteration, as what branches on a number does."""

    name = "reads_its_loss"

    def loss(self, model: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
        loss = super().loss(model, images, labels)
        return 2 * loss if loss.item() > 1e6 else loss


class SleepsInLoss(DigitsByLoss):
    """A kernel of known length in each update."""

    name = "sleeps_in_loss"

    def loss(self, model: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
        if model.training:
            torch.cuda._sleep(CYCLES)
        return super().loss(model, images, labels)


class SleepsInPrepare(DigitsByLoss):
    """A kernel of known length in each load."""

    name = "sleeps_in_prepare"

    def prepare(self, images: Tensor, labels: Tensor) -> tuple[Tensor, ...]:  # type: ignore[override]
        if torch.is_grad_enabled():
            torch.cuda._sleep(CYCLES)
        return super().prepare(images, labels)


class LargeRows(Workload):
    """64 examples of some MiB each, read as float32 in the forward pass: four times as much."""

    name = "large_rows"
    target = Target("loss", -1.0, "min")
    mebibytes = 1

    def train_data(self, data_dir: Path) -> tuple[Tensor, ...]:
        return (torch.arange(64, dtype=torch.uint8).unsqueeze(1).repeat(1, self.mebibytes * 2**20),)

    def eval_data(self, data_dir: Path) -> tuple[Tensor, ...]:
        return (torch.ones(1, 1, dtype=torch.uint8),)

    def model(self) -> nn.Module:
        layer = nn.Linear(1, 1, bias=False)
        nn.init.ones_(layer.weight)
        return layer

    def loss(self, model: nn.Module, rows: Tensor) -> Tensor:
        return model(rows.float().mean(dim=1, keepdim=True) / 64).mean()


class LargeWhenGathered(LargeRows):
    """The batch itself is too large; nothing after it is reached."""

    name = "large_when_gathered"
    mebibytes = 3

    def prepare(self, *batch: Tensor) -> tuple[Tensor, ...]:
        if torch.is_grad_enabled():
            raise AssertionError("prepare was reached")
        return batch


class LargeWhenPrepared(LargeRows):
    """What `prepare` makes is too large; the forward pass is not reached."""

    name = "large_when_prepared"

    def prepare(self, rows: Tensor) -> tuple[Tensor, ...]:  # type: ignore[override]
        return (rows.float(),)

    def loss(self, model: nn.Module, rows: Tensor) -> Tensor:
        if model.training:
            raise AssertionError("forward was reached")
        return super().loss(model, rows)
