"""Tables as the page shows them: headings in words, numbers in few digits, a spread beside its median."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from markupsafe import Markup

from bs_study.report.sentences.columns import heading
from bs_study.words import UNKNOWN, count, counted, number, setting

MOST_ROWS = 150


@dataclass(frozen=True)
class Column:
    """A column that the page shows.

    Attributes:
        meaning: for whom its name does not tell.
        is_setting: it is a batch size, an lr, a seed: shown as it was typed, not as what was measured or counted.
        is_more: it is folded until more columns are asked for.
        link: the address on the page of a row's value, with the row's columns in braces.
    """

    name: str
    meaning: str = ""
    is_setting: bool = False
    is_more: bool = False
    link: str = ""


@dataclass(frozen=True)
class Heading:
    """What stands above a column."""

    text: str
    meaning: str
    is_number: bool
    is_more: bool = False

    @property
    def classes(self) -> Markup:
        """The attribute of its cells; most have none, which keeps a page of thousands of trials small."""
        named = [name for name, holds in (("number", self.is_number), ("more", self.is_more)) if holds]
        names = " ".join(named)
        return Markup(f' class="{names}"') if named else Markup("")  # noqa: S704  its own words


@dataclass(frozen=True)
class Value:
    """What is shown, its spread, and what sorting compares (empty: missing, sorted last)."""

    text: str
    spread: str = ""
    key: str = ""
    link: str = ""


@dataclass(frozen=True)
class TableView:
    """One table of the page; the CSV holds all of its rows and columns."""

    name: str
    title: str
    note: str
    headings: list[Heading]
    rows: list[list[Value]]
    total: int

    @property
    def size(self) -> str:
        return counted(self.total, "row")

    @property
    def has_more(self) -> bool:
        """Whether columns are folded."""
        return any(one.is_more for one in self.headings)

    @property
    def is_cut(self) -> bool:
        return self.total > len(self.rows)


def table_view(
    name: str,
    table: pd.DataFrame,
    columns: Sequence[Column],
    *,
    title: str,
    note: str = "",
    most: int = MOST_ROWS,
) -> TableView:
    """Return a table ready to be shown: its first rows, and of its columns those named.

    A column that has <column>_low and <column>_high beside it in the table is shown with them as its spread. The text
    of <column>_bound stands where the value is missing, as "> 2.1×" of what is known only to be more.
    """
    headings = [_heading(column, table[column.name]) for column in columns]
    rows = [[_value(row, column) for column in columns] for row in table.head(most).to_dict("records")]
    return TableView(name, title, note, headings, rows, len(table))


def _heading(column: Column, values: pd.Series[Any]) -> Heading:
    is_number = pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
    return Heading(heading(column.name), column.meaning, is_number, column.is_more)


def _value(row: Mapping[Hashable, Any], column: Column) -> Value:
    ends = [_shown(row[end], column) for end in (f"{column.name}_low", f"{column.name}_high") if end in row]
    spread = " to ".join(ends) if len(ends) == 2 and UNKNOWN not in ends else ""
    text = _shown(row[column.name], column)
    bound = row.get(f"{column.name}_bound", "")
    link = column.link.format_map({str(name): value for name, value in row.items()}) if column.link else ""
    return Value(str(bound) if bound and text == UNKNOWN else text, spread, _key(row[column.name]), link)


def _shown(value: object, column: Column) -> str:
    if isinstance(value, bool):
        return "yes" if value else ""
    if isinstance(value, int | float):
        if not math.isfinite(value):
            return UNKNOWN
        if column.is_setting:
            return setting(value)
        return count(value) if isinstance(value, int) else number(value, digits=4)
    return "" if value is None or value is pd.NA or value is pd.NaT else str(value)


def _key(value: object) -> str:
    if isinstance(value, int | float):
        return repr(float(value)) if math.isfinite(value) else ""
    return "" if value is None else str(value)
