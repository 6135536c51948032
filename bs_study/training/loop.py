"""Iterations of one epoch, and the time that they take."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import NamedTuple

from torch import Tensor

from bs_study.training.clock import Timeline, load_and_compute
from bs_study.training.engine import Engine
from bs_study.training.interruption import Interruption
from bs_study.training.learner import Told

STRETCH_ITERATIONS = 4096  # losses that wait on the device at most
STRETCH_SECONDS = 1.0  # between looks at the host's clock for progress, writes and the budget in seconds


class Stretch(NamedTuple):
    """Iterations that were made one after another.

    Args:
        told: by each, on the device.
        seconds: from asking for the first batch until the last update has finished.
        load_seconds: of these, those in which a batch was waited for.
        compute_seconds: of these, those in which one was trained on.
    """

    told: Told
    seconds: float
    load_seconds: float
    compute_seconds: float


def train_stretch(
    engine: Engine,
    batches: Iterator[tuple[Tensor, ...]],
    *,
    count: int,
    seconds: float,
    timeline: Timeline,
    interruption: Interruption | None = None,
) -> Stretch:
    """Train for `count` iterations, or fewer if so many seconds have passed, and wait for the device.

    Args:
        batches: what is left of the epoch, at least `count` batches.
        seconds: at least one iteration is made, however few they are.
        interruption: ends the stretch as the seconds do.
    """
    start = time.perf_counter()
    told = run_iterations(
        engine, batches, count=count, deadline=start + seconds, timeline=timeline, interruption=interruption
    )
    load, compute = load_and_compute(timeline.take_seconds())
    return Stretch(told, time.perf_counter() - start, load, compute)


def run_iterations(
    engine: Engine,
    batches: Iterator[tuple[Tensor, ...]],
    *,
    count: int,
    deadline: float,
    timeline: Timeline,
    interruption: Interruption | None = None,
) -> Told:
    """Train for `count` iterations, or fewer if the deadline passes; return what each told, on the device.

    Args:
        batches: what is left of the epoch, at least `count` batches.
        deadline: on the clock of `time.perf_counter`; at least one iteration is made.
        timeline: takes three marks an iteration: before its batch is asked for, when that is ready, after the update.
        interruption: ends them as the deadline does.
    """
    interruption = interruption or Interruption()
    for _ in range(count):
        timeline.mark()
        batch = engine.prepare(next(batches))
        timeline.mark()
        engine.update(batch)
        timeline.mark()
        if time.perf_counter() >= deadline or interruption.is_asked:
            break
    return engine.take()
