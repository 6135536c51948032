"""Which tables the page shows, and which of their columns; the CSVs have all."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import pandas as pd

from bs_study.analysis.best import best_cells
from bs_study.analysis.study import Analysis
from bs_study.analysis.trials import CELL, Cell
from bs_study.report.figure import anchor
from bs_study.report.outrun import with_bounds
from bs_study.report.sentences.times import clock_of
from bs_study.report.table_view import Column, TableView, table_view
from bs_study.words import CLOCK_LABELS


class PageTable(NamedTuple):
    """A table of the analysis on the page: its name there, its heading, what to know, and what is shown of it."""

    name: str
    title: str
    note: str
    columns: tuple[Column, ...]


def _settings(*names: str) -> tuple[Column, ...]:
    return tuple(Column(name, is_setting=True) for name in names)


def _columns(*names: str) -> tuple[Column, ...]:
    return tuple(Column(name) for name in names)


def _more(*names: str) -> tuple[Column, ...]:
    return tuple(Column(name, is_more=True) for name in names)


_RECIPE = (Column("recipe"),)
_CELL = (*_RECIPE, *_settings("batch_size", "lr"))
_TIMES = tuple(Column(f"{clock}_to_target") for clock in CLOCK_LABELS)
_SPEED = (
    Column("examples_per_iteration", "fewer than the batch size where the last batch of an epoch is short"),
    Column("load_share", "load seconds over epoch seconds"),
    Column("epoch_seconds", "one pass over the training set"),
    Column("load_seconds", "of an epoch: waiting for batches"),
    Column("compute_seconds", "of an epoch: forward, backward and update"),
    Column("iteration_seconds", "one optimizer update"),
    Column("examples_per_second"),
)

TABLES = (
    PageTable(
        "cells",
        "Every cell",
        "Medians over seeds, least to most in grey. A missing time was not reached within the budget. "
        "“> 2.1×” was outrun: its first seed was cut after 2.1 times the best time. Best: of its batch size.",
        (
            *_CELL,
            Column("is_best", "the best lr of its batch size by the ranking clock"),
            Column("status", "what became of all trials of the cell", link="#{curves}"),
            Column("seeds", "trials that have ended"),
            Column("reached"),
            *_TIMES,
            *_more("missed"),
            Column("outrun", "trials that ended since another lr of their batch size had won", is_more=True),
            Column("not_tried", "trials that ended at another target of their own", is_more=True),
            *_more("diverged"),
            Column("effective_lr", "lr / (1 − momentum) of SGD", is_setting=True, is_more=True),
            Column("best_metric", "of the target's metric, at any evaluation", is_more=True),
            Column("censored_by", "what ended the trials that did not reach it", is_more=True),
        ),
    ),
    PageTable(
        "times",
        "Time to the target, trial by trial",
        "At the first evaluation that met the target. A missing time was not reached. “> 2.1×” was outrun: it takes "
        "more than 2.1 times the best cell's median.",
        (
            *_CELL,
            *_settings("seed"),
            Column("outcome", link="#{curves}"),
            Column("stop_reason"),
            *_TIMES,
            *_columns("best_metric", "looks"),
        ),
    ),
    PageTable(
        "target_spread",
        "How much seeds differ, by target",
        "The target asked comes first, where seeds reached it. With half the spread a quarter of the seeds tells as "
        "much.",
        (
            Column("target", "as --target takes it"),
            Column("spread_percent", "standard deviation over seeds of the log of iterations to it, pooled over cells"),
            Column("cells", "those of two seeds or more, all of which reached it"),
            Column("seeds", "of these cells"),
        ),
    ),
    PageTable(
        "versions",
        "Trials of each version of workload and data",
        "The workload or its data changed while the study went on. Only the judged version counts in all else.",
        (*_CELL, *_settings("seed", "workload_version"), *_columns("is_judged", "status")),
    ),
    PageTable(
        "scaling",
        "Best lr, stable lrs and the band that works",
        "Best lr by iterations to the target.",
        (
            *_RECIPE,
            *_settings("batch_size", "best_lr", "largest_stable_lr", "smallest_unstable_lr"),
            *_settings("band_low_lr", "band_high_lr"),
            Column("band_octaves", "log2 of the largest over the smallest lr that reaches the target"),
            Column("band_gaps", "lrs between them that do not"),
            Column("diverged_share", "of the trials"),
            Column("best_lr_on_edge", "of the grid"),
            *_settings("add_lr_1", "add_lr_2"),
            Column("lr_step", "ratio of neighbouring lrs"),
        ),
    ),
    PageTable(
        "lr_fit",
        "Exponent of best lr against batch size",
        "1: linear scaling; 0.5: square root.",
        (
            *_RECIPE,
            Column("exponent", "of all batch sizes"),
            Column("saturates_at", "batch size beyond which the best lr is constant"),
            Column("exponent_below", "of the batch sizes below that"),
            Column("saturated_lr", "best lr beyond it"),
            Column("batch_sizes", "points of the fit"),
            Column("left_out", "batch sizes whose best lr is on an edge of the grid"),
        ),
    ),
    PageTable(
        "throughput",
        "Epoch, load, compute and iteration time",
        "By the clocks of the trials: medians over epochs and trials, quartiles in grey; warm-up left out.",
        (*_RECIPE, *_settings("batch_size"), *_columns("trials", "epochs"), *_SPEED),
    ),
    PageTable(
        "clean_throughput",
        "The same, measured alone in the timing pass",
        "Medians of the repeats, the quickest and the slowest in grey.",
        (
            *_settings("batch_size"),
            Column("epochs", "repeats"),
            *_SPEED,
            Column("iteration_seconds_spread", "(slowest − quickest) / median"),
            Column("disturbed", "repeats that differ by more than 20 %, or others took the processor"),
            *_columns("peak_memory_bytes", "neighbours"),
        ),
    ),
    PageTable(
        "throughput_fit",
        "Fit of iteration time: a + b·B",
        "a/b is the batch size at half of the throughput limit.",
        (
            *_RECIPE,
            *_columns("a_seconds", "b_seconds_per_example", "half_limit_batch_size", "limit_examples_per_second"),
            Column("doubling_gain_limit_batch_size", "beyond it, doubling the batch gains less than 10 %"),
            Column("worst_relative_error", "of the fit"),
            Column("batch_sizes", "points of the fit"),
        ),
    ),
    PageTable(
        "smoothness",
        "Loss variance of each trial",
        "Over the first 1,000 iterations, over equal examples, and at an equal loss level.",
        (
            *_CELL,
            *_settings("seed"),
            *_columns("window", "iterations", "loss_variance"),
            Column("detrended_variance", "about a rolling median"),
            Column("noise", "std of loss[t] − loss[t−1], over √2"),
            Column("spikes"),
            Column("max_loss_ratio", "largest loss over the first"),
            Column("stability"),
        ),
    ),
    PageTable(
        "noise_slope",
        "Slope of log noise on log batch size",
        "Independent noise gives −0.5.",
        (*_RECIPE, *_settings("lr"), *_columns("window", "slope"), Column("batch_sizes", "points"), Column("left_out")),
    ),
)


CSV_TABLES = ("best", "convergence", *(table.name for table in TABLES if table.name != "cells"))
"""Tables of the analysis that are written with all of their columns."""


def page_tables(found: Analysis) -> dict[str, TableView]:
    """Return the tables that have rows, by name."""
    views = {}
    for shown in TABLES:
        table = _rows(shown.name, found)
        if len(table):
            columns = _of_study(shown.columns, found)
            views[shown.name] = table_view(shown.name, table, columns, title=shown.title, note=shown.note)
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
    """Return the columns that say something: no recipe where there is one, no clean seconds that were not measured.

    Of the clocks the study's own, iterations and examples stand open.
    """
    is_empty = {"recipe": len(found.recipes) < 2, "outrun": not _has_outrun(found)}
    if not found.tables.is_clean:
        is_empty |= {column.name: True for column in columns if "clean_seconds" in column.name}
    shown = [column for column in columns if not is_empty.get(column.name, False)]
    open_clocks = {f"{clock}_to_target" for clock in (found.tables.clock, "iterations", "examples")}
    folded = {column.name for column in _TIMES} - open_clocks
    return [replace(column, is_more=column.is_more or column.name in folded) for column in shown]


def _has_outrun(found: Analysis) -> bool:
    return "outrun" in set(found.tables.times["outcome"])


def recipes_view(found: Analysis) -> TableView:
    """Return the table of recipes by the study's clock: the soonest first at each batch size."""
    clock = found.tables.clock
    rows = found.tables.recipes.sort_values(["batch_size", f"rank_by_{clock}"], kind="stable")
    took = _columns(*(f"{name}_to_target" for name in (clock, "iterations", "examples")))
    own = (Column(f"rank_by_{clock}"), Column(f"best_lr_by_{clock}", is_setting=True))
    return table_view(
        "recipes",
        rows,
        [*_settings("batch_size"), *_RECIPE, *own, *took, *_columns("standing", "why_open")],
        title="Recipes at each batch size",
        note=f"Each at its best of the lrs tried, by {clock_of(clock, found)}; medians over seeds. "
        "A missing time: not reached. "
        "Standing: whether the first is known to be the soonest, and another to be slower than it.",
    )
