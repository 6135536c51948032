"""The time of an iteration: the same iterations again and again, until their times agree."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from bs_study.training.assembly import Assembly
from bs_study.training.clock import Clocks, timeline
from bs_study.training.loop import STRETCH_ITERATIONS, STRETCH_SECONDS, train_stretch
from bs_study.training.watchdog import Watchdog

LEAST_REPEATS = 3
REPEAT_SECONDS = 0.1
AGREEMENT = 0.02  # the last three repeats differ by less, relative to their median
LONGEST_SECONDS = 1.0  # of repeats, however they differ
WEIGHTY = 50  # in an epoch of so few iterations the short last one weighs 2 % or more, so it is timed whole

Run = Callable[[int], Clocks]
"""Makes so many iterations, and returns their clocks."""


@dataclass(frozen=True)
class IterationTime:
    """How long an iteration takes, by repeats of so many `iterations`: columns of `timings`."""

    repeats: int
    iterations: int
    iteration_seconds: float
    iteration_seconds_low: float
    iteration_seconds_high: float
    iteration_seconds_spread: float
    load_seconds: float
    compute_seconds: float


class Course:
    """Iterations one after another, epoch after epoch, made and clocked as a trial makes and clocks them."""

    def __init__(self, assembly: Assembly, watchdog: Watchdog) -> None:
        self._assembly = assembly
        self._watchdog = watchdog
        self._timeline = timeline(assembly.device)
        self._epochs = itertools.count(1)
        self._left = 0

    def warm_up(self) -> int:
        """Make the first iterations; return how many of the next are one repeat."""
        plan = self._assembly.plan
        # Where a short last batch weighs, only whole epochs tell the mean time of an iteration.
        weighs = plan.epoch_iterations <= WEIGHTY and plan.epoch_examples % plan.trial.batch_size > 0
        whole = plan.epoch_iterations if weighs else 1
        self.run(max(2, plan.trial.settings.warmup_iterations, whole))
        return iterations_of_repeat(self.run, multiple_of=whole)

    def run(self, count: int) -> Clocks:
        """Make so many iterations; return their clocks."""
        clocks = Clocks()
        while count > 0:
            if self._left == 0:
                self._batches = self._assembly.train.epoch(next(self._epochs))
                self._left = self._assembly.plan.epoch_iterations
            stretch = train_stretch(
                self._assembly.engine,
                self._batches,
                count=min(count, self._left, STRETCH_ITERATIONS),
                seconds=STRETCH_SECONDS,
                timeline=self._timeline,
            )
            made = len(stretch.losses)
            clocks.add_training(
                stretch.seconds, load=stretch.load_seconds, compute=stretch.compute_seconds, iterations=made
            )
            self._watchdog.feed()
            self._left -= made
            count -= made
        return clocks


def iterations_of_repeat(run: Run, *, multiple_of: int = 1) -> int:
    """Return how many iterations a repeat takes to last about `REPEAT_SECONDS`, at least `multiple_of`."""
    count = 1
    while (seconds := run(count).train_seconds) < REPEAT_SECONDS / 4:
        count *= 4
    return multiple_of * max(1, round(count * REPEAT_SECONDS / seconds / multiple_of))


def timed_repeats(repeat: Callable[[], Clocks]) -> list[Clocks]:
    """Return the clocks of repeats: three, and more until the last three agree or they have taken long enough."""
    repeats = [repeat() for _ in range(LEAST_REPEATS)]
    while spread(repeats[-LEAST_REPEATS:]) > AGREEMENT and sum(r.train_seconds for r in repeats) < LONGEST_SECONDS:
        repeats.append(repeat())
    return repeats


def spread(repeats: Sequence[Clocks]) -> float:
    """Return the difference of the slowest and the quickest repeat, relative to the median."""
    seconds = [clocks.train_seconds for clocks in repeats]
    return (max(seconds) - min(seconds)) / median(seconds)


def time_of_repeats(repeats: Sequence[Clocks], *, iterations: int) -> IterationTime:
    """Return what follows from the clocks of repeats of so many iterations: medians, and how far they differ."""
    seconds = [clocks.train_seconds / iterations for clocks in repeats]
    return IterationTime(
        repeats=len(repeats),
        iterations=iterations,
        iteration_seconds=median(seconds),
        iteration_seconds_low=min(seconds),
        iteration_seconds_high=max(seconds),
        iteration_seconds_spread=spread(repeats),
        load_seconds=median(clocks.load_seconds / iterations for clocks in repeats),
        compute_seconds=median(clocks.compute_seconds / iterations for clocks in repeats),
    )
