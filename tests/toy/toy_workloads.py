"""Workloads that the package knows nothing of, as a user would write them."""

import os
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.utils.data import Dataset
from updates import is_update

from bs_study.workloads import Target, Workload
from bs_study.workloads.digits import Digits


def line_data(examples: int) -> tuple[Tensor, Tensor]:
    """Return x in -1..1 and y = 2x + 1, both of shape (examples, 1)."""
    x = torch.linspace(-1, 1, examples).unsqueeze(1)
    return x, 2 * x + 1


class Line:
    """Linear regression of y = 2x + 1: a loss target, no accuracy, and nothing inherited."""

    name = "line"
    target = Target("loss", 1e-3, "min")

    def train_data(self, data_dir: Path) -> tuple[Tensor, Tensor]:
        return line_data(64)

    def eval_data(self, data_dir: Path) -> tuple[Tensor, Tensor]:
        return line_data(10)

    def model(self) -> nn.Module:
        return nn.Linear(1, 1)

    def loss(self, model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        return ((model(x) - y) ** 2).mean()


class Pairs(Dataset):
    """The examples of the line, one at a time."""

    def __init__(self, examples: int) -> None:
        self._x, self._y = line_data(examples)

    def __len__(self) -> int:
        return len(self._x)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        return self._x[index], self._y[index]


class LineFromDataset(Line):
    """The same from a map-style Dataset."""

    name = "line_from_dataset"

    def train_data(self, data_dir: Path) -> Pairs:
        return Pairs(64)

    def eval_data(self, data_dir: Path) -> Pairs:
        return Pairs(10)


class TellsItsMode(Line):
    """Counts the examples that a model in training mode was shown."""

    name = "tells_its_mode"

    def metrics(self, model: nn.Module, x: Tensor, y: Tensor) -> dict[str, Tensor]:
        return {"is_training": torch.full((len(x),), float(model.training))}


class DrawnData(Line):
    """Its data comes from torch's global generator, as a careless user's may."""

    name = "drawn_data"

    def train_data(self, data_dir: Path) -> tuple[Tensor, Tensor]:
        x = torch.rand(64, 1)
        return x, 2 * x + 1


class DrawsWhileItIsJudged(LineFromDataset):
    """Its evaluation draws from the generator that its model drops weights by."""

    name = "draws_while_it_is_judged"

    def model(self) -> nn.Module:
        return nn.Sequential(nn.Linear(1, 1), nn.Dropout(0.5))

    def metrics(self, model: nn.Module, x: Tensor, y: Tensor) -> dict[str, Tensor | float]:
        torch.rand(1)
        return {"loss": ((model(x) - y) ** 2).mean(dim=1)}


class Constant(Workload):
    """A model that no lr changes much; its loss starts at 1. Evaluation never meets the target."""

    name = "constant"
    target = Target("loss", -1.0, "min")

    def train_data(self, data_dir: Path) -> tuple[Tensor, ...]:
        return (torch.ones(20, 1),)

    def eval_data(self, data_dir: Path) -> tuple[Tensor, ...]:
        return (torch.ones(5, 1),)

    def model(self) -> nn.Module:
        layer = nn.Linear(1, 1, bias=False)
        nn.init.ones_(layer.weight)
        return layer

    def loss(self, model: nn.Module, x: Tensor) -> Tensor:
        return model(x).mean()


class Square(Constant):
    """The loss is the square of the one weight."""

    name = "square"

    def loss(self, model: nn.Module, x: Tensor) -> Tensor:
        return model(x).square().mean()


class Picky(Digits):
    """Digits, where some batch sizes end badly: 7 fails, 11 runs out of memory however it is split, 13 turns NaN."""

    name = "picky"

    def loss(self, model: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
        loss = super().loss(model, images, labels)
        if len(images) == 7 and is_update():
            raise ValueError("seven is too many")
        if (len(images) == 11 or len(images) < 6) and is_update():
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 4.00 GiB")
        return loss * float("nan") if len(images) == 13 and is_update() else loss


class Views(Digits):
    """Digits, by a model that takes a view of its images and so wants the usual order of their dimensions."""

    name = "views"

    def model(self) -> nn.Module:
        return nn.Sequential(nn.Conv2d(1, 4, 3), View(), nn.Linear(144, 10))


class View(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.view(len(x), -1)


class TooLargeForTheMachine(Constant):
    """Asks the allocator of the CPU for 4 EiB."""

    name = "too_large"

    def loss(self, model: nn.Module, x: Tensor) -> Tensor:
        if model.training:
            torch.empty(2**60, dtype=torch.float32)
        return super().loss(model, x)


class Flickering(Constant):
    """Its metric `score` after k iterations is `scores[k]`, at lr 1 without momentum: the weight is then 1 - k."""

    name = "flickering"
    target = Target("score", 0.5, "max")
    scores: ClassVar[tuple[float, ...]] = ()

    def metrics(self, model: nn.Module, x: Tensor) -> dict[str, Tensor]:
        return {"score": torch.full((len(x),), self.scores[round(1 - float(model.weight))])}


class Scored(Digits):
    """Has a metric whose name does not tell whether it is to rise or to fall."""

    name = "scored"
    target = Target("score", 0.5, "max")

    def metrics(self, model: nn.Module, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        return {"score": super().metrics(model, images, labels)["accuracy"].float() / 2}


class Unsaid(Scored):
    """Does not say it either."""

    name = "unsaid"
    target = "score = 0.5"  # type: ignore[assignment]


class VisibleGpu(Constant):
    """Tells by a metric which GPU its trial was given; -1 for none."""

    name = "visible_gpu"

    def metrics(self, model: nn.Module, x: Tensor) -> dict[str, Tensor]:
        return {"gpu": torch.full((len(x),), float(os.environ.get("CUDA_VISIBLE_DEVICES") or -1))}


class DropoutFromDataset(LineFromDataset):
    """A model that draws from the global generator at each iteration."""

    name = "dropout_from_dataset"

    def model(self) -> nn.Module:
        return nn.Sequential(nn.Dropout(0.5), nn.Linear(1, 1))
