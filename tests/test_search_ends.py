"""A bracket that stopped early is told by the analysis of its store."""

from __future__ import annotations

from pathlib import Path

from bs_study import open_study
from bs_study.answer import analyse
from bs_study.launch.course import Course
from bs_study.store.reader import Study
from tests.launch.racing import follow, racing_study


def stops(folder: Path, **settings: object) -> list[tuple[tuple[int, ...], tuple[str, ...]]]:
    config, paths = racing_study(folder, search="bracket", **settings)
    course = Course(config, Study(paths))
    follow(course, paths)
    assert course.is_over
    found = analyse(open_study(folder))
    return [(w.batch_sizes, w.names) for w in found.warnings if w.kind == "search_stopped"]


def test_a_bracket_that_came_as_far_as_it_goes_is_warned_of(tmp_path: Path) -> None:
    # at most 256 times the start, while the best lr is 0.4: all on the way take longer than the budget
    assert stops(tmp_path, lrs=(1e-4,), lr_factor=2.0, batch_sizes=(64,)) == [((64,), ("limit",))]


def test_a_bracket_that_found_its_best_between_two_worse_is_not(tmp_path: Path) -> None:
    assert stops(tmp_path, lrs=(0.1,), lr_factor=2.0) == []
