"""Tables as the page shows them: headings in words, numbers in few digits, a spread beside its median."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from bs_study.words import count, counted, number, setting

MOST_ROWS = 250
_AS_TYPED = ("batch_size", "lr", "seed", "best_lr", "largest_stable_lr", "effective_lr")


@dataclass(frozen=True)
class Cell:
    """One value: what is shown, its spread, and what sorting compares (empty: missing, sorted last)."""

    text: str
    spread: str = ""
    key: str = ""


@dataclass(frozen=True)
class TableView:
    """One table of the page; the CSV holds all of its rows and columns."""

    name: str
    title: str
    note: str
    headings: list[str]
    is_number: list[bool]
    rows: list[list[Cell]]
    total: int

    @property
    def size(self) -> str:
        return counted(self.total, "row")

    @property
    def is_cut(self) -> bool:
        return self.total > len(self.rows)


def table_view(name: str, table: pd.DataFrame, *, title: str, note: str = "") -> TableView:
    """Return a table ready to be shown: its first rows, <column>_low and <column>_high beside <column>."""
    spreads = {c for c in table.columns if f"{c}_low" in table and f"{c}_high" in table}
    columns = [c for c in table.columns if not any(c in (f"{s}_low", f"{s}_high") for s in spreads)]
    shown = table.head(MOST_ROWS)
    return TableView(
        name=name,
        title=title,
        note=note,
        headings=[column.replace("_", " ") for column in columns],
        is_number=[pd.api.types.is_numeric_dtype(table[c]) and table[c].dtype != bool for c in columns],
        rows=[[_cell(row, c, has_spread=c in spreads) for c in columns] for row in shown.to_dict("records")],
        total=len(table),
    )


def _cell(row: Mapping[Hashable, Any], column: str, *, has_spread: bool) -> Cell:
    value = row[column]
    spread = f"{_shown(row[f'{column}_low'], column)} to {_shown(row[f'{column}_high'], column)}" if has_spread else ""
    return Cell(_shown(value, column), "" if "–" in spread else spread, _key(value))


def _shown(value: object, column: str) -> str:
    if isinstance(value, bool):
        return "yes" if value else ""
    if isinstance(value, int | float):
        if not math.isfinite(value):
            return "–"
        if column.removesuffix("_low").removesuffix("_high") in _AS_TYPED or "lr_by" in column:
            return setting(value)
        return count(value) if isinstance(value, int) else number(value, digits=4)
    return "" if value is None or value is pd.NA or value is pd.NaT else str(value)


def _key(value: object) -> str:
    if isinstance(value, int | float):
        return repr(float(value)) if math.isfinite(value) else ""
    return "" if value is None else str(value)
