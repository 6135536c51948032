"""Folders of TensorBoard and MLflow, read by their own readers."""

from __future__ import annotations

import math
import sqlite3
import time
from contextlib import closing
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


def test_the_database_of_mlflow(tmp_path: Path) -> None:
    mlflow = pytest.importorskip("mlflow")
    pytest.importorskip("sqlalchemy")
    file = tmp_path / "mlflow.db"
    client = mlflow.MlflowClient(tracking_uri=f"sqlite:///{file}")
    experiment = client.create_experiment("sweep")
    for size, lr in RUNS.values():
        run = client.create_run(experiment, start_time=1_000_000).info.run_id
        client.log_param(run, "bs", size)
        client.log_param(run, "learning_rate", lr)
        for step, loss in ((10, 1.5), (20, 0.5)):
            client.log_metric(run, "val/loss", loss, step=step, timestamp=1_000_000 + 500 * step)
    client.delete_run(client.create_run(experiment).info.run_id)
    diverged = client.create_run(experiment).info.run_id
    for name, value in (("bs", 32), ("learning_rate", 0.1)):
        client.log_param(diverged, name, value)
    client.log_metric(diverged, "val/loss", math.inf, step=5)
    study = import_runs(
        file, study="old", target="loss<=1", columns=COLUMNS | {"seconds": "wall_time"}, store=tmp_path / "results"
    )
    looks = study.evaluations(batch_size=8)
    assert looks[["iteration", "loss", "train_seconds"]].to_numpy().tolist() == [[10, 1.5, 5.0], [20, 0.5, 10.0]]
    assert study.trials().set_index("batch_size")["status"].to_dict() == {
        8: "completed",
        16: "completed",
        32: "diverged",
    }


def test_a_database_of_something_else_is_refused_and_stays_as_it_is(
    folder: Path, imported: Import, capsys: pytest.CaptureFixture[str]
) -> None:
    with closing(sqlite3.connect(folder / "other.db")) as database:
        database.execute("CREATE TABLE mine (a)")
        database.commit()
    before = (folder / "other.db").read_bytes()
    assert imported("other.db") == 2
    assert is_one_line_that_tells(capsys.readouterr().err, ("other.db", "mlflow.db"))
    assert (folder / "other.db").read_bytes() == before


def test_the_time_before_the_first_number_counts(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    writers = pytest.importorskip("tensorboardX")
    with writers.SummaryWriter(str(tmp_path / "logs" / "first")) as writer:
        for step, loss in ((10, 1.5), (20, 0.5)):
            writer.add_scalar("val/loss", loss, step, walltime=time.time() + 60 * step)
        writer.add_hparams({"bs": 8, "learning_rate": 0.1}, {"best": 0.5})
    columns = COLUMNS | {"seconds": "wall_time"}
    study = import_runs(tmp_path / "logs", study="old", target="loss<=1", columns=columns, store=tmp_path / "results")
    assert study.evaluations()["train_seconds"].tolist() == pytest.approx([600, 1200], abs=30)


def test_two_numbers_of_one_step_are_refused_only_where_they_are_read(
    folder: Path, imported: Import, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("tensorboard")
    writers = pytest.importorskip("tensorboardX")
    for name, tags in (("read", ["val/loss"] * 2), ("unread", ["val/loss", "other", "other"])):
        with writers.SummaryWriter(str(folder / name / "a")) as writer:
            for at, tag in enumerate(tags):
                writer.add_scalar(tag, 0.5 + at, 10)
            writer.add_hparams({"batch_size": 8, "lr": 0.1}, {"best": 0.5})
    words = ("--map", "iteration=step", "loss=val/loss")
    assert imported("read", *words) == 2
    assert is_one_line_that_tells(capsys.readouterr().err, ("loss", "two values", "step 10"))
    assert imported("unread", *words) == 0


def test_another_folder_is_refused(folder: Path, imported: Import, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "empty").mkdir()
    assert imported("empty") == 2
    assert is_one_line_that_tells(capsys.readouterr().err, ("empty", "TensorBoard", "MLflow", "CSV"))


def test_files_of_trackers_that_are_not_read_are_told_what_to_do(
    folder: Path, imported: Import, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "wandb/run-1").mkdir(parents=True)
    for place in ("wandb/run-1/run-1.wandb", "events.out.tfevents.1.vm.6"):
        (folder / place).touch()
    for place, told in (
        ("wandb", "export"),
        ("wandb/run-1/run-1.wandb", "export"),
        ("events.out.tfevents.1.vm.6", "folder"),
    ):
        assert imported(place) == 2
        assert is_one_line_that_tells(capsys.readouterr().err, (place, told))
