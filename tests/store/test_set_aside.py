"""What is set aside is kept, on any file system, and no reader sees it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from pyarrow import fs as pafs

from bs_study import StudyConfig
from bs_study.config import TrialConfig
from bs_study.store.commit import commit_failed, trial_row
from bs_study.store.paths import StudyPaths
from bs_study.store.reader import Study
from bs_study.store.set_aside import set_all_aside, set_unfit_aside
from bs_study.store.study_json import create_study, read_asked
from bs_study.store.versions import add_version, known_versions, metrics_of
from bs_study.store.writer import TrialWriter

METRICS = ["accuracy", "loss"]
DATA = {name: {"examples": 20, "parts": []} for name in ("train", "held_out")}
CONFIG = StudyConfig(batch_sizes=(4,), lrs=(0.02,), seeds=(1,), max_iterations=10)
Rows = Callable[..., None]


@pytest.fixture(params=["local", "as-an-object-store"])
def study_at(request: pytest.FixtureRequest, tmp_path: Path) -> StudyPaths:
    """A study on a local disk, or where folders can't be renamed."""
    if request.param == "local":
        return StudyPaths(pafs.LocalFileSystem(), str(tmp_path / "toy"), "toy")
    for folder in ("live/b4/1", "set_aside/b4-v1/1"):
        (tmp_path / "toy" / folder).mkdir(parents=True)  # an object store has no folders to be made
    return StudyPaths(pafs.SubTreeFileSystem(str(tmp_path), pafs.LocalFileSystem()), "toy", "toy", patience_seconds=0)


def test_the_parts_of_unfinished_trials_move_whole_and_those_of_others_stay(
    study_at: StudyPaths, tmp_path: Path
) -> None:
    for trial in ("b4", "b8"):
        (tmp_path / "toy" / "live" / trial / "1").mkdir(parents=True, exist_ok=True)
        for name in ("checkpoint.pt", "iterations-000000000001.parquet"):
            (tmp_path / "toy" / "live" / trial / "1" / name).write_text(trial)
    assert set_all_aside(study_at, version=1, but={"b8"}) == ["b4"]
    moved = tmp_path / "toy" / "set_aside" / "b4-v1" / "1"
    assert sorted(file.name for file in moved.iterdir()) == ["checkpoint.pt", "iterations-000000000001.parquet"]
    assert [folder.name for folder in (tmp_path / "toy" / "live").iterdir()] == ["b8"]


def test_parts_with_another_metric_are_set_aside_and_those_that_fit_are_not(
    paths: StudyPaths, writer: TrialWriter, trial: TrialConfig, add_rows: Rows
) -> None:
    add_rows(writer, first=1, count=5)
    writer.write_part()
    assert set_unfit_aside(paths, trial.trial_id, metrics=("accuracy", "loss"), version=1) is None
    assert len(Study(paths, live=True).iterations()) == 5
    told = set_unfit_aside(paths, trial.trial_id, metrics=("accuracy", "loss", "f1"), version=1)
    assert told
    assert f"set_aside/{trial.trial_id}-v1" in told
    assert Study(paths, live=True).iterations().empty


def test_a_trial_whose_parts_do_not_fit_ends_as_failed_without_them(
    paths: StudyPaths, writer: TrialWriter, trial: TrialConfig, add_rows: Rows
) -> None:
    create_study(paths, CONFIG, metrics=METRICS, train_examples=20)
    add_rows(writer, first=1, count=5)
    writer.write_part()
    metrics = [*METRICS, "f1"]
    commit_failed(paths, trial, metrics=metrics, message="the worker died", workload_version=2)
    row = trial_row(paths, trial)
    assert row
    assert (row["status"], row["iterations"], row["workload_version"]) == ("failed", 0, 2)
    assert "f1" in pq.read_schema(paths.trial_file("evaluations", trial.trial_id)).names


def test_study_json_tells_of_each_version_and_its_metrics(paths: StudyPaths) -> None:
    create_study(paths, CONFIG, metrics=METRICS, train_examples=40)
    seen = read_asked(paths)
    version = {"version": 2, "source": {"task.py": "a"}, "data": DATA, "metrics": [*METRICS, "f1"]}
    add_version(paths, version, seen=seen)
    asked = read_asked(paths)
    assert [(one["version"], one["metrics"]) for one in known_versions(asked)] == [(1, METRICS), (2, [*METRICS, "f1"])]
    assert known_versions(asked)[0]["since"] == seen["created"]
    assert (metrics_of(asked, 1), metrics_of(asked, 2)) == (tuple(METRICS), (*METRICS, "f1"))
    assert (asked["metrics"], asked["train_examples"]) == ([*METRICS, "f1"], 20)
    with pytest.raises(ValueError, match="changed by another process"):
        add_version(paths, version, seen=seen)
