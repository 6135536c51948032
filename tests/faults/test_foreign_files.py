"""Damaged and foreign files in a store: report, resume and check name the same file, and go on."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bs_study import open_study
from bs_study.answer import analyse
from bs_study.config import StudyConfig
from bs_study.grid import study_trials
from bs_study.launch.course import Course
from bs_study.launch.outline import trained_again
from bs_study.report.sentences.warnings import warning
from bs_study.store.check.study import problems
from bs_study.store.paths import study_paths
from bs_study.store.reader import Study
from bs_study.store.schema import ROW_TABLES
from bs_study.store.study_json import create_study, keep_name
from tests.faults.small_studies import METRICS, end_trial
from tests.grid_command import FULL_GRID, command_in_this_process


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """Studies of two trials each: `own`, `other` of another lr, and `again`, which asks what `own` does."""
    for name, lr in (("own", 0.1), ("other", 0.2), ("again", 0.1)):
        paths = study_paths(tmp_path / "store" / name)
        config = StudyConfig(batch_sizes=(4, 8), lrs=(lr,), max_iterations=10, target="accuracy >= 0.9")
        create_study(paths, config, metrics=METRICS, train_examples=20)
        for trial in study_trials(config):
            end_trial(paths, trial)
    return tmp_path / "store" / "own"


def torn(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-100])


def spoilt(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[4:40] = bytes(36)  # the first page; the footer and the length are as they were
    file.write_bytes(content)


def emptied(file: Path) -> None:
    file.write_bytes(b"")


def piped(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


def of_another_config(file: Path) -> None:
    rows = pq.read_table(file)
    place = rows.schema.names.index("weight_decay")
    pq.write_table(rows.set_column(place, rows.schema.field(place), pa.array([0.003417])), file)


def of_another_study(file: Path) -> None:
    again = file.parents[2] / "again" / "trials" / file.name
    shutil.copy(again, file)


@pytest.mark.parametrize(
    ("table", "harm", "why"),
    [
        *(("trials", harm, "") for harm in (torn, emptied, piped, spoilt)),
        ("evaluations", spoilt, ""),
        ("trials", of_another_config, "weight_decay is 0.003417, and the study asks for 0.0"),
        ("trials", of_another_study, "it is a trial of the study 'again'"),
        *((table, harm, "") for table in ROW_TABLES for harm in (torn, Path.unlink, piped)),
    ],
)
def test_a_trial_with_a_bad_file_is_named_left_out_and_trained_again(
    study: Path, table: str, harm: Callable[[Path], object], why: str
) -> None:
    bad, sound = sorted((study / table).iterdir())
    harm(bad)
    told = f"{table}/{bad.name}"

    found = analyse(open_study(study))
    assert list(found.rows.trials["trial_id"]) == [sound.stem]
    assert found.rows.state.missing == 1
    (said,) = [warning(one, found) for one in found.warnings if one.kind == "left_out"]
    assert told in said
    assert why in said
    assert any(line.startswith(told) for line in problems(open_study(study).paths))

    stored = Study(open_study(study).paths)
    plan = Course(stored.config, stored).plan
    assert [one.trial.trial_id for one in plan.wanted] == [bad.stem]
    assert trained_again(plan, stored) == [f"{bad.stem}: trained again, since a file is left out"]
    end_trial(stored.paths, plan.wanted[0].trial)
    assert list(problems(stored.paths)) == []
    assert sorted(analyse(open_study(study)).rows.trials["trial_id"]) == sorted([bad.stem, sound.stem])


@pytest.mark.parametrize(
    ("name", "make", "kind"),
    [
        ("._x.parquet", lambda file, own: file.write_bytes(b"\0" * 4096), "a hidden file"),
        ("notes.txt", lambda file, own: file.write_text("mine"), "no .parquet file"),
        ("x.parquet", lambda file, own: os.mkfifo(file), "no regular file"),
        ("x.parquet", lambda file, own: file.mkdir(), "a folder"),
        ("x.parquet", lambda file, own: file.write_bytes(b""), ""),
        ("x copy.parquet", lambda file, own: shutil.copy(own, file), "it holds"),
    ],
)
@pytest.mark.parametrize("table", ["trials", "evaluations"])
def test_what_is_no_file_of_the_study_is_named_stays_and_changes_nothing(
    study: Path, table: str, name: str, make: Callable[[Path, Path], object], kind: str
) -> None:
    before = analyse(open_study(study)).tables.times
    make(study / table / name, min((study / table).iterdir()))
    found = analyse(open_study(study))
    assert len(found.rows.trials) == 2
    assert found.tables.times.equals(before)
    assert any(line.startswith(f"{table}/{name}") for line in problems(open_study(study).paths))
    told = [text for one in found.warnings if one.kind == "left_out" for text in one.names]
    of_no_trial = table != "trials" and kind in ("", "it holds")  # a table is asked for the files of trials
    assert [text.startswith(f"{table}/{name}") and kind in text for text in told] == [True] * (not of_no_trial)
    stored = Study(open_study(study).paths)
    assert Course(stored.config, stored).plan.wanted == ()
    assert (study / table / name).exists()


def test_trials_that_were_copied_from_another_study_are_not_pooled(study: Path) -> None:
    for table in ("trials", *ROW_TABLES):
        for file in (study.parent / "other" / table).iterdir():
            shutil.copy(file, study / table / file.name)
    found = analyse(open_study(study))
    assert set(found.rows.trials["lr"]) == {0.1}
    (told,) = [one for one in found.warnings if one.kind == "left_out"]
    assert len(told.names) == 2
    assert all("the study asks for no lr 0.2 at batch size" in name for name in told.names)


def test_a_study_whose_folder_was_renamed_keeps_its_trials_and_gets_more(study: Path) -> None:
    gone = sorted((study / "trials").iterdir())
    for file in gone:
        file.unlink()
    trials = study_trials(open_study(study).config)
    for trial, name in zip(trials, ("second", "third"), strict=True):
        study = study.rename(study.with_name(name))
        paths = study_paths(study)
        keep_name(paths)
        end_trial(paths, trial)
    rows = analyse(open_study(study.rename(study.with_name("fourth")))).rows.trials
    assert sorted(rows["study"]) == ["second", "third"]
    assert list(problems(study_paths(study.with_name("fourth")))) == []


@pytest.mark.timeout(120)
def test_the_command_names_each_file_in_a_line_and_what_becomes_of_it(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    grid = command_in_this_process()
    small = ["--local", "--no-timing", "--max-iterations", "20", "--max-epochs", "2", "--min-iterations", "0"]
    cells = ["--batch-sizes", "128", "256", "--lrs", "0.1", "--name", "own", "--store", str(tmp_path)]
    assert grid([*small, *FULL_GRID, *cells]) == 0
    bad, sound = sorted((tmp_path / "own" / "trials").iterdir())
    bad.write_bytes(b"")
    before = sound.read_bytes()
    capfd.readouterr()
    assert grid(["--resume", str(tmp_path / "own"), "--local", "--no-timing"]) == 0
    err = capfd.readouterr().err.splitlines()
    assert sum(line.startswith("warning: ") and f"trials/{bad.name}: left out, " in line for line in err) == 1, err
    assert f"warning: {bad.stem}: trained again, since a file is left out" in err
    assert sound.read_bytes() == before
    assert list(problems(study_paths(tmp_path / "own"))) == []
