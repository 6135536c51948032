"""What can be wrong with one Parquet file of the store, said in a few words."""

from __future__ import annotations

import functools

import pyarrow as pa
import pyarrow.parquet as pq

from bs_study.store.schema import KEYS, LATER_COLUMNS, ROW_TABLES, SCHEMA_VERSION, VERSION_KEY, Table, table_schema
from bs_study.words import shown

DAMAGE = (OSError, ValueError, pa.ArrowException)
"""What pyarrow raises on a file that is cut short, overwritten, or no Parquet."""


def reason(error: BaseException) -> str:
    """Return what an error says, in one line that is not too long to read.

    >>> reason(ValueError("no magic bytes\\n  at the end"))
    'no magic bytes at the end'
    """
    text = " ".join(str(error).split())
    return text if len(text) <= 200 else f"{text[:200]}..."


def schema_fault(schema: pa.Schema, table: Table) -> str | None:
    """Return why a file with this schema can't be read as this table, or None: its version, a column, a type.

    A column of `trials` or `timings` may be missing, but for the keys and the status: it reads as null, as what was not
    given does.
    """
    version = schema_version(schema)
    if version is not None and not version.isdecimal():
        return f"its schema version {version!r} is no number"
    if version is not None and int(version) > SCHEMA_VERSION:
        return f"its schema version {version} is newer than {SCHEMA_VERSION}. Upgrade bs-study to read it"
    found = dict(zip(schema.names, schema.types, strict=True))
    if len(found) < len(schema.names):
        return "it has two columns of one name"
    for name, wanted in _contract(table):
        is_needed = table in ROW_TABLES and name not in LATER_COLUMNS.get(table, ())
        if name not in found and (is_needed or name in (*KEYS, "status")):
            return f"it has no column {name!r}"
        if name in found and found[name] != wanted and not _is_alike(found[name], wanted):
            return f"its column {name!r} is {found[name]}, not {wanted}"
    return None


def identity_fault(metadata: pq.FileMetaData, table: Table, owner: str) -> str | None:
    """Return why a file is not that of its owner, a trial or a timing; None where it is, as far as its footer tells.

    A copy under another name would count its trial twice.
    """
    if table not in ROW_TABLES and metadata.num_rows != 1:
        return f"it has {metadata.num_rows} rows, not 1"
    place = metadata.schema.names.index("trial_id")
    for group in range(metadata.num_row_groups):
        told = metadata.row_group(group).column(place).statistics
        for name in (told.min, told.max) if told is not None and told.has_min_max else ():
            if name != owner:
                return f"it holds {shown(name)}, and not what its name says"
    return None


@functools.cache
def _contract(table: Table) -> list[tuple[str, pa.DataType]]:
    return [(field.name, field.type) for field in table_schema(table)]


def _is_alike(found: pa.DataType, wanted: pa.DataType) -> bool:
    """Return whether one type is read as the other without loss: what pandas writes back is wider, or all null."""
    kinds = (pa.types.is_integer, _is_number, _is_text, pa.types.is_timestamp)
    return pa.types.is_null(found) or any(kind(found) and kind(wanted) for kind in kinds)


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def schema_version(schema: pa.Schema) -> str | None:
    """Return the version that a file names, as it stands there; None where it names none."""
    version = (schema.metadata or {}).get(VERSION_KEY)
    return None if version is None else version.decode(errors="replace")
