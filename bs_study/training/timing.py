"""The time of one batch size alone on its device: warm-up, then repeats until their times agree."""

from __future__ import annotations

import gc
import itertools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from statistics import median
from typing import Any, NamedTuple

import torch

from bs_study.config import TrialConfig
from bs_study.store.paths import StudyPaths
from bs_study.store.timings import read_timing, timing_id, write_timing
from bs_study.training.assembly import Assembly, assemble
from bs_study.training.clock import Clocks, load_and_compute, timeline
from bs_study.training.data import trial_data
from bs_study.training.engine import first_line
from bs_study.training.learner import is_out_of_memory
from bs_study.training.loop import run_iterations
from bs_study.training.machine_load import MachineLoad
from bs_study.training.placement import Surroundings, peak_memory_bytes, set_up, surroundings_columns
from bs_study.training.randomness import seed_generators
from bs_study.training.rows import assembly_columns
from bs_study.training.run import STRETCH_ITERATIONS, STRETCH_SECONDS
from bs_study.training.watchdog import Watchdog
from bs_study.workloads.base import load_workload

LEAST_REPEATS = 3
REPEAT_SECONDS = 0.1
AGREEMENT = 0.02  # the last three repeats differ by less, relative to their median
LONGEST_SECONDS = 1.0  # of repeats, however they differ
WEIGHTY = 50  # in an epoch of so few iterations the short last one weighs 2 % or more, so it is timed whole

Run = Callable[[int], Clocks]
"""Makes so many iterations, and returns their clocks."""


class Timing(NamedTuple):
    """What a person is told of a batch size that was timed."""

    batch_size: int
    status: str
    iteration_seconds: float | None = None
    spread: float | None = None
    message: str | None = None


def missing_timings(
    paths: StudyPaths,
    trials: Sequence[TrialConfig],
    machine: Mapping[str, object],
    *,
    measure: Callable[[TrialConfig], dict[str, Any]],
) -> Iterator[Timing]:
    """Time what the store has no timing of on a kind of machine; write each when it is done, and tell of it.

    Args:
        trials: one for each batch size, the smallest first. Those beyond one that does not fit are not tried.
        machine: the kind, as `machine_kind` tells it.
        measure: returns the columns of `timings` for one of them; `time_batch_size`, there where it is to run.
    """
    too_large = None
    for trial in trials:
        name = timing_id(trial, machine)
        measured = read_timing(paths, name)
        if measured is None:
            measured = _not_tried(too_large, machine) if too_large else measure(trial)
            write_timing(paths, name, trial, measured)
            yield _told(trial, measured)
        if measured["status"] == "out_of_memory":
            too_large = too_large or trial.batch_size


def machine_kind(surroundings: Surroundings) -> dict[str, object]:
    """Return what of a machine decides how long an iteration takes."""
    columns = surroundings_columns(surroundings)
    return {
        "device": columns["device"],
        "device_name": columns["device_name"],
        "threads": surroundings.threads,
        "loader_processes": surroundings.loader_processes,
    }


def _told(trial: TrialConfig, measured: dict[str, Any]) -> Timing:
    seconds, spread = (measured.get(name) for name in ("iteration_seconds", "iteration_seconds_spread"))
    return Timing(trial.batch_size, measured["status"], seconds, spread, measured.get("message"))


def _not_tried(too_large: int, machine: Mapping[str, object]) -> dict[str, Any]:
    return no_times("out_of_memory", f"not tried, batch size {too_large} does not fit already", machine)


def no_times(status: str, message: str, machine: Mapping[str, object]) -> dict[str, Any]:
    """Return the columns of `timings` of a batch size that could not be timed."""
    where = {name: machine[name] for name in ("device", "device_name", "threads")}
    return where | {"status": status, "message": message, "end_time": datetime.now(UTC)}


