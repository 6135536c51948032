"""A trial's rows by hand, and a small store to read."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bs_study.config import StudyConfig, TrialConfig
from bs_study.grid import study_trials
from bs_study.store.paths import StudyPaths, study_paths
from bs_study.store.study_json import create_study
from bs_study.store.timings import write_timing
from bs_study.store.writer import TrialWriter

METRICS = ["accuracy", "loss"]


def _add_rows(writer: TrialWriter, *, first: int, count: int, epoch: int = 1, evaluated: bool = True) -> None:
    iteration = np.arange(first, first + count)
    writer.add_iterations(epoch=epoch, first_iteration=first, examples=4 * iteration, loss=np.float32(1) / iteration)
    last = first + count - 1
    seconds = {"load_seconds": 0.25 * epoch, "compute_seconds": 0.5 * epoch}
    writer.add_epoch(
        epoch=epoch, iterations=last, examples=4 * last, epoch_seconds=1.0 * epoch, peak_memory_bytes=2**20, **seconds
    )
    moments = {"g2": 0.5, "tr_sigma": 2.0 * epoch, "chunk": 8, "chunks": 8, "by_batch": False}
    where = {"epoch": epoch - 0.5, "iteration": first, "examples": 4 * first}
    writer.add_probe(**where, **moments, cos_next=math.nan, step_lr=0.02, probe_seconds=0.1)
    if evaluated:
        writer.add_evaluation(
            epoch=float(epoch), iteration=last, examples=4 * last, train_seconds=1.0 * epoch, eval_seconds=0.1,
            accuracy=0.5, loss=1.5, **seconds,
        )  # fmt: skip


def _outcome(**changes: Any) -> dict[str, Any]:
    now = datetime(2024, 5, 1, 12, tzinfo=UTC)
    return {"status": "completed", "stop_reason": "max_iterations", "start_time": now, "end_time": now} | changes


@pytest.fixture
def add_rows() -> Callable[..., None]:
    """Add iterations first, first + 1, ... with loss 1/iteration, an epoch row and an evaluation to a writer."""
    return _add_rows


@pytest.fixture
def outcome() -> Callable[..., dict[str, Any]]:
    return _outcome


@pytest.fixture
def trial() -> TrialConfig:
    return TrialConfig(batch_size=4, lr=0.02, seed=1, max_iterations=10)


@pytest.fixture
def writer(paths: StudyPaths, trial: TrialConfig) -> TrialWriter:
    return TrialWriter(paths, trial, metrics=METRICS)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with the study `toy`: batch sizes 4 and 16, lrs 0.02 and 0.5; of 10 iterations each.

    The trial of batch size 16 and lr 0.5 diverged at its third iteration, before any evaluation or epoch row.
    """
    store = tmp_path_factory.mktemp("store")
    paths = study_paths(store / "toy")
    config = StudyConfig(batch_sizes=(4, 16), lrs=(0.02, 0.5), max_iterations=10)
    create_study(paths, config, metrics=METRICS, train_examples=20)
    for trial in study_trials(config):
        writer = TrialWriter(paths, trial, metrics=METRICS)
        if (trial.batch_size, trial.lr) == (16, 0.5):
            losses = np.array([1, 5, np.inf])
            writer.add_iterations(epoch=1, first_iteration=1, examples=16 * np.arange(1, 4), loss=losses)
            writer.commit(_outcome(status="diverged", stop_reason="non_finite", message="loss inf at iteration 3"))
        else:
            _add_rows(writer, first=1, count=5, epoch=1)
            writer.write_part()
            _add_rows(writer, first=6, count=5, epoch=2)
            writer.commit(_outcome(iterations=10, examples=40))
    for size, status in ((4, "completed"), (16, "out_of_memory")):
        trial = study_trials(config)[0].model_copy(update={"batch_size": size})
        write_timing(paths, f"timing-b{size}-3f9a2c", trial, timing(status))
    return store


def timing(status: str) -> dict[str, Any]:
    """Return the columns of a timing: what does not fit has no times."""
    where = {"status": status, "device": "cpu", "device_name": "an abacus", "threads": 1}
    if status != "completed":
        return where | {"message": "does not fit"}
    seconds = {"iteration_seconds": 0.01, "iteration_seconds_low": 0.01, "iteration_seconds_high": 0.012}
    return where | seconds | {
        "repeats": 3, "iterations": 10, "iteration_seconds_spread": 0.2, "load_seconds": 0.0, "compute_seconds": 0.009,
        "examples_per_second": 400.0,
    }  # fmt: skip
