"""The checker finds what a fault, or another writer, did to a store, and nothing in a sound one."""

from __future__ import annotations

import itertools
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bs_study.store.check.__main__ import main
from bs_study.store.check.study import problems
from bs_study.store.commit import commit_failed
from bs_study.store.paths import StudyPaths
from bs_study.store.schema import ROW_TABLES, Table
from tests.faults.small_studies import (
    METRICS,
    TABLES,
    empty_study,
    end_trial,
    rewrite,
    run_trial,
    set_column,
    small_study,
    trial_files,
)


@pytest.fixture
def paths(tmp_path: Path) -> StudyPaths:
    return small_study(tmp_path / "study")


def found(paths: StudyPaths) -> list[str]:
    return list(problems(paths))


def test_a_sound_study_has_no_problems(paths: StudyPaths, capsys: pytest.CaptureFixture[str]) -> None:
    assert found(paths) == []
    assert main([paths.root]) == 0
    assert capsys.readouterr().out == f"{paths.root}: fine; 2 trials have ended, 0 are unfinished\n"


def test_a_uri_is_checked_as_its_folder_is(paths: StudyPaths) -> None:
    assert main([f"file://{paths.root}"]) == 0


def test_an_empty_study_has_no_problems(tmp_path: Path) -> None:
    paths, _ = empty_study(tmp_path / "study")
    assert found(paths) == []


