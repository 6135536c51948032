"""A run that was made elsewhere, as far as its rows tell of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from bs_study.importing.columns import OF_RUN, Columns, missing
from bs_study.importing.sheet import Sheet, finite, is_missing, whole
from bs_study.words import shown, typed

MOST_SEED = 2**31 - 1


class Look(NamedTuple):
    """What is known of a run after an iteration. What was not recorded is None."""

    iteration: int
    examples: int
    seconds: float | None
    metrics: Mapping[str, float | None]


@dataclass(frozen=True)
class Cell:
    """Batch size, lr and seed of a run; the seed is None where no column says it."""

    batch_size: int
    lr: float
    seed: int | None


@dataclass(frozen=True)
class Run:
    """A run.

    Attributes:
        name: as the file has it; its place where it has none.
        place: of its first row.
        looks: at its target's metric and others, each at a later iteration than the one before.
        losses: of its iterations 1, 2, ...; empty where they are not all known.
        examples: seen by each of these.
        last: how far it came; its metrics do not count.
        initial: metrics before the first iteration.
        message: what went wrong.
    """

    name: str
    place: str
    cell: Cell
    looks: Sequence[Look]
    last: Look
    is_target_its_end: bool = False
    losses: Sequence[float] = ()
    examples: Sequence[int] = ()
    initial: Mapping[str, float | None] = dataclasses.field(default_factory=dict)
    message: str | None = None

    @property
    def has_diverged(self) -> bool:
        return self.message is not None


class Row(NamedTuple):
    """A row of a sheet, with which column is which."""

    sheet: Sheet
    columns: Columns
    at: int

    @property
    def place(self) -> str:
        return self.sheet.place(self.at)

    def has(self, field: str) -> bool:
        """Return whether a column says this field, in whichever rows."""
        return field in self.columns.names

    def value(self, field: str) -> Any:
        """Return the value of a field; None where there is none."""
        values = self.columns.values(self.sheet, field)
        return None if values is None or is_missing(values[self.at]) else values[self.at]

    def named(self, field: str) -> str:
        """Return a field as a refusal names it: with the column that it is read from."""
        column = self.columns.names.get(field, field)
        return field if column == field else f"{field} ({column})"


def run_cell(name: str, rows: Sequence[Row], of_runs: Mapping[str, Row] | None) -> Cell:
    """Return batch size, lr and seed of a run: of its own rows, else of its row in the table of runs.

    Raises:
        ValueError: it has none or two of one, or one that can't be.
    """
    of_run = of_runs.get(name) if of_runs is not None else None
    if of_runs is not None and of_run is None and not all(any(row.has(field) for row in rows) for field in OF_RUN[:2]):
        raise ValueError(f"run: {shown(name)} has no row in the table of runs ({rows[0].place}). Add one")
    known = [*rows, *([of_run] if of_run else [])]
    # A column of lrs beside that of the table is a schedule.
    of_lr = [of_run] if of_run and of_run.value("lr") is not None else known
    size, lr, seed = (_only(field, of_lr if field == "lr" else known) for field in OF_RUN)
    if size is None or lr is None:
        field = "batch_size" if size is None else "lr"
        if not any(row.has(field) for row in known):
            told = missing(known[-1].sheet, field, known[-1].columns)
            raise (
                ValueError(f"{told}, or give a table with run, batch_size and lr: --runs FILE") if not of_runs else told
            )
        raise ValueError(f"{field}: the run {shown(name)} has none ({rows[0].place}). Give it in one of its rows")
    if lr[1] <= 0:
        raise ValueError(f"lr: {typed(lr[1])} is no lr ({lr[0].place}). Give a number above 0")
    if seed is None and any(row.has("seed") for row in known):
        raise ValueError(f"seed: the run {shown(name)} has none ({rows[0].place}). Give each run one, or map no seed")
    return Cell(int(size[1]), lr[1], None if seed is None else int(seed[1]))


def _only(field: str, rows: Sequence[Row]) -> tuple[Row, float] | None:
    """Return the one value that rows have of a field, with the first row that has it.

    Raises:
        ValueError: two rows differ, or it is no such number.
    """
    first: tuple[Row, float] | None = None
    seen: object = None
    for row in rows:
        given = row.value(field)
        if given is None or (first is not None and given == seen):
            continue
        value = _setting(field, given, row)
        if first is not None and value != first[1]:
            raise ValueError(
                f"{row.named(field)}: the run has {typed(first[1])} ({first[0].place}) and {typed(value)} "
                f"({row.place}). Give each run one {field}, and a name of its own: --map run=COLUMN"
                + (". Of a schedule, give its peak in a table: --runs FILE" if field == "lr" else "")
            )
        first, seen = first or (row, value), given
    return first


def _setting(field: str, given: object, row: Row) -> float:
    if field == "lr":
        return finite(given, name=row.named(field), place=row.place)
    value = whole(given, name=row.named(field), place=row.place, least=1 if field == "batch_size" else 0)
    if field == "seed" and value > MOST_SEED:
        raise ValueError(f"{row.named(field)}: {value} is too large ({row.place}). Give at most {MOST_SEED}")
    return value
