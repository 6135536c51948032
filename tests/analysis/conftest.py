"""Small stores, written by hand with pyarrow: what another writer of the contract would leave behind."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bs_study import Study, open_study
from bs_study.store.schema import KEYS, table_schema

FLOATS = ("lr", "momentum", "train_seconds", "compute_seconds", "load_seconds", "eval_seconds", "max_epochs")


@dataclass
class Trial:
    """What one trial wrote: its losses, rows of epochs and evaluations, and columns of its trials row."""

    batch_size: int
    lr: float
    seed: int = 0
    loss: Any = ()
    epochs: list[dict[str, Any]] = field(default_factory=list)
    evaluations: list[dict[str, Any]] = field(default_factory=list)
    columns: dict[str, Any] = field(default_factory=dict)

    @property
    def keys(self) -> dict[str, Any]:
        trial_id = f"b{self.batch_size}-lr{self.lr:g}-s{self.seed}"
        return {
            "study": "by-hand",
            "trial_id": trial_id,
            "batch_size": self.batch_size,
            "lr": self.lr,
            "seed": self.seed,
        }


def _write(folder: Path, trial: Trial, rows: list[dict[str, Any]], schema: pa.Schema) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    table = pa.Table.from_pylist([trial.keys | row for row in rows], schema=schema.remove_metadata())
    pq.write_table(table, folder / f"{trial.keys['trial_id']}.parquet")


def _trials_schema(trials: list[Trial]) -> pa.Schema:
    names = sorted({name for trial in trials for name in trial.columns} | {"status", "iterations", "examples"})
    texts = {"status", "stop_reason", "optimizer", "target", "message", "device_name"}
    types = {n: pa.string() if n in texts else pa.float64() if n in FLOATS else pa.int64() for n in names}
    keys = [field for field in table_schema("trials") if field.name in KEYS]
    return pa.schema([*keys, *types.items()])


def _trial_row(trial: Trial) -> dict[str, Any]:
    iterations = len(trial.loss)
    return {"status": "completed", "iterations": iterations, "examples": iterations * trial.batch_size} | trial.columns


@pytest.fixture(scope="session")
def write_study_in() -> Callable[..., Study]:
    def write(
        folder: Path, trials: list[Trial], *, config: dict[str, Any] | None = None, metrics: tuple[str, ...] = ()
    ) -> Study:
        asked = {} if config is None else {"config": config}
        (folder / "study.json").write_text(json.dumps(asked))
        evaluations = table_schema("evaluations", metrics=metrics)
        schema = _trials_schema(trials)
        for trial in trials:
            losses = np.asarray(trial.loss, float)
            iterations = [
                {"epoch": 1, "iteration": i + 1, "examples": (i + 1) * trial.batch_size, "loss": value}
                for i, value in enumerate(losses)
            ]
            _write(folder / "iterations", trial, iterations, table_schema("iterations"))
            _write(folder / "epochs", trial, trial.epochs, table_schema("epochs"))
            _write(folder / "evaluations", trial, trial.evaluations, evaluations)
            _write(folder / "trials", trial, [_trial_row(trial)], schema)
        return open_study(folder)

    return write


@pytest.fixture
def write_study(write_study_in: Callable[..., Study], tmp_path: Path) -> Callable[..., Study]:
    return partial(write_study_in, tmp_path)


@pytest.fixture(scope="session")
def trial() -> type[Trial]:
    return Trial
