"""A sheet with a column for each run, as W&B exports a panel, becomes one with rows for each run."""

from __future__ import annotations

from collections.abc import Mapping

from bs_study.importing.sheet import Sheet, Values, is_missing
from bs_study.words import shortened, shown

RUN = "*"
"""Stands for the name of a run in the name of a column that `--map` gives."""


def with_rows_of_runs(sheet: Sheet, mapped: Mapping[str, str]) -> Sheet:
    """Return a sheet in which a mapped column that names runs, as `* - loss`, is one column, beside the column `run`.

    Values of one row stay together. A row of a run without any of them is left out.

    Raises:
        ValueError: the sheet says of its rows, too, which run they are of.
    """
    wide = {column: _of_runs(sheet, column) for column in mapped.values() if column not in sheet.columns}
    wide = {column: own for column, own in wide.items() if own}
    if not wide:
        return sheet
    if "run" in sheet.columns:
        raise ValueError(
            f"run: {shortened(sheet.source)} has a column 'run', and each column {shown(next(iter(wide)))} is a run. "
            "Leave one of them out"
        )
    taken = {name for own in wide.values() for name in own.values()}
    runs = dict.fromkeys(run for own in wide.values() for run in own)
    none: Values = [None] * len(sheet.numbers)
    columns: dict[str, Values] = {name: [] for name in (*sheet.columns, *wide, "run") if name not in taken}
    numbers: list[int] = []
    for run in runs:
        own = {column: sheet.columns.get(names.get(run, ""), none) for column, names in wide.items()}
        rows = [at for at in range(len(none)) if not all(is_missing(values[at]) for values in own.values())]
        for name, values in columns.items():
            values += [run if name == "run" else own.get(name, sheet.columns.get(name, none))[at] for at in rows]
        numbers += [sheet.numbers[at] for at in rows]
    return Sheet(sheet.source, columns, numbers, unit=sheet.unit)


def _of_runs(sheet: Sheet, column: str) -> dict[str, str]:
    """Return the column of each run; none where a name has no place for a run's."""
    before, mark, after = column.partition(RUN)
    if not mark:
        return {}
    least = len(before) + len(after)
    fits = [name for name in sheet.columns if name.startswith(before) and name.endswith(after) and len(name) > least]
    return {name[len(before) : len(name) - len(after)]: name for name in fits}
