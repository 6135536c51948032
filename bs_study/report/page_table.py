"""What a table of the page is: a name, a heading, a note and the columns that are shown."""

from __future__ import annotations

from typing import NamedTuple

from bs_study.report.table_view import Column
from bs_study.words import CLOCK_LABELS


class PageTable(NamedTuple):
    """A table of the analysis on the page: its name there, its heading, what to know, and what is shown of it."""

    name: str
    title: str
    note: str
    columns: tuple[Column, ...]


def settings(*names: str) -> tuple[Column, ...]:
    return tuple(Column(name, is_setting=True) for name in names)


def plain(*names: str) -> tuple[Column, ...]:
    return tuple(Column(name) for name in names)


def more(*names: str) -> tuple[Column, ...]:
    return tuple(Column(name, is_more=True) for name in names)


RECIPE = (Column("recipe"),)
CELL_COLUMNS = (*RECIPE, *settings("batch_size", "lr"))
TIMES = tuple(Column(f"{clock}_to_target") for clock in CLOCK_LABELS)
