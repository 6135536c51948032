"""One batch size timed alone: repeats that agree, a median of them, memory that does not suffice."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bs_study import TrialConfig
from bs_study.store.paths import StudyPaths
from bs_study.store.timings import timing_id, write_timing
from bs_study.training import repeats
from bs_study.training.clock import load_and_compute
from bs_study.training.machine import machine_kind
from bs_study.training.placement import Machine
from bs_study.training.repeats import (
    CpuTimeline,
)
from bs_study.training.timing import BatchTiming, missing_timings, time_batch_size

MACHINE = {"device": "cpu", "device_name": "an abacus", "threads": 1, "loader_processes": 1}


def config(batch_size: int, **settings: Any) -> TrialConfig:
    return TrialConfig(**{"batch_size": batch_size, "lr": 0.01, "seed": 0, "max_iterations": 10} | settings)


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> Machine:
    """What a timing is given, with repeats so short that a test can wait for them."""
    monkeypatch.setattr(repeats, "REPEAT_SECONDS", 0.01)
    monkeypatch.setattr(repeats, "LONGEST_SECONDS", 0.0)
    monkeypatch.setattr(repeats, "PASSES", 1)
    return Machine("cpu", threads=1)


def refuse() -> None:
    raise AssertionError("given up")


def timed(trial: TrialConfig, machine: Machine) -> BatchTiming:
    return time_batch_size(trial, machine, data_dir=Path("/"), give_up=refuse)


def measured(trial: TrialConfig, machine: Machine) -> dict[str, Any]:
    return timed(trial, machine).columns()


def test_load_and_compute_are_no_more_than_an_iteration_and_the_machine_is_told(alone: Machine) -> None:
    row = measured(config(64), alone)
    assert row["status"] == "completed"
    assert row["repeats"] == 3
    assert 0 < row["load_seconds"] + row["compute_seconds"] <= row["iteration_seconds_high"]
    assert row["examples_per_second"] == pytest.approx(1437 / 23 / row["iteration_seconds"])
    assert row["peak_memory_bytes"] > 10**7
    assert (row["engine_used"], row["loader_used"], row["threads"], row["micro_batch_used"]) == (
        "eager",
        "resident",
        1,
        64,
    )


def test_where_the_short_last_batch_weighs_repeats_are_whole_epochs(alone: Machine) -> None:
    assert measured(config(1000), alone)["iterations"] % 2 == 0


def test_a_batch_that_fits_in_micro_batches_is_timed_in_them(alone: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("faulty_workloads.Fits.fits", 100)
    row = measured(config(256, workload="faulty_workloads:FitsWithBatchNorm", micro_batch=256), alone)
    assert (row["status"], row["micro_batch_used"]) == ("completed", 64)


def test_what_does_not_fit_is_an_answer_and_larger_batch_sizes_are_not_tried(
    paths: StudyPaths, alone: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("faulty_workloads.Fits.fits", 100)
    trials = [config(size, workload="faulty_workloads:FitsWithBatchNorm") for size in (64, 256, 1024)]
    tried = []

    def measure(trial: TrialConfig) -> BatchTiming:
        tried.append(trial.batch_size)
        return timed(trial, alone)

    found = list(missing_timings(paths, trials, machine_kind(alone), measure=measure))
    assert [each.status for each in found] == ["completed", "out_of_memory", "out_of_memory"]
    assert tried == [64, 256]
    assert "batch size 256 does not fit" in (found[2].message or "")
    assert paths.names(paths.root) == ["live", "timings"]  # nothing is kept of what was learnt


def test_of_batches_that_are_read_the_processor_is_counted_while_it_computes() -> None:
    line = CpuTimeline()
    for _ in range(3):
        line.mark()
        time.sleep(0.02)
        line.mark()
        sum(range(500_000))
        line.mark()
    load, compute = load_and_compute(line.take_seconds())
    found = line.take_cpu_seconds()
    assert 0 < found < 1.5 * compute
    assert found == pytest.approx(3 * cpu_of(lambda: sum(range(500_000))), rel=0.8)
    assert line.take_cpu_seconds() == 0
    assert load > 0.05


def cpu_of(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def test_batches_that_are_read_are_timed_too(alone: Machine) -> None:
    assert measured(config(8, loader="workers"), alone)["status"] == "completed"


def test_a_workload_that_raises_fails_its_batch_size_only(alone: Machine) -> None:
    row = measured(config(7, workload="toy_workloads:Picky"), alone)
    assert row["status"] == "failed"
    assert "seven is too many" in row["message"]


def passes(paths: StudyPaths, statuses: dict[int, str], **settings: Any) -> Iterator[int]:
    """Time batch sizes with these outcomes; yield those that were measured."""

    def measure(trial: TrialConfig) -> BatchTiming:
        return BatchTiming(trial.batch_size, statuses[trial.batch_size], "", MACHINE)

    trials = [config(size, **settings) for size in statuses]
    return (each.batch_size for each in missing_timings(paths, trials, MACHINE, measure=measure))


def test_a_second_pass_times_only_what_is_missing_or_has_failed(paths: StudyPaths) -> None:
    assert list(passes(paths, {4: "completed", 16: "failed"})) == [4, 16]
    assert list(passes(paths, {4: "completed", 16: "completed", 64: "completed"})) == [16, 64]


def test_what_was_disturbed_is_timed_again_where_that_is_asked_for(paths: StudyPaths) -> None:
    noisy, quiet = (BatchTiming(4, "completed", "", MACHINE, computed={"disturbed": is_so}) for is_so in (True, False))
    write_timing(paths, timing_id(config(4), MACHINE), config(4), noisy.columns())
    for asked, found in ((False, []), (True, [quiet]), (True, [])):
        timed_again = missing_timings(paths, [config(4)], MACHINE, measure=lambda _: quiet, disturbed_too=asked)
        assert list(timed_again) == found


def test_a_timing_is_of_settings_on_a_machine_whatever_the_lr(paths: StudyPaths) -> None:
    write_timing(paths, timing_id(config(4), MACHINE), config(4), BatchTiming(4, "completed", "", MACHINE).columns())
    assert list(passes(paths, {4: "completed"}, lr=0.5, seed=3)) == []
    assert list(passes(paths, {4: "completed"}, optimizer="adam")) == [4]
    assert timing_id(config(4), MACHINE) != timing_id(config(4), MACHINE | {"threads": 2})
