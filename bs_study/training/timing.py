"""The timing of one batch size alone on its device, and which of a study's are missing."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bs_study.config import TrialConfig
from bs_study.store.paths import StudyPaths
from bs_study.store.schema import table_schema
from bs_study.store.timings import read_timing, timing_id, write_timing
from bs_study.training.assembly import assemble
from bs_study.training.data import DataSets, trial_data
from bs_study.training.energy import energy_meter, iteration_joules
from bs_study.training.engine import first_line
from bs_study.training.flops import iteration_flops
from bs_study.training.learner import is_out_of_memory
from bs_study.training.loop import STRETCH_ITERATIONS
from bs_study.training.machine import machine_columns, peak_memory_bytes, set_up
from bs_study.training.machine_load import MachineLoad
from bs_study.training.placement import Machine
from bs_study.training.randomness import seed_generators
from bs_study.training.repeats import Course, IterationTime, time_of_repeats, undisturbed_repeats
from bs_study.training.watchdog import Watchdog
from bs_study.workloads.base import known_workload


@dataclass(frozen=True)
class BatchTiming:
    """What was found of a batch size that was timed alone.

    Args:
        batch_size: that of the trial which was timed.
        status: completed, out_of_memory or failed.
        message: why it could not be timed, or not as it was asked for.
        machine: on what it ran: columns of `timings`, or its kind where it did not run.
        time: of an iteration; None where it could not be timed.
        computed: the columns of `timings` that say how it was computed.
    """

    batch_size: int
    status: str
    message: str | None = None
    machine: Mapping[str, object] = field(default_factory=dict)
    time: IterationTime | None = None
    computed: Mapping[str, object] = field(default_factory=dict)
    end_time: datetime = field(default_factory=lambda: datetime.now(UTC))

    def columns(self) -> dict[str, Any]:
        """Return its columns of `timings`."""
        how_long = asdict(self.time) if self.time else {}
        ended = {"status": self.status, "message": self.message, "end_time": self.end_time}
        machine = {name: value for name, value in self.machine.items() if name in table_schema("timings").names}
        return ended | machine | dict(self.computed) | how_long


def missing_timings(
    paths: StudyPaths,
    trials: Sequence[TrialConfig],
    machine: Mapping[str, object],
    *,
    measure: Callable[[TrialConfig], BatchTiming],
    workload_version: int = 1,
    disturbed_too: bool = False,
) -> Iterator[BatchTiming]:
    """Time what the store has no timing of on a kind of machine; write each when it is done, and tell of it.

    Args:
        trials: one for each batch size, the smallest first. Those beyond one that does not fit are not tried.
        machine: the kind, as `machine_kind` tells it.
        measure: times one of them; `time_batch_size`, there where it is to run.
        workload_version: of workload and data; each is timed anew.
        disturbed_too: time again what was disturbed.
    """
    too_large = None
    for trial in trials:
        name = timing_id(trial, machine, workload_version=workload_version)
        known = read_timing(paths, name)
        if known and not (disturbed_too and known.get("disturbed")):
            status = known["status"]
        else:
            found = _not_tried(trial, too_large, machine) if too_large else measure(trial)
            status = found.status
            write_timing(paths, name, trial, found.columns() | {"workload_version": workload_version})
            yield found
        if status == "out_of_memory":
            too_large = too_large or trial.batch_size


def _not_tried(trial: TrialConfig, too_large: int, machine: Mapping[str, object]) -> BatchTiming:
    message = f"not tried, batch size {too_large} does not fit already"
    return BatchTiming(trial.batch_size, "out_of_memory", message, machine)


def time_batch_size(
    trial: TrialConfig,
    machine: Machine,
    *,
    data_dir: Path,
    data: DataSets | None = None,
    timeout_seconds: float | None = None,
    give_up: Callable[[], None],
) -> BatchTiming:
    """Return how long an iteration takes. What it learns is thrown away.

    A workload that raises, or a batch that does not fit even in micro-batches, is an answer: its status says so.

    Args:
        trial: what is timed.
        machine: what it may use.
        data_dir: folder with data sets.
        data: the data sets, if they are at hand; else they are read.
        timeout_seconds: without progress, after which it is given up; None waits for ever.
        give_up: called then, in another thread.
    """
    gc.collect()  # what an earlier one left on the device is not this one's memory
    with MachineLoad() as load, Watchdog(timeout_seconds, bark=give_up) as watchdog:
        load.look()
        try:
            found = _timed(trial, machine, data_dir=data_dir, data=data, watchdog=watchdog)
        except Exception as error:  # noqa: BLE001  whatever a workload raises, the others are timed
            status = "out_of_memory" if is_out_of_memory(error) else "failed"
            found = BatchTiming(trial.batch_size, status, f"{type(error).__name__}: {first_line(error)}")
        load.look()
    return replace(found, machine=machine_columns(machine) | {"neighbours": load.most})


def _timed(
    trial: TrialConfig, machine: Machine, *, data_dir: Path, data: DataSets | None, watchdog: Watchdog
) -> BatchTiming:
    start = time.perf_counter()
    set_up(machine, trial=trial)
    workload = known_workload(trial.settings.workload)
    data = data or trial_data(trial, workload, data_dir)
    seed_generators(trial.seed)
    assembly = assemble(trial, workload, data, machine, losses_kept=STRETCH_ITERATIONS)
    course = Course(assembly, watchdog)
    iterations = course.warm_up()
    warmup_seconds = time.perf_counter() - start
    repeats, disturbed = undisturbed_repeats(lambda: course.run(iterations), threads=machine.threads)
    found = time_of_repeats(repeats, iterations=iterations, disturbed=disturbed)
    plan = assembly.plan
    computed = assembly.columns | {
        "examples_per_second": plan.epoch_examples / plan.epoch_iterations / found.iteration_seconds,
        "warmup_seconds": warmup_seconds,
        "peak_memory_bytes": peak_memory_bytes(assembly.device),
    }
    meter = energy_meter(assembly.device)
    computed["energy_joules"] = iteration_joules(course.run, meter, iteration_seconds=found.iteration_seconds)
    computed["flops"] = iteration_flops(assembly)  # last: eagerly, an iteration may take more time and memory
    return BatchTiming(trial.batch_size, "completed", assembly.engine.complaint, time=found, computed=computed)
