"""One batch size timed alone: repeats that agree, a median of them, memory that does not suffice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bs_study import TrialConfig
from bs_study.store.paths import StudyPaths
from bs_study.store.timings import timing_id, write_timing
from bs_study.training import repeats
from bs_study.training.clock import Clocks
from bs_study.training.machine import machine_kind
from bs_study.training.placement import Machine
from bs_study.training.repeats import iterations_of_repeat, time_of_repeats, timed_repeats
from bs_study.training.timing import BatchTiming, missing_timings, time_batch_size

MACHINE = {"device": "cpu", "device_name": "an abacus", "threads": 1, "loader_processes": 1}


def config(batch_size: int, **settings: Any) -> TrialConfig:
    return TrialConfig(**{"batch_size": batch_size, "lr": 0.01, "seed": 0, "max_iterations": 10} | settings)


def lasting(*seconds: float) -> Callable[[], Clocks]:
    """Return repeats that last so long, one after another, the last for ever; a quarter of each is loading."""
    left = list(seconds)

    def repeat() -> Clocks:
        clocks = Clocks()
        each = left.pop(0) if len(left) > 1 else left[0]
        clocks.add_training(each, load=each / 4, compute=each / 2, iterations=1)
        return clocks

    return repeat


def test_three_repeats_that_agree_are_enough() -> None:
    assert len(timed_repeats(lasting(0.1, 0.101, 0.1))) == 3


def test_repeats_go_on_until_the_last_three_agree() -> None:
    assert len(timed_repeats(lasting(0.2, 0.1, 0.14, 0.1, 0.1, 0.1))) == 6


def test_repeats_that_never_agree_end_after_a_second() -> None:
    endless = lasting(*[0.1, 0.15] * 50)
    assert len(timed_repeats(endless)) == 8  # 1.0 s


def test_a_slow_iteration_is_still_made_three_times() -> None:
    assert len(timed_repeats(lasting(30.0, 60.0, 30.0))) == 3


def test_the_row_has_the_median_of_all_repeats_and_how_far_they_differ() -> None:
    repeat = lasting(0.2, 0.1, 0.11)
    found = time_of_repeats([repeat() for _ in range(3)], iterations=10)
    assert found.iteration_seconds == pytest.approx(0.011)
    assert (found.iteration_seconds_low, found.iteration_seconds_high) == pytest.approx((0.01, 0.02))
    assert found.iteration_seconds_spread == pytest.approx(0.1 / 0.11)
    assert (found.load_seconds, found.compute_seconds) == pytest.approx((0.011 / 4, 0.011 / 2))


@pytest.mark.parametrize(
    ("one", "multiple_of", "expected"), [(0.001, 1, 100), (0.001, 30, 90), (2.0, 1, 1), (2.0, 3, 3)]
)
def test_a_repeat_takes_a_tenth_of_a_second_or_what_cannot_be_less(one: float, multiple_of: int, expected: int) -> None:
    assert iterations_of_repeat(lambda count: lasting(one * count)(), multiple_of=multiple_of) == expected


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> Machine:
    """What a timing is given, with repeats so short that a test can wait for them."""
    monkeypatch.setattr(repeats, "REPEAT_SECONDS", 0.01)
    monkeypatch.setattr(repeats, "LONGEST_SECONDS", 0.0)
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


def test_a_timing_is_of_settings_on_a_machine_whatever_the_lr(paths: StudyPaths) -> None:
    write_timing(paths, timing_id(config(4), MACHINE), config(4), BatchTiming(4, "completed", "", MACHINE).columns())
    assert list(passes(paths, {4: "completed"}, lr=0.5, seed=3)) == []
    assert list(passes(paths, {4: "completed"}, optimizer="adam")) == [4]
    assert timing_id(config(4), MACHINE) != timing_id(config(4), MACHINE | {"threads": 2})
