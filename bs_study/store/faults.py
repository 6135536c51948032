"""What can be wrong with one Parquet file of the store, said in a few words."""

from __future__ import annotations

import pyarrow as pa

from bs_study.store.schema import SCHEMA_VERSION, VERSION_KEY, Table, table_schema

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
    """Return why a file with this schema can't be read as this table, or None: its version, a column, a type."""
    version = schema_version(schema)
    if version is not None and not version.isdecimal():
        return f"its schema version {version!r} is no number"
    if version is not None and int(version) > SCHEMA_VERSION:
        return f"its schema version {version} is newer than {SCHEMA_VERSION}. Upgrade bs-study to read it"
    for field in table_schema(table):
        if schema.names.count(field.name) != 1:
            return f"it has {schema.names.count(field.name) or 'no'} column {field.name!r}"
        found = schema.field(field.name).type
        if found != field.type:
            return f"its column {field.name!r} is {found}, not {field.type}"
    return None


def schema_version(schema: pa.Schema) -> str | None:
    """Return the version that a file names, as it stands there; None where it names none."""
    version = (schema.metadata or {}).get(VERSION_KEY)
    return None if version is None else version.decode(errors="replace")
