"""The time of an iteration: the same iterations again and again, until their times agree."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from bs_study.store.timings import DISTURBED
from bs_study.training.assembly import Assembly
from bs_study.training.clock import HostTimeline, Timeline, load_and_compute, timeline
from bs_study.training.loop import STRETCH_ITERATIONS, STRETCH_SECONDS, train_stretch
from bs_study.training.watchdog import Watchdog

LEAST_REPEATS = 3
REPEAT_SECONDS = 0.1
FEW = 5  # repeats, of which each one counts
AGREEMENT = 0.02  # the last three repeats differ by less, relative to their median
LONGEST_SECONDS = 1.0  # of repeats, however they differ
CPU_SHARE = 0.9  # of the processors that a repeat can use: with less of them, others took the rest
PASSES = 4  # of repeats that are disturbed, at most
PAUSE_SECONDS = 0.5  # before another
LONGEST_AGAIN_SECONDS = 10.0  # of passes: after so long there is no other
WEIGHTY = 50  # in an epoch of so few iterations the short last one weighs 2 % or more, so it is timed whole


@dataclass(frozen=True)
class Repeat:
    """The clocks of some iterations.

    `cpu_seconds` is what the process had of processors while it loaded and computed; None where a GPU computes. Where
    loading may wait for a disk or for other processes (`may_wait`), it is of computing alone.
    """

    train_seconds: float
    load_seconds: float
    compute_seconds: float
    cpu_seconds: float | None = None
    may_wait: bool = False

    @property
    def cpu_share(self) -> float | None:
        """How many processors it had, of the time in which it could have used them; None where that is not known."""
        busy_seconds = self.compute_seconds + (0.0 if self.may_wait else self.load_seconds)
        return self.cpu_seconds / busy_seconds if self.cpu_seconds and busy_seconds else None


Run = Callable[[int], Repeat]
"""Makes so many iterations, and returns their clocks."""


@dataclass(frozen=True)
class IterationTime:
    """How long an iteration takes, by repeats of so many `iterations`: columns of `timings`.

    `disturbed`: the repeats differed, or others took the processor, in each pass of them.
    """

    repeats: int
    iterations: int
    iteration_seconds: float
    iteration_seconds_low: float
    iteration_seconds_high: float
    iteration_seconds_spread: float
    load_seconds: float
    compute_seconds: float
    disturbed: bool = False


class Course:
    """Iterations one after another, epoch after epoch, made and clocked as a trial makes and clocks them."""

    def __init__(self, assembly: Assembly, watchdog: Watchdog) -> None:
        self._assembly = assembly
        self._watchdog = watchdog
        self._may_wait = assembly.loader != "resident"
        self._timeline: Timeline = CpuTimeline() if self._is_on_cpu and self._may_wait else timeline(assembly.device)
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

    def run(self, count: int) -> Repeat:
        """Make so many iterations; return their clocks."""
        train = load = compute = 0.0
        start = time.process_time()
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
            train, load = train + stretch.seconds, load + stretch.load_seconds
            compute += stretch.compute_seconds
            self._watchdog.feed()
            self._left -= len(stretch.told.losses)
            count -= len(stretch.told.losses)
        if not self._is_on_cpu:
            return Repeat(train, load, compute)
        if isinstance(self._timeline, CpuTimeline):
            return Repeat(train, load, compute, self._timeline.take_cpu_seconds(), may_wait=True)
        return Repeat(train, load, compute, time.process_time() - start)

    @property
    def _is_on_cpu(self) -> bool:
        return self._assembly.device.type == "cpu"


class CpuTimeline(HostTimeline):
    """The host's clock, and what the process had of processors while it computed.

    Its marks cost more than the host's alone, so it is for batches that are read, which cost more by far.
    """

    def __init__(self) -> None:
        super().__init__()
        self._cpu_marks: list[float] = []
        self._cpu_seconds = 0.0

    def mark(self) -> None:
        super().mark()
        self._cpu_marks.append(time.process_time())

    def take_seconds(self) -> list[float]:
        marks, self._cpu_marks = self._cpu_marks, []
        self._cpu_seconds += load_and_compute(marks)[1]
        return super().take_seconds()

    def take_cpu_seconds(self) -> float:
        """Return the processor time of computing since the last call."""
        seconds, self._cpu_seconds = self._cpu_seconds, 0.0
        return seconds


def iterations_of_repeat(run: Run, *, multiple_of: int = 1) -> int:
    """Return how many iterations a repeat takes to last about `REPEAT_SECONDS`, at least `multiple_of`."""
    count = 1
    while (seconds := run(count).train_seconds) < REPEAT_SECONDS / 4:
        count *= 4
    return multiple_of * max(1, round(count * REPEAT_SECONDS / seconds / multiple_of))


def timed_repeats(repeat: Callable[[], Repeat]) -> list[Repeat]:
    """Return the clocks of repeats: three, and more until the last three agree or they have taken long enough."""
    repeats = [repeat() for _ in range(LEAST_REPEATS)]
    while spread(repeats[-LEAST_REPEATS:]) > AGREEMENT and sum(r.train_seconds for r in repeats) < LONGEST_SECONDS:
        repeats.append(repeat())
    return repeats


def undisturbed_repeats(
    repeat: Callable[[], Repeat], *, threads: int, pause: Callable[[float], None] = time.sleep
) -> tuple[list[Repeat], bool]:
    """Return a pass of repeats that nothing disturbed, and False; or else the one that differs least, and True.

    Args:
        threads: that compute, on a CPU.
        pause: waits so many seconds, in which what disturbed a pass may end.
    """
    passes: list[list[Repeat]] = []
    while len(passes) < PASSES and sum(one.train_seconds for each in passes for one in each) <= LONGEST_AGAIN_SECONDS:
        if passes:
            pause(PAUSE_SECONDS)
        passes.append(timed_repeats(repeat))
        if not are_disturbed(passes[-1], threads=threads):
            return passes[-1], False
    return min(passes, key=spread), True


def are_disturbed(repeats: Sequence[Repeat], *, threads: int) -> bool:
    """Return whether something beside them took time: they differ by more than 20 %, or lacked the processor.

    Of five or more the slowest one does not count: what interrupts one of them does not move their median.
    Most of the repeats should have nine tenths of a processor while they load and compute, since one thread at least is
    busy then. How much more several threads have depends on what they compute: nine tenths of what the best repeat had.
    """
    slowest = max(repeats, key=lambda each: each.train_seconds)
    if spread([each for each in repeats if each is not slowest or len(repeats) < FEW]) > DISTURBED:
        return True
    shares = [share for each in repeats if (share := each.cpu_share) is not None]
    return bool(shares) and median(shares) < CPU_SHARE * (1.0 if threads == 1 else max(1.0, *shares))


def spread(repeats: Sequence[Repeat]) -> float:
    """Return the difference of the slowest and the quickest repeat, relative to the median."""
    seconds = [each.train_seconds for each in repeats]
    return (max(seconds) - min(seconds)) / median(seconds)


def time_of_repeats(repeats: Sequence[Repeat], *, iterations: int, disturbed: bool = False) -> IterationTime:
    """Return what follows from the clocks of repeats of so many iterations: medians, and how far they differ."""
    seconds = [each.train_seconds / iterations for each in repeats]
    return IterationTime(
        repeats=len(repeats),
        iterations=iterations,
        iteration_seconds=median(seconds),
        iteration_seconds_low=min(seconds),
        iteration_seconds_high=max(seconds),
        iteration_seconds_spread=spread(repeats),
        load_seconds=median(each.load_seconds / iterations for each in repeats),
        compute_seconds=median(each.compute_seconds / iterations for each in repeats),
        disturbed=disturbed,
    )
