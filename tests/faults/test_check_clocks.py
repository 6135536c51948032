"""Clocks that cover no iteration are null, and the checker knows where they may be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bs_study.store.check.study import problems
from bs_study.store.paths import StudyPaths
from bs_study.store.schema import Table
from tests.faults.small_studies import set_column, small_study, trial_files


@pytest.fixture
def paths(tmp_path: Path) -> StudyPaths:
    return small_study(tmp_path / "study")


def test_clocks_are_null_before_the_first_iteration_that_they_cover(paths: StudyPaths) -> None:
    epochs, evaluations = (trial_files(paths, table)[0] for table in ("epochs", "evaluations"))
    set_column(epochs, "timed_iterations", [0, 5])
    for name, seconds in (("epoch_seconds", 1.0), ("load_seconds", 0.25), ("compute_seconds", 0.5)):
        set_column(epochs, name, [None, seconds])
        set_column(evaluations, name.replace("epoch", "train"), [None, seconds])
    assert list(problems(paths)) == []


# table, column, what it holds instead, what is told
WRONG_CLOCKS: list[tuple[Table, str, list[Any], str]] = [
    ("epochs", "epoch_seconds", [None, 1.0], "epoch_seconds is nan in row 1"),
    ("epochs", "timed_iterations", [6, 5], "timed_iterations is 6 in row 1, and the epoch has 5 iterations"),
    ("evaluations", "train_seconds", [1.0, None], "train_seconds goes from 1 to nan in row 2"),
    ("evaluations", "compute_seconds", [None, 0.5], "compute_seconds goes from 0 to nan in row 1"),
    ("evaluations", "timed_iterations", [6, 9], "timed_iterations is 6 in row 1, and the trial has 5 iterations"),
    ("trials", "train_seconds", [None], "train_seconds is missing, and the table epochs says 2"),
]


@pytest.mark.parametrize(("table", "column", "values", "told"), WRONG_CLOCKS)
def test_clocks_that_are_missing_or_cover_too_much_are_found(
    paths: StudyPaths, table: Table, column: str, values: list[Any], told: str
) -> None:
    file = trial_files(paths, table)[0]
    set_column(file, column, values)
    assert any(line.startswith(f"{table}/{file.name}: ") and told in line for line in problems(paths))
