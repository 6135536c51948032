"""Losses that are no mean over examples, or hold what metrics lack; some on a device that holds few examples."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, normalize
from toy_workloads import Line

from bs_study.workloads import Target, Workload

IGNORED = -100


def class_weights(device: torch.device) -> Tensor:
    """Return 1 and 9, made where they are used: a CUDA graph copies nothing from the host."""
    return 1.0 + 8.0 * torch.arange(2, device=device)


class Circle(Workload):
    """Which points of a square lie in a circle; `fits` of them at once."""

    name = "circle"
    target = Target("loss", 0.0, "min")
    fits: ClassVar[int] = 10**9

    def train_data(self, data_dir: Path) -> tuple[Tensor, ...]:
        points = 4 * torch.rand(400, 2, generator=torch.Generator().manual_seed(0)) - 2
        return points, (points.norm(dim=1) < 1.6).long()

    eval_data = train_data

    def model(self) -> nn.Module:
        return nn.Sequential(nn.Linear(2, 32), nn.ReLU(), nn.Linear(32, 2))

    def loss(self, model: nn.Module, x: Tensor, y: Tensor) -> Tensor:  # type: ignore[override]
        if model.training and len(x) > self.fits:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
        return self.full_loss(model, x, y)

    def full_loss(self, model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        return cross_entropy(model(x), y)


class Dropped(Circle):
    """The same with dropout, whose draws differ from part to part."""

    name = "dropped"

    def model(self) -> nn.Module:
        return nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Dropout(0.5), nn.Linear(16, 2))


class Noised(Circle):
    """Noise in the loss itself."""

    name = "noised"

    def full_loss(self, model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        return super().full_loss(model, x + 0.3 * torch.randn_like(x), y)


class Weighted(Circle):
    """Class weights, by whose sum the loss divides."""

    name = "weighted"

    def full_loss(self, model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        return cross_entropy(model(x), y, weight=class_weights(x.device))


class Imbalanced(Circle):
    """Four rare examples of 400, whose weight counts in few batches alone."""

    name = "imbalanced"

    def train_data(self, data_dir: Path) -> tuple[Tensor, ...]:
        points, _ = super().train_data(data_dir)
        return points, torch.zeros(400, dtype=torch.long).index_fill(0, torch.tensor([33, 161, 250, 307]), 1)

    eval_data = train_data
    full_loss = Weighted.full_loss

    def metrics(self, model: nn.Module, x: Tensor, y: Tensor) -> dict[str, Tensor]:  # type: ignore[override]
        return {"loss": cross_entropy(model(x), y, reduction="none")}


class WeightedAndDropped(Weighted):
    name = "weighted_and_dropped"
    model = Dropped.model


class WeightedAndNoised(Weighted):
    name = "weighted_and_noised"

    def full_loss(self, model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        return super().full_loss(model, x + 0.1 * torch.randn_like(x), y)


class WeightedByItsWeights(Weighted):
    """The same, and says so."""

    name = "weighted_by_its_weights"

    def loss_weight(self, x: Tensor, y: Tensor) -> Tensor:  # type: ignore[override]
        return class_weights(y.device)[y].sum()


class Contrast(Circle):
    """Each example is told from the others of its batch."""

    name = "contrast"

    def full_loss(self, model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        some, others = normalize(model(x), dim=1), normalize(model(x + 0.01), dim=1)
        return cross_entropy(some @ others.T / 0.1, torch.arange(len(x), device=x.device))


class Centring(nn.Module):
    """Takes the mean of its batch away, as a user's own layer may."""

    def forward(self, x: Tensor) -> Tensor:
        return x - x.mean(dim=0)


class Centred(Circle):
    name = "centred"

    def model(self) -> nn.Module:
        return nn.Sequential(nn.Linear(2, 8), nn.Dropout(0.2), Centring(), nn.Linear(8, 2))


class Tokens(Circle):
    """Six tokens an example, of which some do not count; of every fourth example none does."""

    name = "tokens"

    def train_data(self, data_dir: Path) -> tuple[Tensor, ...]:
        generator = torch.Generator().manual_seed(0)
        tokens = torch.randint(8, (64, 6), generator=generator)
        labels = torch.where(torch.rand(64, 6, generator=generator) < 0.5, IGNORED, tokens)
        labels[::4] = IGNORED
        return tokens, labels

    eval_data = train_data

    def model(self) -> nn.Module:
        return nn.Sequential(nn.Embedding(8, 4), nn.Linear(4, 8))

    def full_loss(self, model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        return cross_entropy(model(x).flatten(0, 1), y.flatten(), ignore_index=IGNORED)

    def loss_weight(self, x: Tensor, y: Tensor) -> Tensor | float:  # type: ignore[override]
        return (y != IGNORED).sum()


class TokensByMask(Tokens):
    """The same loss by a mask, whose gradients are 0/0 where no token counts."""

    name = "tokens_by_mask"

    def full_loss(self, model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        mask = (y != IGNORED).float()
        of_tokens = cross_entropy(model(x).flatten(0, 1), y.clamp(min=0).flatten(), reduction="none")
        return (of_tokens * mask.flatten()).sum() / mask.sum()


class Penalised(Line):
    """A penalty of 1000 in training alone, of which the metrics know nothing."""

    name = "penalised"

    def loss(self, model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        return super().loss(model, x, y) + 1000 * model.training


class Uneven(Workload):
    """The loss is 10 for one example in ten, `wild` for one in a thousand, else 0: without it, 1 in the mean."""

    name = "uneven"
    target = Target("loss", -1.0, "min")
    wild: ClassVar[float] = 0.0

    def train_data(self, data_dir: Path) -> tuple[Tensor, ...]:
        x = 10.0 * (torch.arange(1000) % 10 == 0).float()
        x[1] = self.wild
        return (x.unsqueeze(1),)

    eval_data = train_data

    def model(self) -> nn.Module:
        self.losses = 0
        layer = nn.Linear(1, 1, bias=False)
        nn.init.ones_(layer.weight)
        return nn.Sequential(nn.Dropout(0.0), layer)

    def loss(self, model: nn.Module, x: Tensor) -> Tensor:  # type: ignore[override]
        self.losses += 1
        return model(x).mean()
