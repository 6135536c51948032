"""Rows that are kept beside the report so that they need not be made again: never needed, and never an error."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from bs_study.store.encoding import encode
from bs_study.store.faults import DAMAGE
from bs_study.store.paths import StudyPaths

VERSION = b"bs_study.kept_version"


def read_kept(paths: StudyPaths, name: str, *, version: str) -> list[dict[str, Any]]:
    """Return the rows kept under a name; none where there are none, of this version, that can be read."""
    with contextlib.suppress(*DAMAGE):
        rows = pq.read_table(pa.BufferReader(paths.read(_file(paths, name))))
        if (rows.schema.metadata or {}).get(VERSION) == version.encode():
            found: list[dict[str, Any]] = rows.to_pylist()
            return found
    return []


def write_kept(paths: StudyPaths, name: str, rows: Sequence[Mapping[str, Any]], *, version: str) -> None:
    """Keep rows under a name, in the place of earlier ones, where the store can be written to."""
    table = pa.Table.from_pylist([dict(row) for row in rows]).replace_schema_metadata({VERSION: version.encode()})
    with contextlib.suppress(OSError):
        paths.write(_file(paths, name), encode(table))


def _file(paths: StudyPaths, name: str) -> str:
    return f"{paths.root}/report/{name}.parquet"