@pytest.mark.parametrize("place", ["nowhere", "s3:/", "unknown://x/y"])
def test_no_such_study_is_exit_status_2_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], place: str
) -> None:
    assert main([place if "://" in place else str(tmp_path / place)]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1


def test_the_command_prints_a_line_that_names_the_file_and_ends_with_1(paths: StudyPaths) -> None:
    file = trial_files(paths, "iterations")[0]
    set_column(file, "iteration", [1, 2, 3, 4, 5, 7, 8, 9, 10, 11])
    command = [sys.executable, "-m", "bs_study.store.check", paths.root]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert ended.returncode == 1
    assert f"iterations/{file.name}: iteration is 7 in row 6, not 6\n" in ended.stdout
    assert ended.stdout.splitlines()[-1].startswith(f"{paths.root}: ")


@pytest.mark.parametrize("table", TABLES)
def test_a_file_that_is_cut_short_is_told(paths: StudyPaths, table: Table) -> None:
    file = trial_files(paths, table)[0]
    file.write_bytes(file.read_bytes()[:-20])
    assert [line for line in found(paths) if line.startswith(f"{table}/{file.name}: it can't be read")]


@pytest.mark.parametrize("table", ["iterations", "epochs", "evaluations"])
def test_a_table_file_that_is_missing_is_told(paths: StudyPaths, table: Table) -> None:
    file = trial_files(paths, table)[0]
    file.unlink()
    assert f"{table}/{file.name}: it is not there, and the trial has a row in trials" in found(paths)


def test_a_row_that_was_lost_is_told_by_the_files_that_it_left(paths: StudyPaths) -> None:
    file = trial_files(paths, "trials")[0]
    file.unlink()
    assert found(paths) == [f"{table}/{file.name}: the trial has no row in trials" for table in ROW_TABLES]


def test_schema_faults_are_told(paths: StudyPaths) -> None:
    iterations, epochs, evaluations, trials = (trial_files(paths, table)[0] for table in TABLES)
    rewrite(iterations, pq.read_table(iterations).replace_schema_metadata({b"bs_study.schema_version": b"9"}))
    rewrite(epochs, pq.read_table(epochs).drop_columns(["peak_memory_bytes"]))
    rewrite(evaluations, pq.read_table(evaluations).append_column("speed", pa.array([1.0, 2.0])))
    rewrite(trials, pq.read_table(trials).drop_columns(["host"]))
    lines = "\n".join(found(paths))
    assert "schema version 9 is newer" in lines
    assert f"epochs/{epochs.name}: it has no column 'peak_memory_bytes'" in lines
    assert f"evaluations/{evaluations.name}: its column 'speed' is not in the contract" in lines
    assert f"trials/{trials.name}: it has no column 'host'" in lines


def test_a_file_without_a_version_or_of_a_wider_type_is_told_though_it_reads(paths: StudyPaths) -> None:
    file = trial_files(paths, "iterations")[0]
    rows = pq.read_table(file)
    pq.write_table(rows.set_column(8, "loss", rows["loss"].cast("float64")).replace_schema_metadata({}), file)
    assert found(paths) == [
        f"iterations/{file.name}: it names no schema version",
        f"iterations/{file.name}: its column 'loss' is double, not float",
    ]


@pytest.mark.parametrize("name", ["_SUCCESS", "x.json", "tmp-1", ".hidden.parquet"])
def test_what_is_no_parquet_file_of_a_trial_in_a_table_folder_is_told(paths: StudyPaths, name: str) -> None:
    Path(paths.table("epochs"), name).write_text("")
    kind = "a hidden file" if name.startswith((".", "_")) else "no .parquet file"
    assert any(line.startswith(f"epochs/{name}: it is {kind}") for line in found(paths))


def test_a_trial_that_the_grid_does_not_have_is_told(paths: StudyPaths) -> None:
    asked = json.loads(Path(paths.study_json).read_text())
    asked["config"]["seeds"] = [1]
    Path(paths.study_json).write_text(json.dumps(asked))
    file = trial_files(paths, "trials")[0]
    assert found(paths) == [f"trials/{file.name}: the trial does not belong to the study's grid"]


@pytest.mark.parametrize(
    "damage", [lambda file: file.unlink(), lambda file: file.write_text("{"), lambda file: file.write_text("{}")]
)
def test_a_damaged_study_json_is_told_and_the_files_are_checked_all_the_same(
    paths: StudyPaths, damage: Callable[[Path], object]
) -> None:
    damage(Path(paths.study_json))
    set_column(trial_files(paths, "epochs")[0], "epoch", [1, 3])
    lines = found(paths)
    assert len(lines) == 2
    assert "study.json" in lines[0]
    assert "epoch is 3" in lines[1]


def test_a_running_trial_is_no_problem_and_counts_as_unfinished(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths, trials = empty_study(tmp_path / "study")
    end_trial(paths, trials[0])
    run_trial(paths, trials[1])
    assert main([paths.root]) == 0
    assert "fine; 1 trial has ended, 1 is unfinished" in capsys.readouterr().out


def test_a_live_part_that_is_lost_or_damaged_is_told_as_a_gap(tmp_path: Path) -> None:
    paths, trials = empty_study(tmp_path / "study")
    lost, damaged = trials
    writer = run_trial(paths, lost, epochs=3)
    Path(paths.live_trial(lost.trial_id), writer.parts[1].file("iterations")).unlink()
    writer = run_trial(paths, damaged)
    broken = Path(paths.live_trial(damaged.trial_id), writer.parts[0].file("iterations"))
    broken.write_bytes(b"PAR1")
    lines = found(paths)
    assert f"live/{lost.trial_id}: iteration is 11 in row 6, not 6" in lines
    assert [line for line in lines if broken.name in line and "can't be read" in line]


def test_a_commit_that_was_cut_short_before_its_row_is_unfinished_and_no_problem(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths, trials = empty_study(tmp_path / "study")
    end_trial(paths, trials[0])
    row = trial_files(paths, "trials")[0]
    row.unlink()
    run_trial(paths, trials[0])
    assert main([paths.root]) == 0
    assert "0 trials have ended, 1 is unfinished" in capsys.readouterr().out


def test_a_failed_trial_and_its_retry_half_committed_are_no_problem(tmp_path: Path) -> None:
    paths, trials = empty_study(tmp_path / "study")
    run_trial(paths, trials[0])
    commit_failed(paths, trials[0], metrics=METRICS, message="the worker died")
    assert found(paths) == []
    other, _ = empty_study(tmp_path / "other" / "study")
    end_trial(other, trials[0])
    run_trial(paths, trials[0], epochs=1)
    for table in ("iterations", "epochs"):
        shutil.copy(trial_files(other, table)[0], trial_files(paths, table)[0])
    assert found(paths) == []


def test_problems_come_one_by_one_while_the_study_is_read(paths: StudyPaths) -> None:
    for file in trial_files(paths, "epochs"):
        set_column(file, "epoch", [1, 3])
    Path(paths.table("epochs"), "zzz").write_text("")
    assert len(list(itertools.islice(problems(paths), 2))) == 2
