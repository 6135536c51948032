"""A store that version 0.1.0 wrote, with a trial left open: this version reads, checks, reports and resumes it.

`study-0.1.0.zip` holds digits at batch sizes 64 and 512 and lrs 0.1 and 10000, for 40 epochs. Both trials of lr 10000
diverged; the one of 512 and 0.1 was interrupted after a checkpoint at iteration 19.
"""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest

from bs_study import open_study
from bs_study.config import LaunchOptions
from bs_study.grid import study_trials
from bs_study.store.check.study import problems
from bs_study.store.paths import study_paths
from bs_study.store.schema import TABLES, table_schema
from bs_study.training.placement import Machine, Pacing, Place
from bs_study.training.trial import run_trial

ROOT = Path(__file__).parents[2]
ENDED = {
    "b64-lr10000-s0-b73f45": ("diverged", 100),
    "b64-lr0.1-s0-b98df0": ("completed", 920),
    "b512-lr10000-s0-949523": ("diverged", 100),
}
OPEN = "b512-lr0.1-s0-cf4121"
OPEN_ITERATIONS, ALL_ITERATIONS = 19, 120  # 40 epochs of 1437 examples, in batches of 512


def unpacked(folder: Path) -> Path:
    with zipfile.ZipFile(Path(__file__).with_name("study-0.1.0.zip")) as archive:
        archive.extractall(folder)
    return folder / "study-0.1.0"


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return unpacked(tmp_path_factory.mktemp("old"))


@dataclass(frozen=True)
class Resumed:
    """The study, what the command printed, and what the store held before."""

    study: Path
    printed: str
    files_before: Mapping[Path, bytes]
    open_losses_before: pd.Series


@pytest.fixture(scope="module")
def resumed(tmp_path_factory: pytest.TempPathFactory) -> Resumed:
    study = unpacked(tmp_path_factory.mktemp("resumed"))
    before = {file: file.read_bytes() for file in study.glob("*/*.parquet")}
    losses = open_study(study, live=True).iterations(trial_id=OPEN)["loss"]
    return Resumed(study, resume(study), before, losses)


def resume(study: Path) -> str:
    """Train what is left of a study; return what the command prints."""
    command = [sys.executable, str(ROOT / "sweeps" / "grid.py"), "--resume", str(study), "--local"]
    ended = subprocess.run(command, cwd=study.parent, capture_output=True, text=True, timeout=300, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    return ended.stdout


def test_each_of_its_tables_is_read_whole(old: Path) -> None:
    study = open_study(old, strict=True)
    rows = {table: len(study.scan(table)) for table in TABLES}
    assert rows["iterations"] == sum(iterations for _, iterations in ENDED.values())
    assert (rows["trials"], rows["timings"]) == (3, 2)
    assert [table for table, count in rows.items() if not count] == ["gradients"]
    for table in TABLES:
        metrics = ("accuracy", "loss") if table == "evaluations" else ()
        assert study.scan(table).schema.names == table_schema(table, metrics=metrics).names
    ended = study.trials().set_index("trial_id")[["status", "iterations"]]
    assert dict(zip(ended.index, ended.itertuples(index=False, name=None), strict=True)) == ENDED


def test_what_its_open_trial_has_written_is_read_too(old: Path) -> None:
    iterations = open_study(old, live=True, strict=True).iterations(trial_id=OPEN)
    assert iterations["iteration"].tolist() == list(range(1, OPEN_ITERATIONS + 1))


def test_its_trials_are_those_that_its_config_means_today(old: Path) -> None:
    assert {trial.trial_id for trial in study_trials(open_study(old).config)} == {*ENDED, OPEN}


def test_the_check_finds_it_fine(old: Path) -> None:
    assert list(problems(study_paths(old))) == []


def test_the_report_answers_from_it(old: Path) -> None:
    command = [sys.executable, ROOT / "sweeps" / "report.py", old]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert "batch size 64" in " ".join(done.stdout.split())
    assert Path(done.stdout.split()[-1]).exists()


def test_a_resume_trains_the_open_trial_on_from_its_checkpoint(resumed: Resumed) -> None:
    assert f"1/1  {OPEN}" in resumed.printed
    study = open_study(resumed.study, strict=True)
    (trial,) = study.trials(trial_id=OPEN).to_dict("records")
    assert (trial["status"], trial["iterations"], trial["attempts"]) == ("completed", ALL_ITERATIONS, 2)
    assert pd.isna(trial["message"])  # no checkpoint was set aside
    losses = study.iterations(trial_id=OPEN)["loss"]
    assert len(losses) == ALL_ITERATIONS
    assert losses[:OPEN_ITERATIONS].tolist() == resumed.open_losses_before.tolist()
    timed = study.epochs(trial_id=OPEN)["timed_iterations"]
    # 6 epochs and an iteration of the 7th were made by a version that did not count; then 3 iterations warm up.
    assert timed.isna().tolist() == [True] * 7 + [False] * 33
    assert timed[7:].tolist() == [2] + [3] * 32


def test_a_study_that_was_begun_with_an_evaluation_every_tenth_of_an_epoch_goes_on_with_it(tmp_path: Path) -> None:
    study = unpacked(tmp_path)
    asked = json.loads((study / "study.json").read_text())
    assert "eval_spacing" not in asked["config"]
    asked["config"] |= {"eval_every_examples": None, "max_epochs": 2, "stop_at_target": False}
    (study / "study.json").write_text(json.dumps(asked))
    trial = study_trials(open_study(study).config)[0]
    place = Place(study_paths(study), tmp_path, ("accuracy", "loss"))
    run_trial(trial, place, Machine("cpu", threads=1), pacing=Pacing(checkpoint_seconds=60))
    examples = open_study(study).evaluations(trial_id=trial.trial_id)["examples"]
    assert trial.batch_size == 64
    assert examples.diff().mean() == pytest.approx(143, rel=0.05)
    assert examples.diff().max() <= 3 * 64


def test_a_resume_leaves_what_had_ended_as_it_was(resumed: Resumed) -> None:
    assert {file: file.read_bytes() for file in resumed.files_before} == resumed.files_before
    assert {file.stem for file in resumed.study.glob("trials/*.parquet")} == {*ENDED, OPEN}


def test_a_store_of_two_versions_is_read_and_found_fine(resumed: Resumed) -> None:
    assert list(problems(study_paths(resumed.study))) == []
    study = open_study(resumed.study, strict=True)
    assert study.evaluations().groupby("trial_id")["accuracy"].max()[OPEN] > 0.5
    assert set(study.iterations()["trial_id"]) == {*ENDED, OPEN}


def test_how_it_was_launched_is_not_read_whatever_that_was(tmp_path: Path) -> None:
    study = unpacked(tmp_path)
    config = open_study(study).config
    asked = json.loads((study / "study.json").read_text())
    assert asked["config"].keys() & LaunchOptions.model_fields.keys()
    asked["config"] |= {"local": "x", "max_concurrent": -3}
    (study / "study.json").write_text(json.dumps(asked))
    assert open_study(study).config == config
