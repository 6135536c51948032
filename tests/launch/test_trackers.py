"""Trackers are handed every evaluation, and their trouble is not the study's."""

from __future__ import annotations

import importlib
import threading
import time
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from bs_study.config import LaunchOptions, TrialConfig
from bs_study.launch.trackers import TrackedWatcher, chosen_trackers
from bs_study.store.paths import StudyPaths, study_paths
from bs_study.store.reader import Study
from bs_study.training.progress import Ending, Progress

TRIAL = TrialConfig(batch_size=4, lr=0.1, seed=0, max_iterations=20)
ENDING = Ending("completed", "max_iterations")


@pytest.fixture
def evaluations() -> pd.DataFrame:
    keys: dict[str, Any] = {"study": "s", "trial_id": TRIAL.trial_id, "batch_size": 4, "lr": 0.1, "seed": 0}
    return pd.DataFrame([keys | {"iteration": i, "epoch": i / 10, "loss": 1 / i} for i in (10, 20)])


def test_no_tracker_is_on_by_default(paths: StudyPaths) -> None:
    assert chosen_trackers(LaunchOptions(), paths) == []


def test_a_tracker_that_is_not_installed_is_refused_with_its_install_command(
    paths: StudyPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bs_study.launch.trackers.find_spec", lambda name: None)
    with pytest.raises(ValueError, match="pip install mlflow"):
        chosen_trackers(LaunchOptions(mlflow=True), paths)


def test_tensorboard_files_hold_each_evaluation_under_its_iteration(
    paths: StudyPaths, evaluations: pd.DataFrame
) -> None:
    (track,) = chosen_trackers(LaunchOptions(tensorboard=True), paths)
    track(TRIAL, ENDING, evaluations)
    (file,) = Path(paths.root, "tensorboard", TRIAL.trial_id).iterdir()
    events = _tensorboard_scalars(file)
    assert events["loss"] == pytest.approx({10: 0.1, 20: 0.05})


def _tensorboard_scalars(file: Path) -> dict[str, dict[int, float]]:
    """Read an event file: records of an 8-byte length, its checksum, a protocol buffer and its checksum."""
    event_pb2 = importlib.import_module("tensorboardX.proto.event_pb2")
    data, scalars = file.read_bytes(), {}
    while data:
        length = int.from_bytes(data[:8], "little")
        event = event_pb2.Event.FromString(data[12 : 12 + length])
        for value in event.summary.value:
            scalars.setdefault(value.tag, {})[event.step] = value.simple_value
        data = data[16 + length :]
    return scalars


def test_wandb_writes_an_offline_run_for_each_trial(
    paths: StudyPaths, evaluations: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))
    (track,) = chosen_trackers(LaunchOptions(wandb=True), paths)
    track(TRIAL, ENDING, evaluations)
    (file,) = tmp_path.glob("wandb/offline-run-*/*.wandb")
    deadline = time.monotonic() + 20  # its own process writes the file, a while after the run's end
    while TRIAL.trial_id.encode() not in file.read_bytes():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_mlflow_holds_the_config_and_each_evaluation(
    paths: StudyPaths, evaluations: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    mlflow.set_tracking_uri((tmp_path / "mlruns").as_uri())
    (track,) = chosen_trackers(LaunchOptions(mlflow=True), paths)
    track(TRIAL, ENDING, evaluations)
    client = mlflow.MlflowClient()
    (run,) = client.search_runs([client.get_experiment_by_name(f"bs_study-{paths.name}").experiment_id])
    assert run.data.params["batch_size"] == "4"
    assert [(m.step, m.value) for m in client.get_metric_history(run.info.run_id, "loss")] == [(10, 0.1), (20, 0.05)]


def test_mlflow_without_a_place_to_write_to_is_refused_with_what_to_set(
    paths: StudyPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.delenv("MLFLOW_ALLOW_FILE_STORE", raising=False)
    mlflow.set_tracking_uri("file:///nowhere")
    with pytest.raises(ValueError, match=r"mlflow: .* Set MLFLOW_TRACKING_URI"):
        chosen_trackers(LaunchOptions(mlflow=True), paths)


class Silent:
    """A watcher that counts what it is told."""

    def __init__(self) -> None:
        self.told = 0

    def started(self, trial: TrialConfig) -> None:
        self.told += 1

    def progressed(self, trial: TrialConfig, progress: Progress) -> None:
        self.told += 1

    def ended(self, trial: TrialConfig, ending: Ending) -> None:
        self.told += 1


def test_what_a_tracker_raises_is_said_once_and_the_watcher_is_told_all_the_same(
    paths: StudyPaths, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(*_: object) -> None:
        raise RuntimeError("no quota left")

    watcher = Silent()
    with TrackedWatcher(watcher, [fails], Study(paths)) as tracked:
        tracked.started(TRIAL)
        tracked.ended(TRIAL, ENDING)
        tracked.ended(TRIAL, ENDING)
    assert watcher.told == 3
    assert tracked.trackers == []
    assert capsys.readouterr().err.count("no quota left") == 1


def test_a_tracker_that_hangs_holds_up_neither_the_trials_nor_the_end(
    paths: StudyPaths, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("bs_study.launch.trackers.LAST_SECONDS", 0.1)
    answers = threading.Event()
    watcher = Silent()
    with TrackedWatcher(watcher, [lambda *_: answers.wait(60)], Study(paths)) as tracked:
        tracked.ended(TRIAL, ENDING)
        tracked.ended(TRIAL, ENDING)
        assert watcher.told == 2
    answers.set()
    assert "not taken within 100 ms" in capsys.readouterr().err


def test_tensorboard_files_of_a_study_in_a_bucket_lie_at_home(
    evaluations: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (track,) = chosen_trackers(LaunchOptions(tensorboard=True), study_paths("s3://bucket/study?region=us-east-1"))
    track(TRIAL, ENDING, evaluations)
    assert list((tmp_path / "bs_study" / "study" / "tensorboard").iterdir())
