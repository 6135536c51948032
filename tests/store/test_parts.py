from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from bs_study.config import TrialConfig
from bs_study.store.parts import attempts, live_parts
from bs_study.store.paths import StudyPaths
from bs_study.store.writer import TrialWriter


def test_a_trial_that_never_began_has_no_parts(paths: StudyPaths) -> None:
    assert live_parts(paths, "b4-lr0.1-s0-abcdef") == []
    assert attempts(paths, "b4-lr0.1-s0-abcdef") == []


def test_the_parts_of_an_attempt_are_in_the_order_of_their_iterations(
    writer: TrialWriter, paths: StudyPaths, trial: TrialConfig, add_rows: Callable[..., None]
) -> None:
    for first in (1, 6, 11):
        add_rows(writer, first=first, count=5)
        writer.write_part()
    assert [part.first_iteration for part in live_parts(paths, trial.trial_id)] == [1, 6, 11]


def test_only_the_newest_attempt_that_wrote_counts(
    paths: StudyPaths, trial: TrialConfig, add_rows: Callable[..., None]
) -> None:
    first, second, third = (TrialWriter(paths, trial, metrics=["accuracy", "loss"]) for _ in range(3))
    add_rows(first, first=1, count=9)
    add_rows(second, first=1, count=3)
    first.write_part()
    second.write_part()
    assert third.attempt > second.attempt > first.attempt
    assert [part.attempt for part in live_parts(paths, trial.trial_id)] == [second.attempt]
    assert attempts(paths, trial.trial_id) == [first.attempt, second.attempt, third.attempt]


def test_an_attempt_that_continues_stands_on_the_parts_it_adopted_and_on_no_later_one(
    paths: StudyPaths, trial: TrialConfig, add_rows: Callable[..., None]
) -> None:
    first = TrialWriter(paths, trial, metrics=["accuracy", "loss"])
    for start in (1, 6):
        add_rows(first, first=start, count=5)
        first.write_part()
    second = TrialWriter(paths, trial, metrics=["accuracy", "loss"], adopted=first.parts[:1])
    add_rows(second, first=6, count=2)
    second.write_part()
    found = live_parts(paths, trial.trial_id)
    assert [(part.attempt, part.first_iteration) for part in found] == [(first.attempt, 1), (second.attempt, 6)]


def test_a_part_without_its_iterations_does_not_count(
    writer: TrialWriter, paths: StudyPaths, trial: TrialConfig, add_rows: Callable[..., None]
) -> None:
    for first in (1, 6):
        add_rows(writer, first=first, count=5)
        writer.write_part()
    Path(paths.live_trial(trial.trial_id), writer.parts[-1].file("iterations")).unlink()
    assert [part.first_iteration for part in live_parts(paths, trial.trial_id)] == [1]
