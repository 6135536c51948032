"""Rows of runs as their file has them: CSV, Parquet or JSON Lines. Each row knows its place, for what is refused."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from bs_study.words import count, counted, listing, shortened, shown

Values = list[Any]
"""The values of a column, one for each row; None or "" where a row has none."""


@dataclass(frozen=True)
class Sheet:
    """The rows of one file, or of one run of a tracker.

    Attributes:
        source: the file as a person typed it.
        columns: each has as many values as there are rows.
        numbers: of each row, by which a person finds it in the file.
        unit: what these numbers count.
        run: the name of the run that all rows are of; empty where rows say it, or each row is a run.
    """

    source: str
    columns: Mapping[str, Values]
    numbers: Sequence[int]
    unit: str = "line"
    run: str = ""

    def place(self, row: int) -> str:
        """Return where a row stands, as `runs.csv line 3`."""
        return f"{shortened(self.source)} {self.unit} {self.numbers[row]}"


def read_sheet(file: str | Path) -> Sheet:
    """Read the rows of a file, by what its name ends with.

    Raises:
        ValueError: it has another ending, is empty, or is no such file; the message names file and line.
        OSError: it can't be read.
    """
    path, name = Path(file).expanduser(), shortened(str(file))
    if path.is_dir():
        raise ValueError(f"{name}: is a folder. Give a file")
    try:
        with path.open("rb") as opened:
            reader = READERS.get(path.suffix.lower()) or _no_reader(path, name)
            content = opened.read()
    except OSError as error:
        raise ValueError(f"{name}: can't be read: {error.strerror}. Give a file that is there") from error
    sheet = reader(str(file), content)
    if not sheet.numbers:
        raise ValueError(f"{name}: has no rows. Give a file with a row for each run, or for each look at a run")
    return sheet


def _no_reader(path: Path, name: str) -> NoReturn:
    known = listing(list(READERS)).replace(" and ", " or ")
    instead = f"Give a file that ends with {known}"
    if path.suffix == ".wandb":
        instead = "W&B's own files are not read. Sync the run, and export its history as CSV"
    elif "tfevents" in path.name:
        instead = "Give the folder that it is in"
    raise ValueError(f"{name}: can't be imported by its ending {shown(path.suffix)}. {instead}")


def _text(source: str, content: bytes, *, kind: str) -> str:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{shortened(source)}: is no {kind}: it is no text in UTF-8. Save it as UTF-8") from error
    if "\0" in text:
        raise ValueError(f"{shortened(source)}: is no {kind}: it holds a zero byte. Give a file of text")
    return text


def _csv(source: str, content: bytes) -> Sheet:
    rows, numbers = [], []
    reader = csv.reader(io.StringIO(_text(source, content, kind="CSV"), newline=""), strict=True)
    end = 0
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                rows.append(row)
                numbers.append(end + 1)  # a row may span lines: it is named by its first
            end = reader.line_num
    except csv.Error as error:
        raise ValueError(f"{shortened(source)} line {reader.line_num}: is no CSV: {error}. Save it as CSV") from error
    if not rows:
        return Sheet(source, {}, [])
    names = [name.strip() for name in rows[0]]
    mark = next((mark for mark in (";", "\t", "|") if len(names) == 1 and mark in names[0]), None)
    if mark:
        raise ValueError(
            f"{shortened(source)}: its columns are separated by {shown(mark)}. Save it with commas, and numbers with a "
            "point"
        )
    _refuse_names(source, names, kind="CSV")
    for row, number in zip(rows, numbers, strict=True):
        if len(row) != len(names):
            raise ValueError(
                f"{shortened(source)} line {number}: is no row of this CSV: it has {counted(len(row), 'value')}, and "
                f"the first line names {counted(len(names), 'column')}. Give each row a value for each column"
            )
    columns = zip(*rows[1:], strict=True) if rows[1:] else [()] * len(names)
    return Sheet(source, {name: list(values) for name, values in zip(names, columns, strict=True)}, numbers[1:])


def _refuse_names(source: str, names: Sequence[str], *, kind: str) -> None:
    for name in names:
        if not name.strip():  # as pandas writes an index
            continue
        if names.count(name) > 1:
            raise ValueError(f"{shortened(source)}: is no {kind} of runs: two columns are {shown(name)}. Rename one")


def _json_lines(source: str, content: bytes) -> Sheet:
    rows, numbers = [], []
    for number, line in enumerate(_text(source, content, kind="JSON Lines").split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line, object_pairs_hook=_object)
        except (ValueError, RecursionError) as error:
            raise ValueError(
                f"{shortened(source)} line {number}: is no JSON of a run: {error}. Give an object in each line"
            ) from error
        if not isinstance(row, dict):
            raise ValueError(
                f"{shortened(source)} line {number}: holds {shown(row)}. Give an object in each line, as "
                '{"batch_size": 64, "lr": 0.1}'
            )
        rows.append(row)
        numbers.append(number)
    names = dict.fromkeys(name for row in rows for name in row)
    return Sheet(source, {name: [row.get(name) for row in rows] for name in names}, numbers)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object of JSON. A name that it has twice is refused, where Python would take the last."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"it has {shown(twice)} twice")
    return found


def _parquet(source: str, content: bytes) -> Sheet:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(pa.BufferReader(content))
    except (pa.ArrowException, OSError) as error:
        raise ValueError(f"{shortened(source)}: is no Parquet that can be read: {error}") from error
    _refuse_names(source, table.column_names, kind="Parquet")
    columns = {name: table.column(name).to_pylist() for name in table.column_names}
    return Sheet(source, columns, range(1, len(table) + 1), unit="row")


READERS: Mapping[str, Callable[[str, bytes], Sheet]] = {
    ".csv": _csv,
    ".parquet": _parquet,
    ".jsonl": _json_lines,
}
"""What reads a file, by the end of its name."""


def is_missing(value: object) -> bool:
    """Return whether a row has no value: NaN is one."""
    return value is None or (isinstance(value, str) and not value.strip())


def number(value: object, *, name: str, place: str) -> float:
    """Return a value as a number, which may be NaN or infinite.

    Raises:
        ValueError: it is none; the message names the column as the person has it, and the place.
    """
    text = value if isinstance(value, str) else ""
    try:
        if not isinstance(value, bool | bytes) and "_" not in text:  # Python would take 1_0 for 10
            return float(value)  # type: ignore[arg-type]  # what it does not take is refused
    except (TypeError, ValueError, OverflowError):
        pass
    instead = "Give a number, or leave the cell empty"
    if "," in text:
        instead = "Write thousands without a comma, and fractions with a point"
    raise ValueError(f"{name}: {shown(value)} is no number ({place}). {instead}")


def whole(value: object, *, name: str, place: str, least: int = 0) -> int:
    """Return a value as a whole number, which may be written as 64.0.

    Raises:
        ValueError: it is none, or less than `least`.
    """
    found = number(value, name=name, place=place)
    if not math.isfinite(found) or found != int(found) or not least <= found < 2**53:
        raise ValueError(f"{name}: {shown(value)} is no whole number ({place}). Give one of at least {count(least)}")
    return int(found)


def finite(value: object, *, name: str, place: str) -> float:
    """Return a value as a number that is finite.

    Raises:
        ValueError: it is none.
    """
    found = number(value, name=name, place=place)
    if not math.isfinite(found):
        raise ValueError(f"{name}: {shown(value)} is no finite number ({place}). Give a number")
    return found
