"""Time to the target against batch size, a line for each recipe."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bs_study.report.axes import batch_axis, clock_axis, to_target
from bs_study.report.curves import Source
from bs_study.report.figure import ReportFigure, anchor, has_numbers
from bs_study.report.inline import mark
from bs_study.report.sentences.times import clock_of
from bs_study.report.style import MUTED, new_figure, styled
from bs_study.words import CLOCK_LABELS, amount, counted, setting

# Okabe and Ito's, without yellow, the light ones darker: told apart by the colour-blind, and each with a contrast of
# at least 3 on white. The markers tell them apart in grey.
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#c2649b", "#1a1a1a", "#2f93cc", "#b97f00")
_MARKERS = "osD^vPX*"
_DODGE = 1.035  # between neighbouring recipes, so that their bars do not cover each other


@styled
def target_by_recipe(best: pd.DataFrame, convergence: pd.DataFrame, *, clock: str = "train_seconds") -> Figure:
    """Return what each recipe took to the target at its best lr, against batch size.

    Args:
        best: columns recipe, batch_size, best_lr_by_<clock>, <clock>_to_target; the recipes are drawn in its order.
        convergence: gives the smallest and largest over seeds.
        clock: train_seconds, clean_seconds, compute_seconds, wall_seconds, iterations or examples.
    """
    names = list(dict.fromkeys(best["recipe"]))
    time = f"{clock}_to_target"
    spread = convergence[["recipe", "batch_size", "lr", f"{time}_low", f"{time}_high"]]
    cells = best.rename(columns={f"best_lr_by_{clock}": "lr"})[["recipe", "batch_size", "lr", time]]
    rows = cells.merge(spread, how="left", on=["recipe", "batch_size", "lr"])
    figure = new_figure(height=4.0 + 0.2 * ((len(names) + 1) // 2))
    axes = figure.subplots()
    batch_axis(axes.xaxis, best["batch_size"])
    clock_axis(axes.yaxis, rows[[time, f"{time}_low", f"{time}_high"]].to_numpy(float).ravel(), clock=clock)
    for place, name in enumerate(names):
        own = rows[rows["recipe"] == name].sort_values("batch_size")
        _draw(axes, own, clock=clock, place=place, shift=_DODGE ** (place - (len(names) - 1) / 2), name=name)
    axes.set_ylabel(to_target(clock))
    if rows[time].isna().any():
        axes.annotate("× missed", (1.0, 1.0), xycoords="axes fraction", ha="right", va="bottom", color=MUTED)
    figure.legend(loc="outside upper left", ncols=2, frameon=False, fontsize=9)
    return figure


def _draw(axes: Axes, rows: pd.DataFrame, *, clock: str, place: int, shift: float, name: str) -> None:
    time = f"{clock}_to_target"
    colour, marker = _COLOURS[place % len(_COLOURS)], _MARKERS[place % len(_MARKERS)]
    sizes = rows["batch_size"].to_numpy(float) * shift
    values = rows[time].to_numpy(float)
    axes.plot(sizes, values, marker=marker, color=colour, markersize=6, linewidth=1.4, label=name)
    axes.vlines(sizes, rows[f"{time}_low"], rows[f"{time}_high"], color=colour, linewidth=1.8)
    for x, value, row in zip(sizes, values, rows.to_dict("records"), strict=True):
        has_time = bool(np.isfinite(value))
        (drawn,) = axes.plot(
            [x], [value if has_time else 0.97], marker if has_time else "x", color=colour, markersize=6
        )
        if not has_time:
            drawn.set(transform=axes.get_xaxis_transform(), clip_on=False)
        size = setting(row["batch_size"])
        took = f", lr {setting(row['lr'])}: {amount(value, clock=clock)}" if has_time else ": missed"
        mark(
            drawn, anchor(f"b{size}", name), f"“{name}”, batch size {size}{took}", link=anchor(f"curves-b{size}", name)
        )


def _by(clock: str) -> ReportFigure:
    """Return the figure that compares the recipes by a clock, if it is the study's own, or iterations."""

    def caption(source: Source) -> str:
        seeds = int(source.found.tables.trials["seed"].nunique())
        return (
            f"Median {clock_of(clock, source.found)} to {source.goal_text} over {counted(seeds, 'seed')}, "
            "each recipe at its best lr by this clock; bars span the seeds. "
            "Points of a batch size stand side by side."
        )

    def has_rows(source: Source) -> bool:
        return clock in (source.clock, "iterations") and has_numbers(source.found.tables.best, f"{clock}_to_target")

    def draw(source: Source) -> Figure:
        best = source.found.tables.best
        order = {name: place for place, name in enumerate(source.found.recipes)}
        in_order = best.sort_values("recipe", key=lambda names: names.map(order), kind="stable")
        return target_by_recipe(in_order, source.found.tables.convergence, clock=clock)

    title = f"{CLOCK_LABELS[clock].capitalize()} to the target, recipe by recipe"
    return ReportFigure(f"recipes_by_{clock}", title, caption=caption, has_rows=has_rows, draw=draw)


RECIPES = tuple(_by(clock) for clock in ("clean_seconds", "train_seconds", "iterations"))
