"""Rows of many files as one table; of a file that can't be read, its fault instead."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

import pyarrow as pa
import pyarrow.dataset as ds

from bs_study.store.faults import DAMAGE, reason, schema_fault
from bs_study.store.paths import StudyPaths
from bs_study.store.schema import Table, table_schema

Chain = Sequence[str]
"""The files of one trial in a table, in order: one once it has ended, its parts before."""

REQUESTS = 16  # that an object store answers side by side


class VanishedError(Exception):
    """A file was there when it was listed and is not any more."""

    def __init__(self, file: str) -> None:
        super().__init__(file)
        self.file = file


@dataclass(frozen=True)
class Question:
    """Which rows and columns of which table."""

    table: Table
    columns: list[str] | None
    filters: ds.Expression | None
    named: frozenset[str]  # columns that the question names
    metrics: tuple[str, ...] = ()  # that evaluations have even where there is none yet


class Found(NamedTuple):
    """The rows, and the files that are left out, each with its fault."""

    rows: pa.Table
    faults: dict[str, str]


class _File(NamedTuple):
    path: str
    fragment: ds.Fragment
    schema: pa.Schema
    fault: str | None


def read_chains(paths: StudyPaths, chains: Sequence[Chain], question: Question) -> Found:
    """Return the rows of all chains; where a file is at fault, those of its chain before it.

    All files are one dataset, which is quick. When reading it fails, each is read by itself, to tell which one is it.

    Raises:
        KeyError: the question names a column that the table does not have.
        ValueError: its filters don't fit the columns' types.
        VanishedError: a file is gone.
        OSError: the store does not answer.
    """
    inspected = [_until_fault(files) for files in _inspected(paths, chains, question.table)]
    faults = {file.path: file.fault for files in inspected for file in files if file.fault}
    sound = [[file for file in files if not file.fault] for files in inspected]
    schema, conflicts = _common_schema(sound, question)
    _refuse_unknown(question, schema)
    sound = [list(itertools.takewhile(lambda file: file.path not in conflicts, files)) for files in sound]
    faults |= conflicts
    try:
        return Found(_rows([file.fragment for files in sound for file in files], schema, question), faults)
    except DAMAGE:
        _refuse_unfit(question, schema)
    rows, unread = _read_file_by_file(paths, sound, schema, question)
    return Found(rows, faults | unread)


@functools.cache
def _format() -> ds.ParquetFileFormat:
    # Files without checksums are read as they are.
    return ds.ParquetFileFormat(
        default_fragment_scan_options=ds.ParquetFragmentScanOptions(page_checksum_verification=True)
    )


def _inspected(paths: StudyPaths, chains: Sequence[Chain], table: Table) -> Iterator[list[_File]]:
    """Look at the schema of each file. Its footer is then not read a second time."""
    files = [file for chain in chains for file in chain]
    if paths.is_local or len(files) == 1:
        looked_at = iter([_inspect(paths, file, table) for file in files])
    else:
        with ThreadPoolExecutor(REQUESTS) as pool:
            looked_at = iter(list(pool.map(lambda file: _inspect(paths, file, table), files)))
    return (list(itertools.islice(looked_at, len(chain))) for chain in chains)


def _inspect(paths: StudyPaths, file: str, table: Table) -> _File:
    fragment = _format().make_fragment(file, filesystem=paths.filesystem)
    try:
        return _File(file, fragment, fragment.physical_schema, schema_fault(fragment.physical_schema, table))
    except DAMAGE as error:
        content = _content(paths, file)
        if content is None:
            return _File(file, fragment, pa.schema([]), reason(error))
    return _inspect_in_memory(file, content, table)


def _inspect_in_memory(file: str, content: pa.Buffer, table: Table) -> _File:
    """Look at a file that has arrived whole: what fails now is the file's fault, not the store's."""
    fragment = _format().make_fragment(content)
    try:
        return _File(file, fragment, fragment.physical_schema, schema_fault(fragment.physical_schema, table))
    except DAMAGE as error:
        return _File(file, fragment, pa.schema([]), reason(error))


def _content(paths: StudyPaths, file: str) -> pa.Buffer | None:
    """Return all bytes of a file; None where this disk does not give them."""
    try:
        return pa.py_buffer(paths.read(file))
    except FileNotFoundError:
        raise VanishedError(file) from None
    except OSError:
        if paths.is_local:
            return None
        raise


def _until_fault(files: list[_File]) -> list[_File]:
    """Return the files up to the first with a fault, this one included: what follows it would leave a gap."""
    faulty = next((i for i, file in enumerate(files) if file.fault), len(files))
    return files[: faulty + 1]


def _common_schema(chains: Sequence[Sequence[_File]], question: Question) -> tuple[pa.Schema, dict[str, str]]:
    """Return the contract's columns and those that files add, and the files that contradict an earlier one's."""
    schema = table_schema(question.table, metrics=question.metrics)
    contract = set(schema.names)
    fields = {field.name: field for field in schema}
    conflicts = {}
    for file in (file for chain in chains for file in chain if file.schema != schema):
        for field in (field for field in file.schema if field.name not in contract):
            known = fields.setdefault(field.name, field)
            if known.type != field.type:
                conflicts[file.path] = f"its column {field.name!r} is {field.type}, and {known.type} elsewhere"
    return pa.schema(list(fields.values()), metadata=schema.metadata), conflicts


def _refuse_unknown(question: Question, schema: pa.Schema) -> None:
    unknown = sorted(question.named - set(schema.names))
    if unknown:
        raise KeyError(f"{question.table} has no column {unknown[0]!r}. It has {', '.join(schema.names)}")


def _refuse_unfit(question: Question, schema: pa.Schema) -> None:
    """Try the question on a table without rows."""
    try:
        ds.dataset(schema.empty_table()).to_table(columns=question.columns, filter=question.filters)
    except pa.ArrowException as error:
        raise ValueError(f"{question.table} can't be filtered by {question.filters}: {reason(error)}") from error


def _rows(fragments: list[ds.Fragment], schema: pa.Schema, question: Question) -> pa.Table:
    dataset = ds.FileSystemDataset(fragments, schema, _format()) if fragments else ds.dataset(schema.empty_table())
    rows = dataset.to_table(columns=question.columns, filter=question.filters)
    rows.validate(full=True)  # text that is none
    return rows


def _read_file_by_file(
    paths: StudyPaths, chains: Sequence[Sequence[_File]], schema: pa.Schema, question: Question
) -> Found:
    tables, faults = [_rows([], schema, question)], {}
    for chain in chains:
        for file in chain:
            content = _content(paths, file.path)
            if content is None:
                faults[file.path] = "it can't be read"
                break
            try:
                tables.append(_rows([_format().make_fragment(content)], schema, question))
            except DAMAGE as error:
                faults[file.path] = reason(error)
                break
    return Found(pa.concat_tables(tables), faults)
