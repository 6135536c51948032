"""The way of a study: what is trained next follows from the rows of what has ended, and from nothing else."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from bs_study.config import StudyConfig
from bs_study.grid import study_trials
from bs_study.launch.course import Course
from bs_study.store.paths import StudyPaths, study_paths
from bs_study.store.reader import Study
from tests.launch.racing import RACE, answer, end_by_formula, fail, follow, iterations_to_target, racing_study

BEST = {("", 64): (0.4, 40.0), ("", 256): (0.8, 40.0)}
"""The best lr and its iterations, by the formula that trials follow."""


def full(config: StudyConfig) -> StudyConfig:
    return config.model_copy(update={"search": "grid"})


def test_a_race_answers_as_the_full_grid_would_and_trains_less(tmp_path: Path) -> None:
    config, paths = racing_study(tmp_path / "race")
    course = Course(config, Study(paths))
    ran = follow(course, paths)
    assert course.is_over
    assert answer(course) == BEST
    rows = Study(paths).trials()
    assert len(ran) == len(rows) == 10
    spent = sum(min(300, iterations_to_target(trial)) for trial in study_trials(config))
    assert rows["iterations"].sum() < 0.75 * spent
    outrun = rows[rows["stop_reason"] == "outrun"]
    assert set(outrun["iterations"]) == set(outrun["bound"]) == {50}  # 40 iterations times 1.25


def test_trials_come_in_the_order_of_the_plan_and_each_is_given_out_once(tmp_path: Path) -> None:
    config, paths = racing_study(tmp_path / "race")
    course = Course(config, Study(paths))
    wanted = [one.trial for one in course.plan.wanted]
    given = [course.next() for _ in range(11)]
    assert given == [*wanted, None]
    assert not course.is_over
    for trial in wanted:
        end_by_formula(paths, trial, course.bound(trial))
        course.ended(trial)
    assert course.next() is None
    assert course.is_over


def test_a_bound_is_known_as_soon_as_the_trial_that_sets_it_has_ended(tmp_path: Path) -> None:
    config, paths = racing_study(tmp_path / "race")
    course = Course(config, Study(paths))
    trial = course.next()
    assert trial
    assert course.bound(trial) is None
    end_by_formula(paths, trial)
    course.ended(trial)
    other = course.next()
    assert other
    bound = course.bound(other)
    assert bound
    assert (other.batch_size, bound.iterations, bound.outrun_by) == (trial.batch_size, 50, trial.trial_id)
    elsewhere = next(one.trial for one in course.plan.wanted if one.trial.batch_size != trial.batch_size)
    assert course.bound(elsewhere) is None


@pytest.mark.parametrize("search", [{}, {"search": "bracket"}, {"seeds": (0, 1, 2)}, {"seeds": "auto", "max_seeds": 3}])
@pytest.mark.parametrize("after", [1, 4])
def test_a_course_that_is_taken_up_again_in_the_middle_comes_to_the_same_answer_by_the_same_trials(
    tmp_path: Path, search: dict[str, Any], after: int
) -> None:
    config, paths = racing_study(tmp_path / "unbroken", **search)
    unbroken = Course(config, Study(paths))
    whole = follow(unbroken, paths)
    config, paths = racing_study(tmp_path / "broken", **search)
    begun = follow(Course(config, Study(paths)), paths, most=after)
    again = Course(config, Study(paths))
    assert [*begun, *follow(again, paths)] == whole
    assert again.is_over
    assert answer(again) == answer(unbroken)
    assert again.plan.lanes == unbroken.plan.lanes


def test_what_failed_before_is_wanted_again_and_what_fails_now_is_not(tmp_path: Path) -> None:
    config, paths = racing_study(tmp_path / "race", batch_sizes=(64,))
    course = Course(config, Study(paths))
    trial = course.next()
    assert trial
    fail(paths, trial)
    course.ended(trial)
    assert trial not in [one.trial for one in course.plan.wanted]
    ran = follow(course, paths)
    assert (len(ran), course.is_over) == (4, True)
    assert [one.trial for one in Course(config, Study(paths)).plan.wanted] == [trial]


def test_a_failure_that_the_store_did_not_take_ends_its_trial_all_the_same(tmp_path: Path) -> None:
    config, paths = racing_study(tmp_path / "race", search="bracket", batch_sizes=(64,))
    course = Course(config, Study(paths))
    first = course.next()
    assert first
    course.ended(first)
    follow(course, paths)
    assert course.is_over


def test_a_store_that_does_not_answer_is_asked_again_and_no_trial_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, paths = racing_study(tmp_path / "bracket", search="bracket", batch_sizes=(64,))
    course = Course(config, Study(paths))
    trial = course.next()
    assert trial
    end_by_formula(paths, trial)

    def silent(*_: Any, **__: Any) -> Any:
        raise OSError("the store does not answer")

    with monkeypatch.context() as patch:
        patch.setattr(Study, "trials", silent)
        course.ended(trial)
        assert course.next() is None
        assert not course.is_over
    assert course.next() is not None
    assert course.bound(trial) is not None


@pytest.mark.parametrize(("seeds", "median"), [({"seeds": (0,)}, 80.0), ({"seeds": "auto", "max_seeds": 2}, 80.5)])
def test_what_another_version_of_workload_and_data_has_answered_is_neither_trained_again_nor_an_answer(
    tmp_path: Path, seeds: dict[str, Any], median: float
) -> None:
    config, paths = racing_study(tmp_path / "race", batch_sizes=(64,), **seeds)
    best = next(one for one in study_trials(config) if one.lr == 0.4)
    end_by_formula(paths, best, version=1)
    course = Course(config, Study(paths), version=2)
    assert course.plan.bounds == {}
    ran = []
    while (trial := course.next()) is not None:
        end_by_formula(paths, trial, course.bound(trial), version=2)
        course.ended(trial)
        ran.append(trial)
    assert sorted({trial.lr for trial in ran}) == [0.1, 0.2, 0.8, 1.6]
    assert course.is_over
    assert answer(course) == {("", 64): (0.2, median)}  # which ties with 0.8


@pytest.mark.parametrize("search", ["race", "bracket"])
def test_each_recipe_has_its_own_way(tmp_path: Path, search: str) -> None:
    config, paths = racing_study(tmp_path / "two", search=search, momentum=(0.0, 0.9))
    course = Course(config, Study(paths))
    ran = follow(course, paths)
    assert {trial.settings.momentum for trial in ran} == {0.0, 0.9}
    assert answer(course) == {(f"momentum {m}", size): best for m in ("0", "0.9") for (_, size), best in BEST.items()}


def test_a_grown_grid_leaves_only_the_new_trials_and_of_a_full_grid_no_row_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, paths = racing_study(tmp_path / "grid", search="grid", batch_sizes=(64,), min_iterations=0)
    monkeypatch.setattr(Study, "evaluations", None)
    course = Course(config, Study(paths))
    assert follow(course, paths) == study_trials(config)
    assert course.is_over
    assert Course(config, Study(paths)).plan.wanted == ()
    grown = Course(config.model_copy(update={"batch_sizes": (64, 256)}), Study(paths))
    assert [one.trial.batch_size for one in grown.plan.wanted] == [256] * 5
    assert (grown.plan.at_most, grown.plan.bounds) == (10, {})


def test_a_thousand_trials_of_a_full_grid_are_given_out_in_a_moment(tmp_path: Path) -> None:
    config = StudyConfig.model_validate(RACE | {"search": "grid", "seeds": tuple(range(100)), "min_iterations": 0})
    paths: StudyPaths = study_paths(tmp_path / "not begun")
    course = Course(config, Study(paths))
    start = time.perf_counter()
    given = 0
    while (trial := course.next()) is not None:
        course.ended(trial)
        given += 1
    assert course.is_over
    assert given == 1000
    assert time.perf_counter() - start < 10  # 1 s as a rule
