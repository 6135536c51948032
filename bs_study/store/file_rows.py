"""Rows of one Parquet file of a table, in the types of the contract; or its fault."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from bs_study.store.believed import believed
from bs_study.store.faults import DAMAGE, identity_fault, reason, schema_fault
from bs_study.store.paths import StudyPaths
from bs_study.store.schema import Table, table_schema

AT_ONCE = 2**17  # bytes: a smaller file is read whole, a larger one column by column


class VanishedError(Exception):
    """A file was there when it was listed and is not any more."""

    def __init__(self, file: str) -> None:
        super().__init__(file)
        self.file = file


@dataclass(frozen=True)
class Question:
    """Which rows and columns of which table."""

    table: Table
    columns: Sequence[str] | None = None
    filters: ds.Expression | None = None
    filtered: frozenset[str] = frozenset()  # columns that the filters name
    metrics: tuple[str, ...] = ()  # that evaluations have even where there is none yet

    @property
    def named(self) -> frozenset[str]:
        return self.filtered | frozenset(self.columns or ())

    def needed(self, names: Sequence[str]) -> list[str]:
        """Return which of the columns that there are must be read; one in any case, as it says how many rows."""
        if self.columns is None:
            return list(names)
        return [name for name in names if name in self.named] or ["trial_id"]

    @property
    def is_pushed_down(self) -> bool:
        """Whether the filters skip parts of a file: they name columns of the contract alone, whose types are known."""
        return self.filters is not None and self.filtered <= set(contract(self.table).names)


class FileRows(NamedTuple):
    """What a file gives: the rows asked for, and the names and types of all that it has."""

    path: str
    schema: pa.Schema
    rows: pa.Table | None
    fault: str | None = None


@functools.cache
def contract(table: Table) -> pa.Schema:
    return table_schema(table)


def file_rows(paths: StudyPaths, file: str, question: Question) -> FileRows:
    """Return what a file gives; one at fault has no rows.

    Raises:
        VanishedError: it is gone.
        OSError: the store does not answer.
    """
    unread = ""
    # Of a file in an object store all is fetched at once, unless parts of it can be skipped.
    if paths.is_local or question.is_pushed_down:
        try:
            return _read_in_parts(paths, file, question)
        except DAMAGE as error:
            unread = reason(error)  # the file's fault, the disk's or the store's, or it is gone: its bytes tell
    try:
        return believed(paths, file, lambda content: _parsed(paths, file, content, question))
    except FileNotFoundError:
        raise VanishedError(file) from None
    except OSError:
        if paths.is_local:  # this disk does not give its bytes
            return FileRows(file, pa.schema([]), None, unread)
        raise
    except ValueError as error:
        return FileRows(file, pa.schema([]), None, reason(error))


def _read_in_parts(paths: StudyPaths, file: str, question: Question) -> FileRows:
    with paths.open(file) as opened:
        if opened.size() <= AT_ONCE:
            return _read(paths, file, opened.read_buffer(), question)
        return _read(paths, file, opened, question)


def _parsed(paths: StudyPaths, file: str, content: bytes, question: Question) -> FileRows:
    """Return what the bytes of a file give; ValueError: they are damaged."""
    try:
        return _read(paths, file, pa.py_buffer(content), question)
    except DAMAGE as error:
        raise ValueError(reason(error)) from error


def _read(paths: StudyPaths, file: str, source: pa.Buffer | pa.NativeFile, question: Question) -> FileRows:
    if question.is_pushed_down:
        fragment = _format().make_fragment(source)
        schema, metadata = fragment.physical_schema, fragment.metadata
    else:
        opened = pq.ParquetFile(source, page_checksum_verification=True)
        schema, metadata = opened.schema_arrow, opened.metadata
    fault = schema_fault(schema, question.table) or identity_fault(metadata, question.table, paths.owner(file))
    if fault:
        return FileRows(file, schema, None, fault)
    rows = _filtered(fragment, question) if question.is_pushed_down else _unfiltered(opened, schema, question)
    rows.validate(full=True)  # text that is none
    return FileRows(file, schema, rows)


@functools.cache
def _format() -> ds.ParquetFileFormat:
    # Files without checksums are read as they are.
    return ds.ParquetFileFormat(
        default_fragment_scan_options=ds.ParquetFragmentScanOptions(page_checksum_verification=True)
    )


def _filtered(fragment: ds.Fragment, question: Question) -> pa.Table:
    schema = _in_contract_types(fragment.physical_schema, question.table)
    names = question.needed(schema.names)
    return fragment.to_table(schema=schema, columns=names, filter=question.filters, use_threads=False)


def _unfiltered(opened: pq.ParquetFile, found: pa.Schema, question: Question) -> pa.Table:
    schema = _in_contract_types(found, question.table)
    if question.columns is None and schema is contract(question.table):
        return opened.read(use_threads=False)
    names = question.needed(schema.names)
    there = set(found.names)
    rows = opened.read(columns=[name for name in names if name in there] or ["trial_id"], use_threads=False)
    fields = pa.schema([schema.field(name) for name in names], metadata=schema.metadata)
    if rows.schema.equals(fields):
        return rows
    return pa.Table.from_arrays([_column(rows, field) for field in fields], schema=fields)


def _column(rows: pa.Table, field: pa.Field) -> pa.ChunkedArray | pa.Array:
    if field.name not in rows.schema.names:
        return pa.nulls(len(rows), field.type)
    column = rows.column(field.name)
    return column if column.type == field.type else column.cast(field.type)


def _in_contract_types(found: pa.Schema, table: Table) -> pa.Schema:
    """Return the contract's columns, and those that a file adds."""
    fields = contract(table)
    if found.equals(fields):
        return fields
    known = set(fields.names)
    for added in (field for field in found if field.name not in known):
        fields = fields.append(added)
    return fields
