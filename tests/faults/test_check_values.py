"""The checker tells of values that no trial could have left, and of no others."""

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


def found(paths: StudyPaths) -> list[str]:
    return list(problems(paths))


# table, column, what it holds instead, what is told
WRONG_COLUMNS: list[tuple[Table, str, list[Any], str]] = [
    ("iterations", "iteration", [2, 3, 4, 5, 6, 7, 8, 9, 10, 11], "iteration is 2 in row 1, not 1"),
    ("iterations", "iteration", [1, 2, 3, 4, 5, 5, 6, 7, 8, 9], "iteration is 5 in row 6, not 6"),
    ("iterations", "examples", [4, 8, 12, 12, 20, 24, 28, 32, 36, 40], "examples goes from 12 to 12 in row 4"),
    ("iterations", "examples", [4, 8, 12, 16, 20, 25, 28, 32, 36, 40], "examples goes from 20 to 25 in row 6"),
    ("iterations", "epoch", [1, 1, 1, 1, 1, 3, 3, 3, 3, 3], "epoch goes from 1 to 3 in row 6"),
    ("iterations", "epoch", [2, 2, 2, 2, 2, 1, 1, 1, 1, 1], "epoch goes from 0 to 2 in row 1"),
    ("iterations", "loss", [None, *range(9)], "'loss' has 1 nulls"),
    ("iterations", "seed", [0] * 9 + [1], "'seed' says 1, not 0"),
    ("iterations", "trial_id", ["b1"] * 10, "'trial_id' says 'b1'"),
    ("iterations", "study", ["other"] * 10, "'study' says 'other', not 'study'"),
    ("epochs", "epoch", [1, 3], "epoch is 3 in row 2, not 2"),
    ("epochs", "epoch_seconds", [0.5, 1.0], "load_seconds + compute_seconds are 0.75, above epoch_seconds, in row 1"),
    ("epochs", "load_seconds", [0.25, -1.0], "load_seconds is -1 in row 2"),
    ("epochs", "compute_seconds", [float("nan"), 0.5], "compute_seconds is nan in row 1"),
    ("epochs", "iterations", [5, 11], "iterations is 11 in row 2, and the trial has 10 iterations"),
    ("epochs", "examples", [20, 36], "examples are 36 in row 2, and 40 at iteration 10"),
    ("evaluations", "iteration", [5, 5], "iteration goes from 5 to 5 in row 2"),
    ("evaluations", "iteration", [5, 12], "iteration is 12 in row 2, and the trial has 10 iterations"),
    ("evaluations", "train_seconds", [2.0, 1.0], "train_seconds goes from 2 to 1 in row 2"),
    ("evaluations", "compute_seconds", [0.9, 0.5], "compute_seconds goes from 0.9 to 0.5"),
    ("evaluations", "eval_seconds", [None, 0.5], "'eval_seconds' has 1 nulls"),
    ("trials", "iterations", [9], "iterations is 9, and the table iterations ends with 10"),
    ("trials", "examples", [36], "examples is 36, and the table iterations ends with 40"),
    ("trials", "train_seconds", [1.5], "train_seconds is 1.5, and the table epochs says 2"),
    ("trials", "load_seconds", [0.25], "load_seconds is 0.25, and the table evaluations says 0.5"),
    ("trials", "wall_seconds", [-1.0], "wall_seconds is -1"),
    ("trials", "status", ["done"], "status 'done' is unknown"),
    ("trials", "stop_reason", ["bored"], "stop_reason 'bored' is none of a trial that is completed"),
    ("trials", "stop_reason", [None], "stop_reason None"),
    ("trials", "stop_reason", ["outrun"], "bound is missing, and stop_reason is 'outrun'"),
    ("trials", "stop_reason", ["outrun"], "outrun_by is missing, and stop_reason is 'outrun'"),
    ("trials", "bound", [8], "bound is 8, and stop_reason is 'max_iterations'"),
    ("trials", "momentum", [0.9], "momentum is 0.9, and the study asks for 0.5"),
    ("trials", "lr", [0.5], "'lr' says 0.5, not 0.02"),
]


@pytest.mark.parametrize(("table", "column", "values", "told"), WRONG_COLUMNS)
def test_a_wrong_column_is_told_with_its_file_and_row(
    paths: StudyPaths, table: Table, column: str, values: list[Any], told: str
) -> None:
    file = trial_files(paths, table)[0]
    set_column(file, column, values)
    assert [line for line in found(paths) if line.startswith(f"{table}/{file.name}: ") and told in line]


def test_a_trial_that_was_outrun_had_come_to_its_bound(paths: StudyPaths) -> None:
    file = trial_files(paths, "trials")[0]
    for name, value in (("stop_reason", "outrun"), ("outrun_by", "b4-lr0.1-s0-abcdef"), ("bound", 10)):
        set_column(file, name, [value])
    assert found(paths) == []
    set_column(file, "bound", [11])
    (line,) = found(paths)
    assert line.endswith("iterations is 10, and the trial was outrun by its bound of 11")


def test_loss_that_is_nan_or_infinite_is_no_problem(paths: StudyPaths) -> None:
    set_column(trial_files(paths, "iterations")[0], "loss", [1.0] * 8 + [float("inf"), float("nan")])
    assert found(paths) == []


def test_a_metric_that_was_no_number_and_so_is_null_is_no_problem(paths: StudyPaths) -> None:
    set_column(trial_files(paths, "evaluations")[0], "accuracy", [None, 0.5])
    assert found(paths) == []