def time_batch_size(trial: TrialConfig, surroundings: Surroundings, *, give_up: Callable[[], None]) -> dict[str, Any]:
    """Return the columns of `timings` that say how long an iteration takes. What it learns is thrown away.

    A workload that raises, or a batch that does not fit even in micro-batches, is an answer: its status says so.

    Args:
        trial: what is timed.
        surroundings: as of a trial.
        give_up: called in another thread when it makes no progress for `trial_timeout`.
    """
    gc.collect()  # what an earlier one left on the device is not this one's memory
    watchdog = Watchdog(surroundings.trial_timeout, bark=give_up)
    with MachineLoad() as load, watchdog:
        load.look()
        try:
            measured = _measured(trial, surroundings, watchdog)
        except Exception as error:  # noqa: BLE001  whatever a workload raises, the others are timed
            status = "out_of_memory" if is_out_of_memory(error) else "failed"
            measured = {"status": status, "message": f"{type(error).__name__}: {first_line(error)}"}
        load.look()
    columns = surroundings_columns(surroundings) | {"neighbours": load.most, "end_time": datetime.now(UTC)}
    return columns | measured


def _measured(trial: TrialConfig, surroundings: Surroundings, watchdog: Watchdog) -> dict[str, Any]:
    start = time.perf_counter()
    set_up(surroundings, trial=trial)
    device = torch.device(surroundings.device)
    workload = load_workload(trial.workload)
    data = surroundings.data or trial_data(trial, workload, surroundings.data_dir)
    seed_generators(trial.seed)
    assembly = assemble(trial, workload, data, surroundings, losses_kept=STRETCH_ITERATIONS)
    plan, run = assembly.plan, Course(assembly, device, watchdog).run
    run(max(2, trial.warmup_iterations, plan.epoch_iterations if _is_timed_whole(assembly) else 0))
    count = iterations_of_repeat(run, multiple_of=plan.epoch_iterations if _is_timed_whole(assembly) else 1)
    warmup_seconds = time.perf_counter() - start
    columns = repeat_columns(timed_repeats(lambda: run(count)), iterations=count)
    return columns | assembly_columns(assembly) | {
        "status": "completed",
        "message": assembly.engine.complaint,
        "examples_per_second": plan.epoch_examples / plan.epoch_iterations / columns["iteration_seconds"],
        "warmup_seconds": warmup_seconds,
        "peak_memory_bytes": peak_memory_bytes(device),
        "micro_batch_used": assembly.learner.micro_batch,
    }  # fmt: skip


def _is_timed_whole(assembly: Assembly) -> bool:
    """Return whether only whole epochs tell the mean time of an iteration."""
    plan = assembly.plan
    return plan.epoch_iterations <= WEIGHTY and plan.epoch_examples % plan.trial.batch_size > 0


class Course:
    """Iterations one after another, epoch after epoch, made and clocked as a trial makes and clocks them."""

    def __init__(self, assembly: Assembly, device: torch.device, watchdog: Watchdog) -> None:
        self._assembly = assembly
        self._watchdog = watchdog
        self._timeline = timeline(device)
        self._epochs = itertools.count(1)
        self._left = 0

    def run(self, count: int) -> Clocks:
        """Make so many iterations; return their clocks."""
        clocks = Clocks()
        while count > 0:
            if self._left == 0:
                self._batches = self._assembly.train.epoch(next(self._epochs))
                self._left = self._assembly.plan.epoch_iterations
            done = self._stretch(clocks, count=min(count, self._left, STRETCH_ITERATIONS))
            self._left -= done
            count -= done
        return clocks

    def _stretch(self, clocks: Clocks, *, count: int) -> int:
        """Make up to so many iterations of one epoch; return how many."""
        start = time.perf_counter()
        losses = run_iterations(
            self._assembly.engine,
            self._batches,
            count=count,
            deadline=start + STRETCH_SECONDS,
            timeline=self._timeline,
        )
        load, compute = load_and_compute(self._timeline.take_seconds())
        clocks.add_training(time.perf_counter() - start, load=load, compute=compute)
        self._watchdog.feed()
        return len(losses)


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


def repeat_columns(repeats: Sequence[Clocks], *, iterations: int) -> dict[str, Any]:
    """Return the columns of `timings` that follow from the clocks of repeats."""
    seconds = [clocks.train_seconds / iterations for clocks in repeats]
    return {
        "repeats": len(repeats),
        "iterations": iterations,
        "iteration_seconds": median(seconds),
        "iteration_seconds_low": min(seconds),
        "iteration_seconds_high": max(seconds),
        "iteration_seconds_spread": spread(repeats),
        "load_seconds": median(clocks.load_seconds / iterations for clocks in repeats),
        "compute_seconds": median(clocks.compute_seconds / iterations for clocks in repeats),
    }
