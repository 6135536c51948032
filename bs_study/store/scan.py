"""Rows of many files as one table; of a file that can't be read, its fault instead."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, TypeVar

import pyarrow as pa
import pyarrow.dataset as ds

from bs_study.store.faults import reason
from bs_study.store.file_rows import FileRows, Question, contract, file_rows
from bs_study.store.paths import StudyPaths

Chain = Sequence[str]
"""The files of one trial in a table, in order: one once it has ended, its parts before."""

REQUESTS = 16  # that an object store answers side by side
GATHERED = 256  # files whose few rows are copied together: an Arrow table of one row takes as much memory as of 1000
FEW_ROWS = 2**16

T = TypeVar("T")
R = TypeVar("R")


class Found(NamedTuple):
    """The rows, and the files that are left out, each with its fault."""

    rows: pa.Table
    faults: dict[str, str]


def read_chains(paths: StudyPaths, chains: Sequence[Chain], question: Question) -> Found:
    """Return the rows of all chains; where a file is at fault, those of its chain before it.

    Each file is opened once, by one of a few threads, and closed.

    Raises:
        KeyError: the question names a column that the table does not have.
        ValueError: its filters don't fit the columns' types.
        VanishedError: a file is gone.
        OSError: the store does not answer.
    """
    if question.is_pushed_down:
        _refuse_unfit(question, contract(question.table))
    files = side_by_side(paths, lambda file: file_rows(paths, file, question), [f for chain in chains for f in chain])
    gathered = _Gathered(question)
    for chain in chains:
        for found in _taken(files, len(chain)):
            if not gathered.takes(found):
                break  # what follows would leave a gap
    return Found(gathered.rows(), gathered.faults)


def side_by_side(paths: StudyPaths, function: Callable[[T], R], items: Sequence[T]) -> Iterator[R]:
    """Yield the results in order. Reading and numpy release the interpreter, so threads fill the cores."""
    if len(items) < 2:
        yield from map(function, items)
        return
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1) if paths.is_local else REQUESTS) as threads:
        yield from threads.map(function, items)


def _taken(files: Iterator[FileRows], count: int) -> list[FileRows]:
    return [next(files) for _ in range(count)]


class _Gathered:
    """The rows of file after file, in the contract's columns and those that files add."""

    def __init__(self, question: Question) -> None:
        self.faults: dict[str, str] = {}
        self._question = question
        self._contract = contract(question.table)
        self._known = set(self._contract.names)
        self._added = {name: pa.field(name, pa.float64()) for name in question.metrics}
        self._few: list[pa.Table] = []
        self._tables: list[pa.Table] = []

    def takes(self, found: FileRows) -> bool:
        """Take the rows of a file, or its fault: its own, or a column of another type than in an earlier file."""
        fault = found.fault or self._conflict(found.schema)
        if fault:
            self.faults[found.path] = fault
            return False
        if found.rows is not None and len(found.rows):
            self._few.append(found.rows)
        if len(self._few) == GATHERED:
            self._put_together()
        return True

    def _conflict(self, schema: pa.Schema) -> str | None:
        if schema.equals(self._contract):
            return None
        for field in (field for field in schema if field.name not in self._known):
            other = self._added.setdefault(field.name, field)
            if other.type != field.type:
                return f"its column {field.name!r} is {field.type}, and {other.type} elsewhere"
        return None

    def _put_together(self) -> None:
        if self._few:
            rows = _joined(self._few)
            self._tables.append(rows.combine_chunks() if len(rows) < FEW_ROWS else rows)
            self._few.clear()

    def rows(self) -> pa.Table:
        """Return all rows that were taken, in the columns asked for."""
        self._put_together()
        schema = self._contract
        for field in self._added.values():
            schema = schema.append(field)
        _refuse_unknown(self._question, schema)
        names = self._question.needed(schema.names)
        empty = pa.schema([schema.field(name) for name in names], metadata=schema.metadata).empty_table()
        rows = _joined([empty, *self._tables])
        if self._question.filters is not None and not self._question.is_pushed_down:
            _refuse_unfit(self._question, schema)
            rows = rows.filter(self._question.filters)
        return rows.select(list(self._question.columns or schema.names))


def _joined(tables: Sequence[pa.Table]) -> pa.Table:
    """Return the rows of tables, with null in the columns that one lacks."""
    are_alike = all(table.schema.equals(tables[0].schema) for table in tables)
    return pa.concat_tables(tables, promote_options="none" if are_alike else "default")


def _refuse_unknown(question: Question, schema: pa.Schema) -> None:
    unknown = sorted(question.named - set(schema.names))
    if unknown:
        raise KeyError(f"{question.table} has no column {unknown[0]!r}. It has {', '.join(schema.names)}")


def _refuse_unfit(question: Question, schema: pa.Schema) -> None:
    """Try the question on a table without rows."""
    try:
        ds.dataset(schema.empty_table()).to_table(filter=question.filters)
    except pa.ArrowException as error:
        raise ValueError(f"{question.table} can't be filtered by {question.filters}: {reason(error)}") from error
