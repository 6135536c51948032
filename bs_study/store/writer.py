"""One attempt's parts, and the commit of a trial."""

from __future__ import annotations

import io
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from bs_study.config import TrialConfig
from bs_study.store.parts import Part, adopt, attempts, live_parts, read_part
from bs_study.store.paths import StudyPaths
from bs_study.store.schema import ITERATIONS, KEYS, ROW_TABLES, Table, column_encodings, table_schema


def encode(table: pa.Table) -> pa.Buffer:
    """Return a table as one complete Parquet file in memory."""
    sink = io.BytesIO()
    encodings = column_encodings(table.schema)
    pq.write_table(
        table,
        sink,
        compression="zstd",
        use_dictionary=[name for name in table.schema.names if name not in encodings],
        column_encoding=encodings,
    )
    return pa.py_buffer(sink.getbuffer())


class TrialWriter:
    """Collects the rows of one attempt of a trial, writes them in parts, and commits the trial at its end.

    Args:
        paths: the study that the trial belongs to.
        trial: what is trained; it gives the key columns of every row.
        metrics: the metric columns of evaluations, in order.
        adopted: parts of earlier attempts that this one continues from, in order.
    """

    def __init__(
        self, paths: StudyPaths, trial: TrialConfig, *, metrics: Sequence[str], adopted: Sequence[Part] = ()
    ) -> None:
        self._paths = paths
        self._trial = trial
        self._metrics = list(metrics)
        self.attempt = f"{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}-{uuid.uuid4().hex[:6]}"
        self.parts = list(adopted)
        self._last_iteration = 0
        self._columns: list[dict[str, npt.NDArray[Any]]] = []
        self._rows: dict[Table, list[dict[str, float]]] = {"epochs": [], "evaluations": []}
        adopt(paths, trial.trial_id, self.attempt, self.parts)

    def add_iterations(
        self, *, epoch: int, first_iteration: int, examples: npt.NDArray[Any], loss: npt.NDArray[Any]
    ) -> None:
        """Add iterations of one epoch, in order: examples seen by each and its loss, both of shape (iterations,)."""
        iteration = np.arange(first_iteration, first_iteration + len(loss))
        self._columns.append(
            {"epoch": np.full(len(loss), epoch), "iteration": iteration, "examples": examples, "loss": loss}
        )

    def add_epoch(self, **row: float) -> None:
        self._rows["epochs"].append(row)

    def add_evaluation(self, **row: float) -> None:
        self._rows["evaluations"].append(row)

    def write_part(self) -> None:
        """Write what was added since the last part. The iterations go last: with them the part is whole."""
        if not self._columns and not any(self._rows.values()):
            return
        tables = {table: self._collected(table) for table in ROW_TABLES}
        first = int(self._columns[0]["iteration"][0]) if self._columns else self._last_iteration + 1
        part = Part(self.attempt, first)
        folder = self._paths.live_trial(self._trial.trial_id)
        for table in reversed(ROW_TABLES):
            self._paths.write(f"{folder}/{part.file(table)}", encode(tables[table]))
        self.parts.append(part)
        self._forget_written()

    def _forget_written(self) -> None:
        if self._columns:
            self._last_iteration = int(self._columns[-1]["iteration"][-1])
        self._columns.clear()
        for rows in self._rows.values():
            rows.clear()

    def commit(self, outcome: Mapping[str, object]) -> None:
        """End the trial: one file per table at its final place, then its row in trials, then no live files.

        Args:
            outcome: the columns of the trials row that are not in the trial's config.
        """
        self.write_part()
        commit_trial(self._paths, self._trial, parts=self.parts, metrics=self._metrics, outcome=outcome)

    def _collected(self, table: Table) -> pa.Table:
        schema = table_schema(table, metrics=self._metrics)
        if table == "iterations":
            columns: dict[str, Any] = {name: _joined([c[name] for c in self._columns]) for name in ITERATIONS}
        else:
            rows = self._rows[table]
            columns = {name: [row[name] for row in rows] for name in schema.names if name not in KEYS}
        return _with_keys(columns, schema=schema, keys=key_values(self._paths, self._trial))


def key_values(paths: StudyPaths, trial: TrialConfig) -> dict[str, Any]:
    """Return the key columns' values of every row of a trial."""
    return {
        "study": paths.name,
        "trial_id": trial.trial_id,
        "batch_size": trial.batch_size,
        "lr": trial.lr,
        "seed": trial.seed,
    }


def _joined(arrays: Sequence[npt.NDArray[Any]]) -> npt.NDArray[Any]:
    return np.concatenate(arrays) if arrays else np.zeros(0)


def _with_keys(columns: Mapping[str, Any], *, schema: pa.Schema, keys: Mapping[str, Any]) -> pa.Table:
    count = len(next(iter(columns.values())))
    constant = {name: pa.repeat(pa.scalar(value, KEYS[name]), count) for name, value in keys.items()}
    return pa.table(
        [constant[f.name] if f.name in KEYS else pa.array(columns[f.name], f.type) for f in schema], schema=schema
    )


def commit_trial(
    paths: StudyPaths,
    trial: TrialConfig,
    *,
    parts: Sequence[Part],
    metrics: Sequence[str],
    outcome: Mapping[str, object],
) -> None:
    """Put an ended trial's parts and its row at their final place. A commit that was cut short can be done again."""
    trial_id = trial.trial_id
    for table in ROW_TABLES:
        whole = [table_schema(table, metrics=metrics).empty_table()]
        whole += [read_part(paths, trial_id, part, table) for part in parts]
        paths.write(paths.trial_file(table, trial_id), encode(pa.concat_tables(whole)))
    count = max(1, len(attempts(paths, trial_id)))
    row = trial.model_dump() | dict(outcome) | key_values(paths, trial) | {"attempts": count}
    table = pa.Table.from_pylist([row], schema=table_schema("trials"))
    paths.write(paths.trial_file("trials", trial_id), encode(table))
    paths.remove(paths.live_trial(trial_id))


def commit_failed(paths: StudyPaths, trial: TrialConfig, *, metrics: Sequence[str], message: str) -> None:
    """End a trial whose process can't: it failed for good, or is gone. What its newest attempt wrote is kept."""
    parts = live_parts(paths, trial.trial_id)
    last = read_part(paths, trial.trial_id, parts[-1], "iterations") if parts else None
    counted = {"iterations": last["iteration"][-1], "examples": last["examples"][-1]} if last else {}
    outcome = {"status": "failed", "stop_reason": "error", "message": message, "iterations": 0, "examples": 0}
    outcome |= {name: value.as_py() for name, value in counted.items()} | {"end_time": datetime.now(UTC)}
    commit_trial(paths, trial, parts=parts, metrics=metrics, outcome=outcome)
