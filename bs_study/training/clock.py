"""Load, compute and epoch seconds, with the device synchronised."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch


class Timeline(Protocol):
    """Marks on the time line of the device: at a mark, all work that was queued before it has finished."""

    def mark(self) -> None: ...

    def take_seconds(self) -> list[float]:
        """Wait for the device; return the seconds of each mark since the first, and forget them."""


class HostTimeline:
    """A CPU works when it is told to, so its marks are the host's clock."""

    def __init__(self) -> None:
        self._marks: list[float] = []

    def mark(self) -> None:
        self._marks.append(time.perf_counter())

    def take_seconds(self) -> list[float]:
        marks, self._marks = self._marks, []
        return [mark - marks[0] for mark in marks]


class CudaTimeline:
    """A GPU runs behind the host, so its marks are CUDA events, read once the device has caught up."""

    def __init__(self) -> None:
        self._marks: list[torch.cuda.Event] = []
        self._spare: list[torch.cuda.Event] = []

    def mark(self) -> None:
        event = self._spare.pop() if self._spare else torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
        event.record()
        self._marks.append(event)

    def take_seconds(self) -> list[float]:
        torch.cuda.synchronize()
        marks, self._marks = self._marks, []
        self._spare += marks
        return [marks[0].elapsed_time(mark) / 1000 for mark in marks]


def timeline(device: torch.device) -> Timeline:
    return CudaTimeline() if device.type == "cuda" else HostTimeline()


def synchronize(device: torch.device) -> None:
    """Wait until the device has done all that was asked of it."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


@dataclass
class Clocks:
    """The clocks of a trial, in seconds. Those of the epoch start anew with each epoch.

    `trial_timed_iterations` are those that the clocks of the trial cover: all but warm-up; `timed_iterations` are those
    of the epoch. NaN where that was not recorded.
    """

    timed_iterations: float = 0
    epoch_seconds: float = 0.0
    epoch_load_seconds: float = 0.0
    epoch_compute_seconds: float = 0.0
    trial_timed_iterations: float = 0
    train_seconds: float = 0.0
    load_seconds: float = 0.0
    compute_seconds: float = 0.0
    warmup_seconds: float = 0.0
    eval_seconds: float = 0.0
    write_seconds: float = 0.0

    def add_training(self, seconds: float, *, load: float, compute: float, iterations: int) -> None:
        """Add a stretch of iterations: from asking for its first batch until its last update has finished."""
        self.trial_timed_iterations += iterations
        self.timed_iterations += iterations
        self.epoch_seconds += seconds
        self.epoch_load_seconds += load
        self.epoch_compute_seconds += compute
        self.train_seconds += seconds
        self.load_seconds += load
        self.compute_seconds += compute

    def seconds(self, iterations: int) -> float | None:
        """Return what so many iterations took, with evaluations and writes; None where no iteration was timed.

        Those of warm-up count as the timed ones do, without what else is done in them: the start-up, a race, a capture.
        """
        if not self.trial_timed_iterations > 0:
            return None
        trained = self.train_seconds * iterations / self.trial_timed_iterations
        return trained + self.eval_seconds + self.write_seconds

    def start_epoch(self) -> None:
        self.timed_iterations = 0
        self.epoch_seconds = self.epoch_load_seconds = self.epoch_compute_seconds = 0.0

    @property
    def of_trial(self) -> dict[str, float]:
        """The training clocks so far, as columns; NaN where they cover no iteration."""
        seconds = {"load_seconds": self.load_seconds, "compute_seconds": self.compute_seconds}
        return {"timed_iterations": self.trial_timed_iterations} | _known(
            {"train_seconds": self.train_seconds} | seconds
        )

    @property
    def of_epoch(self) -> dict[str, float]:
        """The clocks of the epoch, as columns; NaN where they cover none of its iterations."""
        seconds = {"load_seconds": self.epoch_load_seconds, "compute_seconds": self.epoch_compute_seconds}
        return {"timed_iterations": self.timed_iterations} | _known({"epoch_seconds": self.epoch_seconds} | seconds)


def _known(clocks: dict[str, float]) -> dict[str, float]:
    """Return a clock and its parts: NaN where it never ran, since 0 would be the quickest of all times."""
    return clocks if next(iter(clocks.values())) else dict.fromkeys(clocks, math.nan)


def restored_clocks(saved: dict[str, float]) -> Clocks:
    """Return the clocks of a checkpoint; one of version 0.1.0 does not tell how many iterations they cover."""
    return Clocks(**({"trial_timed_iterations": math.nan, "timed_iterations": math.nan} | saved))


def load_and_compute(marks: list[float]) -> tuple[float, float]:
    """Return the seconds spent loading and computing: three marks an iteration, around its load and its compute.

    >>> load_and_compute([0.0, 1.0, 3.0, 3.5, 4.0, 7.0])
    (1.5, 5.0)
    """
    before_load, loaded, updated = np.reshape(marks, (-1, 3)).T
    return float((loaded - before_load).sum()), float((updated - loaded).sum())
