"""The rows of one attempt of a trial, written in parts."""

from __future__ import annotations

import math
import os
import tempfile
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from bs_study.config import TrialConfig
from bs_study.store.commit import commit_trial, key_values
from bs_study.store.encoding import encode
from bs_study.store.parts import Part, adopt
from bs_study.store.paths import StudyPaths
from bs_study.store.schema import KEYS, ROW_TABLES, SPARSE_TABLES, Table, table_schema


class TrialWriter:
    """Collects the rows of one attempt of a trial, writes them in parts, and commits the trial at its end.

    Args:
        paths: the study that the trial belongs to.
        trial: what is trained; it gives the key columns of every row.
        metrics: the metric columns of evaluations, in order; none where they are only known once they are given.
        adopted: parts of earlier attempts that this one continues from, in order.
    """

    def __init__(
        self, paths: StudyPaths, trial: TrialConfig, *, metrics: Sequence[str], adopted: Sequence[Part] = ()
    ) -> None:
        self.paths = paths
        self._trial = trial
        self._metrics = list(metrics)
        self.attempt = f"{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}-{uuid.uuid4().hex[:6]}"
        self.parts: list[Part] = []
        self._columns: list[dict[str, npt.NDArray[Any]]] = []
        self._rows: dict[Table, list[dict[str, float | None]]] = {"epochs": [], "evaluations": [], "gradients": []}
        self.adopt(adopted)

    def adopt(self, parts: Sequence[Part]) -> None:
        """Continue from parts of earlier attempts, before anything is written."""
        self.parts = list(parts)
        adopt(self.paths, self._trial.trial_id, self.attempt, self.parts)

    def add_iterations(
        self,
        *,
        epoch: int,
        first_iteration: int,
        examples: npt.NDArray[Any],
        loss: npt.NDArray[Any],
        grad_norm2: npt.NDArray[Any] | None = None,
    ) -> None:
        """Add iterations of one epoch, in order: examples seen, loss and squared norm of the gradient of each.

        All are of shape (iterations,). A norm that is no number is null.
        """
        columns = {"iteration": np.arange(first_iteration, first_iteration + len(loss)), "examples": examples}
        norms = np.full(len(loss), np.nan) if grad_norm2 is None else grad_norm2
        self._columns.append({"epoch": np.full(len(loss), epoch), **columns, "loss": loss, "grad_norm2": norms})

    def add_reported(self, *, iteration: Sequence[int], examples: Sequence[int], loss: Sequence[float]) -> None:
        """Add iterations in order of which others may lie between, and of which no epoch is known."""
        columns = {"iteration": np.array(iteration), "examples": np.array(examples), "loss": np.array(loss)}
        unknown = {"epoch": np.full(len(loss), None), "grad_norm2": np.full(len(loss), np.nan)}
        self._columns.append(unknown | columns)

    def add_epoch(
        self, *, timed_iterations: float = math.nan, clipped_share: float | None = None, **row: float
    ) -> None:
        """Add an epoch. What isn't known, as a clock that covers none of its iterations, is NaN; the store has null."""
        row = {"timed_iterations": timed_iterations} | row
        self._rows["epochs"].append({**_without_nan(row), "clipped_share": clipped_share})

    def add_evaluation(self, /, *, timed_iterations: float = math.nan, **row: float) -> None:
        """Add an evaluation. A metric that is no number is null: DuckDB and Polars hold NaN to be above any target."""
        self._rows["evaluations"].append(_without_nan({"timed_iterations": timed_iterations} | row))

    def add_probe(self, /, **row: float | None) -> None:
        """Add a gradient probe. A number that is not known is NaN or None; the store has null."""
        self._rows["gradients"].append(_without_nan(row))

    def write_part(self) -> None:
        """Write what was added since the last part. The iterations go last: with them the part is whole."""
        first = self._first_iteration()
        if first is None:
            return
        has_rows = [table for table in ROW_TABLES if table not in SPARSE_TABLES or self._rows[table]]
        files = {table: encode(self._collected(table)) for table in has_rows}
        part = Part(self.attempt, first)
        folder = self.paths.live_trial(self._trial.trial_id)
        try:
            for table in reversed(files):
                self.paths.write(f"{folder}/{part.file(table)}", files[table])
        except OSError as error:
            kept = _keep_on_local_disk({f"{self._trial.trial_id}/{part.file(t)}": data for t, data in files.items()})
            raise OSError(error.errno, f"the store can't be written to ({error}); the rows since are {kept}") from error
        self.parts.append(part)
        self._columns.clear()
        for rows in self._rows.values():
            rows.clear()

    def _first_iteration(self) -> int | None:
        """Return the first iteration of the rows since the last part, above that of any before; None without rows."""
        firsts = [columns["iteration"][0] for columns in self._columns[:1]]
        firsts += [row["iteration"] for table in ("evaluations", "gradients") for row in self._rows[table][:1]]
        earlier = self.parts[-1].first_iteration if self.parts else 0
        return max(int(firsts[0] or 0), earlier + 1) if firsts else None

    def commit(self, outcome: Mapping[str, object]) -> None:
        """End the trial: one file per table at its final place, then its row in trials, then no live files.

        Args:
            outcome: the columns of the trials row that are not in the trial's config.
        """
        self.write_part()
        commit_trial(self.paths, self._trial, parts=self.parts, metrics=self._metrics, outcome=outcome)

    def _collected(self, table: Table) -> pa.Table:
        given = (name for row in self._rows["evaluations"] for name in row)
        metrics = self._metrics or [name for name in dict.fromkeys(given) if name not in _EVALUATION]
        schema = table_schema(table, metrics=metrics)
        names = [name for name in schema.names if name not in KEYS]
        if table == "iterations":
            columns: dict[str, Any] = {name: _concatenated([c[name] for c in self._columns]) for name in names}
        else:
            columns = {name: [row.get(name) for row in self._rows[table]] for name in names}
        return _with_keys(columns, schema=schema, keys=key_values(self.paths, self._trial))


