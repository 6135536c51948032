"""What is wrong with one file by itself: bytes, version, columns, types, nulls, keys."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from bs_study.store.faults import DAMAGE, reason, schema_fault, schema_version
from bs_study.store.paths import StudyPaths
from bs_study.store.schema import KEYS, LATER_COLUMNS, ROW_TABLES, Table, table_schema

OPTIONAL = (
    "epoch",  # of a function whose epochs are not known
    *("clipped_share", "peak_memory_bytes", "timed_iterations", "grad_norm2"),
    *("g2", "tr_sigma", "g2_scaled", "tr_sigma_scaled", "cos_next", "batch_sharpness"),
    *("epoch_seconds", "train_seconds", "load_seconds", "compute_seconds"),  # where they cover no iteration: see `rows`
)
"""Columns of a trial's rows that may be null."""
IMPORTED = ("epoch", "eval_seconds")
"""Those that may be null in runs that were made elsewhere, too."""


@dataclass(frozen=True)
class FileCheck:
    """Reads files of a study and keeps what is wrong with them.

    Args:
        paths: the study.
        names: those that the column `study` may say; None if that is not known.
        metrics: the metrics that evaluations must have; None if that is not known.
        of_versions: those of each version of workload and data that study.json tells of.
        is_imported: whether the runs were made elsewhere, and tell less.
    """

    paths: StudyPaths
    names: Collection[str] | None = None
    metrics: Collection[str] | None = None
    of_versions: Mapping[int, Collection[str] | None] = field(default_factory=dict)
    is_imported: bool = False
    found: list[str] = field(default_factory=list)

    def at_version(self, version: int | None) -> FileCheck:
        """Return the same for the files of a trial of a version of workload and data."""
        return replace(self, metrics=self.of_versions.get(version or 1, self.metrics))

    def take(self) -> list[str]:
        """Return what was found since the last call."""
        found = list(self.found)
        self.found.clear()
        return found

    def report(self, file: str, problem: str) -> None:
        """Keep a problem of a file, which is named from the study's folder on."""
        self.found.append(f"{file.removeprefix(self.paths.root + '/')}: {problem}")

    def read(self, file: str, table: Table, keys: Mapping[str, Any]) -> pa.Table | None:
        """Return the rows of a file without their keys, which must all be these; None where it can't be used.

        Raises:
            FileNotFoundError: the file is gone.
            OSError: an object store does not answer.
        """
        try:
            # The bytes first: what fails after that is the file's fault, not the store's.
            content = self.paths.read(file)
            schema = pq.read_schema(pa.BufferReader(content))
            fault = schema_fault(schema, table)
            rows = None if fault else _rows(content)
        except FileNotFoundError:
            raise
        except DAMAGE as error:
            if isinstance(error, OSError) and not self.paths.is_local:
                raise
            self.report(file, f"it can't be read ({reason(error)})")
            return None
        if rows is None:
            self.report(file, str(fault))
            return None
        for problem in (
            *self._schema_problems(schema, table),
            *self._nulls(rows, table),
            *self._key_problems(rows, keys),
        ):
            self.report(file, problem)
        return rows.drop_columns(list(KEYS))

    def _schema_problems(self, schema: pa.Schema, table: Table) -> Iterator[str]:
        if schema_version(schema) is None:
            yield "it names no schema version"
        metrics = self.metrics
        if metrics is None:
            metrics = [name for name in schema.names if name not in table_schema("evaluations").names]
        contract = table_schema(table, metrics=metrics)
        for name in schema.names:
            if name not in contract.names:
                yield f"its column {name!r} is not in the contract"
        for wanted in contract:
            if wanted.name not in schema.names:
                if wanted.name not in LATER_COLUMNS.get(table, ()):
                    yield f"it has no column {wanted.name!r}"
            elif schema.field(wanted.name).type != wanted.type:
                yield f"its column {wanted.name!r} is {schema.field(wanted.name).type}, not {wanted.type}"

    def _key_problems(self, rows: pa.Table, keys: Mapping[str, Any]) -> Iterator[str]:
        study = {} if self.names is None else {"study": self.names}
        for name, values in (study | {name: {value} for name, value in keys.items()}).items():
            others = [found for found in pc.unique(rows[name]).to_pylist() if found not in values]
            if others:
                yield f"its column {name!r} says {others[0]!r}, not {' or '.join(map(repr, sorted(values)))}"

    def _nulls(self, rows: pa.Table, table: Table) -> Iterator[str]:
        if table in ROW_TABLES:
            optional = (*OPTIONAL, *(IMPORTED if self.is_imported else ()))
            contract = table_schema(table).names  # a metric, which is not in it, is null where it was no number
            for name in (name for name in contract if name not in optional and rows[name].null_count):
                yield f"its column {name!r} has {rows[name].null_count} nulls"


def _rows(content: bytes) -> pa.Table:
    # Texts as dictionaries: each is one value again and again.
    rows = pq.read_table(
        pa.BufferReader(content), read_dictionary=["study", "trial_id"], page_checksum_verification=True
    )
    rows.validate(full=True)
    return rows
