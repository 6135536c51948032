"""What is wrong with the probes of a trial is found: their file, their number, their rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bs_study import open_study
from bs_study.store.check.study import problems
from bs_study.store.paths import StudyPaths
from bs_study.store.writer import TrialWriter
from tests.faults.small_studies import METRICS, add_epoch, empty_study, outcome, rewrite, set_column, trial_files

NUMBERS = {"g2": 1.0, "tr_sigma": 4.0, "cos_next": 0.5, "step_lr": 0.02, "chunk": 2, "chunks": 8, "by_batch": False}
PROBE: dict[str, Any] = NUMBERS | {"probe_seconds": 0.1}


def add_probe(writer: TrialWriter, iteration: int) -> None:
    writer.add_probe(**PROBE, iteration=iteration, examples=4 * iteration, epoch=iteration / 5)


@pytest.fixture
def paths(tmp_path: Path) -> StudyPaths:
    """A study of one trial with probes after iterations 1, 5 and 7, of which the second part tells the last two."""
    paths, (trial,) = empty_study(tmp_path / "study", seeds=(0,))
    writer = TrialWriter(paths, trial, metrics=METRICS)
    for epoch, probed in ((1, [1]), (2, [5, 7])):
        add_epoch(writer, epoch, probes=0)
        for iteration in probed:
            add_probe(writer, iteration)
        writer.write_part()
    writer.commit(outcome(probes=3, probe_seconds=0.4))
    return paths


def test_probes_in_order_are_sound_and_may_have_moments_that_are_not_known(paths: StudyPaths) -> None:
    (file,) = trial_files(paths, "gradients")
    set_column(file, "g2", [None, 1.0, 1.0])
    assert list(problems(paths)) == []


@pytest.mark.parametrize(
    ("column", "values", "told"),
    [
        ("iteration", [1, 7, 7], "iteration goes from 7 to 7 in row 3"),
        ("iteration", [1, 5, 11], "iteration is 11 in row 3, and the trial has 10 iterations"),
        ("examples", [4, 21, 28], "examples are 21 in row 2, and 20 at iteration 5"),
        ("probe_seconds", [0.1, -1.0, 0.1], "probe_seconds is -1 in row 2"),
        ("cos_next", [None, 0.5, -1.5], "cos_next is -1.5 in row 3"),
        ("chunk", [2, 0, 2], "chunk is 0 in row 2"),
        ("chunks", [1, 8, 8], "chunks is 1 in row 1"),
        ("step_lr", [None, 0.1, 0.1], "its column 'step_lr' has 1 nulls"),
    ],
)
def test_rows_that_can_not_be_are_found(paths: StudyPaths, column: str, values: list[Any], told: str) -> None:
    (file,) = trial_files(paths, "gradients")
    set_column(file, column, values)
    assert next(problems(paths)) == f"gradients/{file.name}: {told}"


def test_rows_that_are_missing_or_doubled_are_counted(paths: StudyPaths) -> None:
    (file,) = trial_files(paths, "gradients")
    (row,) = trial_files(paths, "trials")
    rows = pq.read_table(file)
    rewrite(file, rows.slice(1))
    assert list(problems(paths)) == [f"trials/{row.name}: probes is 3, and the table gradients has 2 rows"]
    rewrite(file, pa.concat_tables([rows, rows]))
    assert f"trials/{row.name}: probes is 3, and the table gradients has 6 rows" in problems(paths)


def test_a_file_that_is_gone_or_cut_is_told_and_one_that_is_not_needed_is_not(paths: StudyPaths) -> None:
    (file,) = trial_files(paths, "gradients")
    (row,) = trial_files(paths, "trials")
    file.write_bytes(file.read_bytes()[:-9])
    assert any(problem.startswith(f"gradients/{file.name}: it can't be read") for problem in problems(paths))
    file.unlink()
    assert any(problem.startswith(f"gradients/{file.name}: it is not there") for problem in problems(paths))
    set_column(row, "probes", [0])
    assert list(problems(paths)) == []


def test_a_reader_beside_a_trial_that_runs_sees_the_probes_of_its_whole_parts(tmp_path: Path) -> None:
    paths, (trial,) = empty_study(tmp_path / "study", seeds=(0,))
    writer = TrialWriter(paths, trial, metrics=METRICS)
    seen = []
    for epoch, probed in ((1, []), (2, [5, 7]), (3, []), (4, [16])):
        add_epoch(writer, epoch, probes=0)
        for iteration in probed:
            add_probe(writer, iteration)
        writer.write_part()
        seen.append(open_study(paths.root, live=True, strict=True).gradients()["iteration"].tolist())
        assert list(problems(paths)) == []
    assert seen == [[], [5, 7], [5, 7], [5, 7, 16]]
    part = writer.parts[-1]
    Path(f"{paths.live_trial(trial.trial_id)}/{part.file('iterations')}").unlink()  # killed before its last file
    assert open_study(paths.root, live=True).gradients()["iteration"].tolist() == [5, 7]