NAN_IS_NULL = ("grad_norm2",)  # a loss of NaN is what it was
_EVALUATION = frozenset(table_schema("evaluations").names)


def _concatenated(arrays: Sequence[npt.NDArray[Any]]) -> npt.NDArray[Any]:
    return np.concatenate(arrays) if arrays else np.empty(0)


def _without_nan(row: Mapping[str, float | None]) -> dict[str, float | None]:
    return {name: None if value is None or math.isnan(value) else value for name, value in row.items()}


def _keep_on_local_disk(files: Mapping[str, pa.Buffer]) -> str:
    """Keep what the store does not take in the temporary folder of this machine; return where, in words."""
    try:
        folder = _unwritten(os.getpid())
        if not folder.is_dir():  # cleared away since, as temporary folders are
            _unwritten.cache_clear()
            folder = _unwritten(os.getpid())
        for name, data in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(data)
    except OSError as error:
        return f"lost, as {tempfile.gettempdir()} can't be written to either ({error.strerror})"
    return f"kept in {(folder / next(iter(files))).parent}"


@cache
def _unwritten(pid: int) -> Path:
    """Make the folder of a process for what the store does not take: nobody else can read or foresee it.

    Args:
        pid: of the process; one that was forked has a folder of its own.
    """
    return Path(tempfile.mkdtemp(prefix="bs_study-unwritten-"))


def _with_keys(columns: Mapping[str, Any], *, schema: pa.Schema, keys: Mapping[str, Any]) -> pa.Table:
    count = len(next(iter(columns.values())))
    constant = {name: pa.repeat(pa.scalar(value, schema.field(name).type), count) for name, value in keys.items()}
    return pa.table(
        [
            constant[f.name] if f.name in KEYS else pa.array(columns[f.name], f.type, from_pandas=f.name in NAN_IS_NULL)
            for f in schema
        ],
        schema=schema,
    )


def whole_tables(
    paths: StudyPaths,
    trial: TrialConfig,
    *,
    metrics: Sequence[str],
    iterations: Mapping[str, Any],
    evaluations: Mapping[str, Any],
) -> dict[Table, pa.Table]:
    """Return the tables of a trial whose rows are all at hand: a column that is not given is null.

    Args:
        metrics: the metric columns of evaluations, in order.
        iterations, evaluations: their columns, but for keys.
    """
    keys = key_values(paths, trial)
    given: dict[Table, Mapping[str, Any]] = {"iterations": iterations, "epochs": {}, "evaluations": evaluations}
    tables = {}
    for table, columns in given.items():
        schema = table_schema(table, metrics=metrics)
        rows = len(next(iter(columns.values()), ()))
        unknown = {name: [None] * rows for name in schema.names if name not in KEYS}
        tables[table] = _with_keys({**unknown, **columns}, schema=schema, keys=keys)
    return tables
