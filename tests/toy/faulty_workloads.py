"""Workloads that go wrong, or go slowly enough for a test to do them wrong."""

import os
import signal
import time
from typing import ClassVar

import torch
from torch import Tensor, nn
from toy_workloads import DropoutFromDataset, Line
from updates import is_update

from bs_study.workloads.digits import Digits

PACE = "BS_STUDY_TEST_PACE"
BROKEN = "BS_STUDY_TEST_BROKEN"


def keep_pace() -> None:
    """Wait as long as the file at $BS_STUDY_TEST_PACE says, 3 ms if it is empty, for as long as it is there."""
    try:
        with open(os.environ[PACE]) as file:  # noqa: PTH123  at every iteration, so quick
            time.sleep(float(file.read() or 0.003))
    except (KeyError, FileNotFoundError):
        pass


def stands(variable: str) -> bool:
    """Return whether the file that an environment variable names is there."""
    return os.path.exists(os.environ.get(variable, ""))  # noqa: PTH110  at every iteration, so quick


def updates_file(pid: int) -> str:
    """Return the file that holds how many updates a trial of `Paced` has begun in a process, while it is slowed."""
    return f"{os.environ[PACE]}-{pid}"


class Paced(DropoutFromDataset):
    """Dropout and a Dataset; slowed down as long as the file at $BS_STUDY_TEST_PACE is there."""

    name = "paced"

    def model(self) -> nn.Module:
        self._updates = 0
        return super().model()

    def loss(self, model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        if is_update():
            self._updates += 1
            if stands(PACE):
                with open(updates_file(os.getpid()), "w") as file:  # noqa: PTH123
                    file.write(str(self._updates))
            keep_pace()
        return super().loss(model, x, y)


class PacedDigits(Digits):
    """Digits at the same pace."""

    name = "paced_digits"

    def loss(self, model: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
        if is_update():
            keep_pace()
        return super().loss(model, images, labels)


class Broken(Line):
    """Batches of 7 fail as long as the file at $BS_STUDY_TEST_BROKEN is there."""

    name = "broken"

    def loss(self, model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        if len(x) == 7 and stands(BROKEN) and is_update():
            raise RuntimeError("broken for now")
        return super().loss(model, x, y)


class Sick(Line):
    """The first update on 7 examples kills its process, as the system does when memory is short; on 9 it hangs."""

    name = "sick"

    def loss(self, model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        if len(x) == 7 and is_update():
            os.kill(os.getpid(), signal.SIGKILL)
        if len(x) == 9 and is_update():
            time.sleep(3600)
        return super().loss(model, x, y)


class Interrupted(Digits):
    """Digits with dropout; while `after` is a number, the update after so many is interrupted by an error."""

    name = "interrupted"
    after: ClassVar[int | None] = None

    def model(self) -> nn.Module:
        self._updates = 0
        return nn.Sequential(nn.Flatten(), nn.Dropout(0.2), nn.Linear(64, 10))

    def loss(self, model: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
        if is_update():
            self._updates += 1
            if self.after is not None and self._updates > self.after:
                raise RuntimeError("interrupted by the test")
        return super().loss(model, images, labels)


class Fits(Digits):
    """Digits on a device that holds the gradients of `fits` examples."""

    name = "fits"
    fits: ClassVar[int] = 10**9

    def loss(self, model: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
        if model.training and len(images) > self.fits:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 4.00 GiB")
        return super().loss(model, images, labels)


class FitsWithBatchNorm(Fits):
    """The same with a model that normalises by the statistics of its batch."""

    name = "fits_with_batch_norm"

    def model(self) -> nn.Module:
        return nn.Sequential(nn.BatchNorm2d(1), super().model())
