"""MLflow holds a run of the study with the answer, and within it a run for each trial."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bs_study.config import LaunchOptions
from bs_study.launch.trackers.chosen import chosen_trackers
from bs_study.launch.trackers.mlflow import MLflow
from bs_study.store.paths import StudyPaths, study_paths
from tests.launch.trackers.told import ANSWER, LABELS, LOSS, RUN, TRIAL, tell

mlflow = pytest.importorskip("mlflow")


@pytest.fixture(autouse=True)
def _nothing_is_set(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "x")  # so that it is taken back after the test
    for name in ("MLFLOW_ALLOW_FILE_STORE", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)
    yield
    mlflow.set_tracking_uri(None)


def told_runs(folder: Path, study: str) -> tuple[Any, dict[str, Any]]:
    client = mlflow.MlflowClient(tracking_uri=folder.as_uri())
    experiment = client.get_experiment_by_name(f"bs_study-{study}")
    runs = client.search_runs([experiment.experiment_id])
    return client, {run.info.run_name + f"-{run.data.tags.get('seed', '')}": run for run in runs}


def test_files_in_the_studys_folder_hold_config_numbers_labels_and_the_answer(
    paths: StudyPaths, capfd: pytest.CaptureFixture[str], recwarn: pytest.WarningsRecorder
) -> None:
    (tracker,) = chosen_trackers(LaunchOptions(mlflow=True), paths)
    assert not Path(paths.root).exists()  # a study that can't begin leaves nothing
    tell(tracker)
    client, runs = told_runs(Path(paths.root, "mlruns"), paths.name)
    study, run = runs["study-"], runs[f"{TRIAL.trial_id}-0"]
    assert run.data.params["batch_size"] == "4"
    assert run.data.tags.items() >= (LABELS | {"status": "completed", "stop_reason": "max_iterations"}).items()
    assert run.data.tags["mlflow.parentRunId"] == study.info.run_id
    assert {m.step: m.value for m in client.get_metric_history(run.info.run_id, "loss")} == LOSS
    assert [m.step for m in client.get_metric_history(run.info.run_id, "running/loss")] == [15]
    assert study.data.tags.items() >= {name: str(value) for name, value in ANSWER.items()}.items()
    assert study.data.params.items() >= {"best_batch_size": "4", "best_lr": "0.1", "grade": "leaning"}.items()
    other = next(one for name, one in runs.items() if name.endswith("-1"))
    assert [one.info.status for one in (run, study, other)] == ["FINISHED", "FINISHED", "KILLED"]
    assert capfd.readouterr() == ("", "")
    assert len(recwarn) == 0


def test_metrics_may_have_any_name_and_be_many(tmp_path: Path) -> None:
    tracker = MLflow("study", tmp_path / "a folder")
    tracker.log(RUN, [(i, {"top-5 (%)": float(i), "é": 1.0}) for i in range(1200)])
    client, runs = told_runs(tmp_path / "a folder", "study")
    (run,) = (run for name, run in runs.items() if name != "study-")
    assert len(client.get_metric_history(run.info.run_id, "top-5 ___")) == 1200


def test_a_server_of_ones_own_is_used_instead(paths: StudyPaths, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    mlflow.set_tracking_uri((tmp_path / "mine").as_uri())
    (tracker,) = chosen_trackers(LaunchOptions(mlflow=True), paths)
    tell(tracker)
    assert len(told_runs(tmp_path / "mine", paths.name)[1]) == 3
    assert not Path(paths.root, "mlruns").exists()


def test_an_address_that_mlflow_can_not_use_is_refused_with_all_that_it_says(paths: StudyPaths) -> None:
    mlflow.set_tracking_uri("ftp://example.org")
    with pytest.raises(mlflow.exceptions.MlflowException) as said:
        mlflow.MlflowClient()
    with pytest.raises(ValueError, match=r"^mlflow: .* Set MLFLOW_TRACKING_URI to your server") as caught:
        chosen_trackers(LaunchOptions(mlflow=True), paths)
    assert re.sub(r"\s+", " ", str(said.value)).strip().rstrip(".") in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_files_of_a_study_in_a_bucket_lie_at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tracker,) = chosen_trackers(LaunchOptions(mlflow=True), study_paths("s3://bucket/study?region=us-east-1"))
    tell(tracker)
    assert len(told_runs(tmp_path / "bs_study" / "study" / "mlruns", "study")[1]) == 3


@pytest.mark.parametrize("is_listening", [False, True])
def test_a_server_that_does_not_answer_is_told_at_once_and_left_out(
    paths: StudyPaths, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], is_listening: bool
) -> None:
    monkeypatch.setattr("bs_study.launch.trackers.mlflow.LOOK_SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"http://127.0.0.1:{server.getsockname()[1]}"
        if not is_listening:
            server.close()
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
        start = time.monotonic()
        assert chosen_trackers(LaunchOptions(mlflow=True), paths) == []
    assert time.monotonic() - start < 5
    (line,) = capsys.readouterr().err.splitlines()
    assert f"warning: mlflow: nothing answers at {address} (" in line
    assert "set MLFLOW_TRACKING_URI" in line
