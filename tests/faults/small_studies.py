"""Studies of a few rows whose every number is known, to be damaged."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from bs_study.config import StudyConfig, TrialConfig
from bs_study.grid import study_trials
from bs_study.store.paths import StudyPaths, study_paths
from bs_study.store.schema import Table
from bs_study.store.study_json import create_study
from bs_study.store.writer import TrialWriter

METRICS = ["accuracy", "loss"]
TABLES: tuple[Table, ...] = ("iterations", "epochs", "evaluations", "trials")
ROWS = {"iterations": 20, "epochs": 4, "evaluations": 4, "trials": 2}  # of small_study, per table
PER_TRIAL = {table: count // 2 for table, count in ROWS.items()}


def small_study(folder: Path | str, *, metrics: list[str] = METRICS, message: str | None = None) -> StudyPaths:
    """Write a study of two ended trials, each of 10 iterations in two epochs, with an evaluation after each."""
    paths, trials = empty_study(folder, metrics=metrics)
    for trial in trials:
        end_trial(paths, trial, metrics=metrics, message=message)
    return paths


def empty_study(
    folder: Path | str, *, metrics: list[str] = METRICS, seeds: tuple[int, ...] = (0, 1)
) -> tuple[StudyPaths, list[TrialConfig]]:
    paths = study_paths(folder)
    config = StudyConfig(batch_sizes=(4,), lrs=(0.02,), seeds=seeds, max_iterations=10)
    create_study(paths, config, metrics=metrics, train_examples=20)
    return paths, study_trials(config)


def end_trial(
    paths: StudyPaths, trial: TrialConfig, *, metrics: list[str] = METRICS, message: str | None = None
) -> None:
    writer = TrialWriter(paths, trial, metrics=metrics)
    add_epoch(writer, 1, metrics=metrics)
    writer.write_part()
    add_epoch(writer, 2, metrics=metrics)
    writer.commit(outcome(message=message))


def run_trial(paths: StudyPaths, trial: TrialConfig, *, epochs: int = 2) -> TrialWriter:
    """Write so many parts, of an epoch of 5 iterations each, and leave the trial unfinished."""
    writer = TrialWriter(paths, trial, metrics=METRICS)
    for epoch in range(1, epochs + 1):
        add_epoch(writer, epoch)
        writer.write_part()
    return writer


def add_epoch(writer: TrialWriter, epoch: int, *, metrics: list[str] = METRICS, probes: int = 1) -> None:
    iteration = np.arange(5 * epoch - 4, 5 * epoch + 1)
    writer.add_iterations(
        epoch=epoch, first_iteration=int(iteration[0]), examples=4 * iteration, loss=np.float32(1) / iteration
    )
    counts = {"examples": 20 * epoch}
    for probed in iteration[:probes].tolist():
        writer.add_probe(
            epoch=epoch - 0.8, iteration=probed, examples=4 * probed, g2=1.0, tr_sigma=2.0,
            cos_next=0.5, step_lr=0.1, chunk=8, chunks=8, by_batch=False, probe_seconds=0.1,
        )  # fmt: skip
    writer.add_epoch(
        epoch=epoch, iterations=5 * epoch, timed_iterations=5, epoch_seconds=1.0, load_seconds=0.25,
        compute_seconds=0.5, peak_memory_bytes=2**20, **counts,
    )  # fmt: skip
    writer.add_evaluation(
        epoch=float(epoch), iteration=5 * epoch, train_seconds=1.0 * epoch, load_seconds=0.25 * epoch,
        compute_seconds=0.5 * epoch, eval_seconds=0.1, **counts, **dict.fromkeys(metrics, 0.5),
    )  # fmt: skip


def outcome(**changes: object) -> dict[str, object]:
    now = datetime(2024, 5, 1, 12, tzinfo=UTC)
    return {
        "status": "completed",
        "stop_reason": "max_iterations",
        "iterations": 10,
        "examples": 40,
        "train_seconds": 2.0,
        "load_seconds": 0.5,
        "compute_seconds": 1.0,
        "probes": 2,
        "start_time": now,
        "end_time": now,
    } | changes


def trial_files(paths: StudyPaths, table: Table) -> list[Path]:
    return sorted(Path(paths.table(table)).iterdir())


def rewrite(file: Path, change: pa.Table) -> None:
    """Put a table in a file's place; the schema's metadata is kept unless the table brings its own."""
    metadata = change.schema.metadata or pq.read_schema(file).metadata
    pq.write_table(change.replace_schema_metadata(metadata), file)


def set_column(file: Path, column: str, values: Sequence[object]) -> None:
    """Overwrite a column's values, as a writer with an error would have written them."""
    rows = pq.read_table(file)
    place = rows.schema.get_field_index(column)
    rewrite(file, rows.set_column(place, rows.schema.field(column), pa.array(values, rows.schema.field(column).type)))
