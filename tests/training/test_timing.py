"""One batch size timed alone: repeats that agree, a median of them, memory that does not suffice."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
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
    Repeat,
    are_disturbed,
    iterations_of_repeat,
    time_of_repeats,
    timed_repeats,
    undisturbed_repeats,
)
from bs_study.training.timing import BatchTiming, missing_timings, time_batch_size

MACHINE = {"device": "cpu", "device_name": "an abacus", "threads": 1, "loader_processes": 1}


def config(batch_size: int, **settings: Any) -> TrialConfig:
    return TrialConfig(**{"batch_size": batch_size, "lr": 0.01, "seed": 0, "max_iterations": 10} | settings)


def lasting(*seconds: float, cpu: Sequence[float] = (1.0,)) -> Callable[[], Repeat]:
    """Return repeats that last so long, one after another, the last for ever; a quarter of each is loading.

    Args:
        cpu: what each has of the processor while it loads and computes, the last for ever.
    """
    left, shares = list(seconds), list(cpu)

    def repeat() -> Repeat:
        each = left.pop(0) if len(left) > 1 else left[0]
        share = shares.pop(0) if len(shares) > 1 else shares[0]
        return Repeat(each, load_seconds=each / 4, compute_seconds=each / 2, cpu_seconds=share * each * 3 / 4)

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


def tried(repeat: Callable[[], Repeat], *, threads: int = 1) -> tuple[list[float], bool, int]:
    """Return the seconds of the repeats that count, whether they were disturbed, and how often they were begun anew."""
    pauses: list[float] = []
    found, disturbed = undisturbed_repeats(repeat, threads=threads, pause=pauses.append)
    return [each.train_seconds for each in found], disturbed, len(pauses)


def test_repeats_that_agree_are_made_once() -> None:
    assert tried(lasting(0.1)) == ([0.1] * 3, False, 0)


def test_repeats_that_differ_by_30_percent_are_made_again_and_the_quiet_ones_count() -> None:
    assert tried(lasting(0.13, 0.1, 0.1, 0.1, 0.2)) == (
        [0.2] * 3,
        False,
        1,
    )  # 0.1 four times agrees, 0.13 was disturbed


def test_repeats_that_differ_each_time_are_disturbed_and_those_that_differ_least_count() -> None:
    noisy = lasting(*[0.1, 0.2, 0.1, 0.1, 0.1], *[0.1, 0.13, 0.1, 0.1, 0.1], *[0.1, 0.16, 0.1, 0.1, 0.1])
    assert tried(noisy) == ([0.1, 0.13, 0.1, 0.1, 0.1], True, 2)


def test_a_slow_iteration_is_not_timed_for_ever() -> None:
    assert tried(lasting(30.0, 60.0, 30.0, 30.0, 60.0, 30.0)) == ([30.0, 60.0, 30.0], True, 0)


@pytest.mark.parametrize(
    ("threads", "cpu", "disturbed"),
    [
        (1, [1.0], False),
        (1, [0.95], False),
        (1, [0.7], True),  # a steady neighbour: the repeats agree
        (1, [0.7, 1.0, 1.0], False),  # most of them were alone
        (4, [2.5], False),  # so many threads have what they can use
        (4, [3.8, 2.5, 2.5], True),
        (2, [0.5], True),  # a steady neighbour of all of them
        (2, [0.95], False),
    ],
)
def test_repeats_that_agree_are_disturbed_where_others_took_the_processor(
    threads: int, cpu: list[float], disturbed: bool
) -> None:
    assert tried(lasting(0.1, cpu=cpu * 3 if len(cpu) > 1 else cpu), threads=threads)[1] == disturbed


@pytest.mark.parametrize(
    ("repeat", "disturbed"),
    [
        (Repeat(0.2, 0.1, 0.1, 0.11), True),  # it had half a processor while it loaded and computed
        (Repeat(0.2, 0.1, 0.1, 0.2), False),
        (Repeat(0.2, 0.1, 0.1, 0.1, may_wait=True), False),  # it waited for a disk
        (Repeat(0.2, 0.1, 0.1, 0.055, may_wait=True), True),
    ],
)
def test_loading_counts_where_it_does_not_wait(repeat: Repeat, disturbed: bool) -> None:
    assert are_disturbed([repeat] * 3, threads=1) == disturbed


def test_a_gpu_computes_without_the_processor() -> None:
    assert undisturbed_repeats(lambda: Repeat(0.1, 0.0, 0.1), threads=1, pause=refuse_to_wait)[1] is False


def refuse_to_wait(_: float) -> None:
    raise AssertionError("a pause")


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
