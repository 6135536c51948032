"""When the timing pass runs, and what it times."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from bs_study import StudyConfig, TrialConfig, open_study
from bs_study.config import LaunchOptions
from bs_study.launch.launcher import Resources
from bs_study.launch.serial import serial_launcher
from bs_study.launch.timing import described, lacks_timings, time_alone, timing_trials, wants_timing
from bs_study.store.timings import timing_id, write_timing
from bs_study.training.repeats import IterationTime
from bs_study.training.timing import BatchTiming


def config(**settings: Any) -> StudyConfig:
    return StudyConfig(**{"batch_sizes": (16, 4), "lrs": (0.1, 0.02), "seeds": (0, 1), "max_epochs": 1} | settings)


@pytest.mark.parametrize(
    ("asked", "per_machine", "trials", "wanted"),
    [
        (None, 2, 8, True),
        (None, 1, 8, False),  # four machines with a GPU each, say
        (None, 2, 1, False),  # one trial is left, and runs alone
        (True, 1, 0, True),
        (False, 2, 8, False),
    ],
)
def test_by_itself_the_pass_comes_where_trials_are_to_share_a_machine(
    asked: bool | None, per_machine: int, trials: int, wanted: bool, tmp_path: Path, small_study: Callable[..., Any]
) -> None:
    resources = Resources(0, slots=4, description="", most_per_machine=per_machine)
    untimed = open_study(small_study(tmp_path / "untimed").paths.root)
    assert wants_timing(LaunchOptions(timing=asked), resources, trials=trials, study=untimed) == wanted


def test_a_race_is_timed_also_where_its_trials_run_alone(tmp_path: Path, small_study: Callable[..., Any]) -> None:
    raced = open_study(small_study(tmp_path / "raced", search="race", min_iterations=0).paths.root)
    alone = Resources(0, slots=1, description="")
    assert wants_timing(LaunchOptions(local=True), alone, trials=1, study=raced)
    assert not wants_timing(LaunchOptions(local=True), alone, trials=0, study=raced)
    assert not wants_timing(LaunchOptions(timing=False), alone, trials=1, study=raced)


def test_a_study_that_was_timed_and_has_grown_is_timed_further_also_where_trials_run_alone(
    tmp_path: Path, small_study: Callable[..., Any]
) -> None:
    alone = Resources(0, slots=1, description="")
    options = LaunchOptions(local=True)
    paths = small_study(tmp_path / "grown", batch_sizes=(7, 64)).paths
    for batch_size, is_wanted in ((7, True), (64, False)):
        trial = timing_trials(config(batch_sizes=(batch_size,)))[0]
        write_timing(paths, timing_id(trial, {}), trial, {"status": "completed"})
        assert wants_timing(options, alone, trials=1, study=open_study(paths.root)) == is_wanted
    assert not wants_timing(LaunchOptions(timing=False), alone, trials=1, study=open_study(paths.root))


def test_what_was_disturbed_lacks_a_timing_where_one_is_asked_for(
    tmp_path: Path, small_study: Callable[..., Any]
) -> None:
    paths = small_study(tmp_path / "disturbed", batch_sizes=(7,)).paths
    trial = timing_trials(config(batch_sizes=(7,)))[0]
    for disturbed in (True, False, None):
        write_timing(paths, timing_id(trial, {}), trial, {"status": "completed", "disturbed": disturbed})
        assert not lacks_timings(open_study(paths.root))
        assert lacks_timings(open_study(paths.root), disturbed_too=True) == bool(disturbed)


@pytest.mark.parametrize(
    ("spread", "disturbed", "said"),
    [
        (0.34, True, "2.1 ms an iteration, disturbed: repeats differ by 34 %"),
        (0.02, True, "2.1 ms an iteration, disturbed: others took the processor"),
        (0.02, False, "2.1 ms an iteration, spread 2.0 %"),
        (0.34, False, "2.1 ms an iteration, spread 34.0 %, of one repeat alone"),
    ],
)
def test_a_timing_that_was_disturbed_says_by_what(spread: float, disturbed: bool, said: str) -> None:
    alone = IterationTime(3, 50, 0.0021, 0.002, 0.0022, spread, 0.0001, 0.0019, disturbed=disturbed)
    assert described(BatchTiming(60, "completed", time=alone)) == said


def test_each_batch_size_is_timed_once_the_smallest_first_at_the_least_lr() -> None:
    found = [(trial.batch_size, trial.lr, trial.seed) for trial in timing_trials(config())]
    assert found == [(4, 0.02, 0), (16, 0.02, 0)]


def test_what_was_timed_counts_on_when_recipes_are_added() -> None:
    before = config(base_batch_size=64)
    after = config(base_batch_size=64, recipes=[{}, {"lr_rule": "linear"}, {"optimizer": "adam"}])
    ids = [[timing_id(trial, {}) for trial in timing_trials(each)] for each in (before, after)]
    assert ids[0] == ids[1]


def test_the_pass_in_this_process_leaves_a_row_for_each_batch_size_whatever_becomes_of_it(
    tmp_path: Path, small_study: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bs_study.training.repeats.LONGEST_SECONDS", 0.0)
    monkeypatch.setattr("bs_study.training.repeats.PASSES", 1)
    study = small_study(tmp_path / "timed", batch_sizes=(7, 64), local=True)
    assert lacks_timings(open_study(study.paths.root))
    with serial_launcher(study.config, study.options, study.place) as launcher:
        told = list(launcher.time(study.trials, disturbed_too=False))
    rows = open_study(study.paths.root).timings().sort_values("batch_size")
    assert [each.status for each in told] == rows["status"].tolist() == ["failed", "completed"]
    assert lacks_timings(open_study(study.paths.root))  # the one that failed


class Noisy:
    """A launcher of which one batch size is disturbed as often as it is told."""

    resources = Resources(0, 1, "this process")

    def __init__(self, *, disturbed: int) -> None:
        self._disturbed = disturbed
        self.asked: list[bool] = []

    def run(self, course: Any, watcher: Any) -> None:
        raise AssertionError("no trial is wanted")

    def time(self, trials: Sequence[TrialConfig], *, disturbed_too: bool) -> Iterator[BatchTiming]:
        self.asked.append(disturbed_too)
        time = IterationTime(3, 50, 0.002, 0.002, 0.003, 0.5, 0.0001, 0.0019, len(self.asked) <= self._disturbed)
        yield BatchTiming(7, "completed", time=time)


@pytest.mark.parametrize(("disturbed", "asked"), [(0, [False]), (1, [False, True]), (9, [False, True])])
def test_what_is_disturbed_is_timed_once_more_when_all_others_have_been(disturbed: int, asked: list[bool]) -> None:
    launcher = Noisy(disturbed=disturbed)
    told = list(time_alone(launcher, config(), LaunchOptions()))
    assert launcher.asked == asked
    assert [line.partition(":")[0] for line in told[1:]] == ["batch size 7", "batch size 7 again"][: len(asked)]
