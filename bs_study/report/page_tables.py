"""The tables of a study as the page shows them."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from bs_study.analysis.best import best_cells
from bs_study.analysis.study import Analysis
from bs_study.analysis.trials import CELL, Cell
from bs_study.report.figure import anchor
from bs_study.report.outrun import with_bounds
from bs_study.report.page_table import RECIPE, TIMES, plain, settings
from bs_study.report.sentences.times import clock_of
from bs_study.report.shown_tables import TABLES
from bs_study.report.table_view import MOST_ROWS, Column, TableView, table_view
from bs_study.words import CLOCK_LABELS

CSV_TABLES = ("best", "convergence", *(table.name for table in TABLES if table.name != "cells"))
"""Tables of the analysis that are written with all of their columns."""


MOST_CELLS = 1000


def page_tables(found: Analysis) -> dict[str, TableView]:
    """Return the tables that have rows, by name."""
    views = {}
    for shown in TABLES:
        table = _rows(shown.name, found)
        if len(table):
            columns, most = _of_study(shown.columns, found), MOST_CELLS if shown.name == "cells" else MOST_ROWS
            views[shown.name] = table_view(shown.name, table, columns, title=shown.title, note=shown.note, most=most)
    return views | ({"recipes": recipes_view(found)} if len(found.recipes) > 1 else {})


def _rows(name: str, found: Analysis) -> pd.DataFrame:
    """Return a table of the page, with what is known of times that were outrun where it has times."""
    tables = found.tables
    if name == "times":
        return (
            _linked(with_bounds(tables.times, tables.best, clocks=CLOCK_LABELS)) if len(tables.times) else tables.times
        )
    if name == "cells":
        return _cells(found)
    if name == "pareto" and not (found.asked_costs.gpus or found.asked_costs.has_price):
        return tables.costs.head(0)  # the fastest is the cheapest
    table: pd.DataFrame = getattr(tables, name)
    return table


def _cells(found: Analysis) -> pd.DataFrame:
    """Return all cells in order, those marked that are the best of their batch size."""
    cells = found.tables.convergence
    if cells.empty:
        return cells
    best = set(best_cells(found.tables.best, found.tables.clock))
    cells = with_bounds(cells, found.tables.best, clocks=CLOCK_LABELS).sort_values(["recipe", *CELL[1:]], kind="stable")
    keys = zip(*(cells[name] for name in CELL), strict=True)
    return _linked(cells.assign(is_best=[Cell(*key) in best for key in keys]))


def _linked(table: pd.DataFrame) -> pd.DataFrame:
    """Return rows with the place on the page of the curves of their batch size."""
    places = [
        anchor(f"curves-b{size}", recipe) for size, recipe in zip(table["batch_size"], table["recipe"], strict=True)
    ]
    return table.assign(curves=places)


def _of_study(columns: tuple[Column, ...], found: Analysis) -> list[Column]:
    """Return the columns that say something: no recipe where there is one, no clean seconds that were not measured,
    no noise scale in adam's metric with sgd.

    Of the clocks the study's own, iterations and examples stand open.
    """
    is_empty = {"recipe": len(found.recipes) < 2, "outrun": not _has_outrun(found)}
    is_empty |= _unasked(found)
    is_empty["noise_scale_scaled"] = bool(found.tables.noise_scale["noise_scale_scaled"].isna().all())
    if not found.tables.is_clean:
        is_empty |= {column.name: True for column in columns if "clean_seconds" in column.name}
    shown = [column for column in columns if not is_empty.get(column.name, False)]
    open_clocks = {f"{clock}_to_target" for clock in (found.tables.clock, "iterations", "examples")}
    folded = {column.name for column in TIMES} - open_clocks
    return [replace(column, is_more=column.is_more or column.name in folded) for column in shown]


def _unasked(found: Analysis) -> dict[str, bool]:
    """Return which columns of costs say nothing, since they were not asked for or not measured."""
    rows = found.tables.costs
    names = ("dollars", "rank_by_dollars", "joules", "rank_by_joules", "within_deadline")
    unasked = {name: bool(rows[name].isna().all()) for name in names if name in rows}
    is_alone = not found.asked_costs.gpus
    return unasked | dict.fromkeys(("gpus", "batch_size_per_gpu", "gpu_seconds", "is_modelled"), is_alone)


def _has_outrun(found: Analysis) -> bool:
    return "outrun" in set(found.tables.times["outcome"])


def recipes_view(found: Analysis) -> TableView:
    """Return the table of recipes by the study's clock: the soonest first at each batch size."""
    clock = found.tables.clock
    rows = found.tables.recipes.sort_values(["batch_size", f"rank_by_{clock}"], kind="stable")
    took = plain(*(f"{name}_to_target" for name in (clock, "iterations", "examples")))
    own = (Column(f"rank_by_{clock}"), Column(f"best_lr_by_{clock}", is_setting=True))
    return table_view(
        "recipes",
        rows,
        [*settings("batch_size"), *RECIPE, *own, *took, *plain("standing", "why_open")],
        title="Recipes at each batch size",
        note=f"Each at its best of the lrs tried, by {clock_of(clock, found)}; medians over seeds. "
        "A missing time: not reached. "
        "Standing: whether the first is known to be the soonest, and another to be slower than it.",
    )
