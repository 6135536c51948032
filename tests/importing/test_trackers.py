"""Folders of TensorBoard and MLflow, read by their own readers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bs_study import import_runs
from bs_study.cli.main import main
from tests.grid_command import is_one_line_that_tells
from tests.importing.conftest import Import

COLUMNS = {"batch_size": "bs", "lr": "learning_rate", "iteration": "step", "loss": "val/loss"}
RUNS = {"first": (8, 0.1), "second": (16, 0.2)}


def checked(folder: Path, source: Path, **more: Any) -> None:
    study = import_runs(source, study="old", target="loss<=1", store=folder / "results", **more)
    trials = study.trials().sort_values("batch_size")
    assert trials[["batch_size", "lr", "iterations"]].to_numpy().tolist() == [[8, 0.1, 20], [16, 0.2, 20]]
    looks = study.evaluations(batch_size=8)
    assert looks["iteration"].tolist() == [10, 20]
    assert looks["loss"].tolist() == pytest.approx([1.5, 0.5])
    assert main(["check", study.paths.uri]) == 0


def scalars(place: Path, *, size: int | None = None, lr: float | None = None) -> None:
    writers = pytest.importorskip("tensorboardX")
    with writers.SummaryWriter(str(place)) as writer:
        for step, loss in ((10, 1.5), (20, 0.5)):
            writer.add_scalar("val/loss", loss, step)
        if size is not None:
            writer.add_hparams({"bs": size, "learning_rate": lr}, {"best": 0.5})


def test_event_files_with_hparams(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    for name, (size, lr) in RUNS.items():
        scalars(tmp_path / "logs" / name, size=size, lr=lr)
    checked(tmp_path, tmp_path / "logs", columns=COLUMNS)


def test_event_files_with_a_table_of_runs(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    for name in RUNS:
        scalars(tmp_path / "logs" / name)
    table = tmp_path / "runs.csv"
    table.write_text("run,bs,learning_rate\nfirst,8,0.1\nsecond,16,0.2\n")
    checked(tmp_path, tmp_path / "logs", columns=COLUMNS, runs=table)


def test_a_run_without_hparams_is_refused_with_what_would_do(
    folder: Path, imported: Import, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("tensorboard")
    scalars(folder / "logs" / "first")
    assert imported("logs", "--map", "iteration=step", "loss=val/loss") == 2
    assert is_one_line_that_tells(capsys.readouterr().err, ("batch_size", "logs/first", "--runs"))


def test_a_local_store_of_mlflow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    client = mlflow.MlflowClient(tracking_uri=(tmp_path / "mlruns").as_uri())
    experiment = client.create_experiment("sweep")
    for size, lr in RUNS.values():
        run = client.create_run(experiment).info.run_id
        client.log_param(run, "bs", size)
        client.log_param(run, "learning_rate", lr)
        for step, loss in ((10, 1.5), (20, 0.5)):
            client.log_metric(run, "val/loss", loss, step=step)
    client.create_run(experiment)  # as one that died before its first number
    checked(tmp_path, tmp_path / "mlruns", columns=COLUMNS)


def test_another_folder_is_refused(folder: Path, imported: Import, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "empty").mkdir()
    assert imported("empty") == 2
    assert is_one_line_that_tells(capsys.readouterr().err, ("empty", "TensorBoard", "MLflow", "CSV"))
