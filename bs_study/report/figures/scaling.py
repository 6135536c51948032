"""Iterations to the target against batch size."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bs_study.report.axes import batch_axis, log_axis
from bs_study.report.curves import Source
from bs_study.report.figure import ReportFigure, has_numbers
from bs_study.report.figures.size_point import size_point
from bs_study.report.style import MUTED, Colours, batch_colours, new_figure, styled
from bs_study.words import counted, setting


@styled
def iterations_to_target(best: pd.DataFrame, convergence: pd.DataFrame, *, colours: Colours | None = None) -> Figure:
    """Return iterations to the target at each batch size's best lr, with perfect scaling from the smallest.

    Perfect scaling: twice the batch size, half the iterations. Batch sizes that missed are marked at the top.
    """
    colours = colours or batch_colours(best["batch_size"])
    figure = new_figure()
    axes = figure.subplots()
    reached = best[np.isfinite(best["iterations_to_target"].to_numpy(float))].sort_values("batch_size")
    spread = _spread_over_seeds(reached, convergence)
    batch_axis(axes.xaxis, best["batch_size"])
    log_axis(axes.yaxis, np.concatenate([reached["iterations_to_target"].to_numpy(float), spread.ravel()]), margin=0.12)
    axes.plot(reached["batch_size"], reached["iterations_to_target"], color=MUTED, linewidth=1)
    axes.vlines(reached["batch_size"], spread[:, 0], spread[:, 1], color=MUTED, linewidth=1.8)
    for row in reached.to_dict("records"):
        size, took = row["batch_size"], counted(row["iterations_to_target"], "iteration")
        text = f"batch size {setting(size)}, lr {setting(row['best_lr_by_iterations'])}: {took} to the target"
        size_point(axes, size, row["iterations_to_target"], colour=colours[size], text=text, recipe=row["recipe"])
    missed = best[~best["batch_size"].isin(reached["batch_size"])]
    if len(missed):
        _mark_missed(axes, missed["batch_size"])
    axes.set_ylabel("iterations to the target")
    _perfect_scaling(axes, reached)
    return figure


def _mark_missed(axes: Axes, batch_sizes: pd.Series) -> None:
    """Put a cross at the top for each batch size that missed, where no time can be read."""
    top = axes.get_xaxis_transform()
    axes.plot(batch_sizes, [0.97] * len(batch_sizes), "x", color=MUTED, transform=top, clip_on=False)
    axes.annotate("× missed", (1.0, 1.0), xycoords="axes fraction", ha="right", va="bottom", color=MUTED)


def _spread_over_seeds(reached: pd.DataFrame, convergence: pd.DataFrame) -> np.ndarray:
    """Return the smallest and largest iterations over seeds of each row's best cell, shape (rows, 2)."""
    if "iterations_to_target_low" not in convergence:
        return np.full((len(reached), 2), np.nan)
    cells = convergence.set_index(["batch_size", "lr"])[["iterations_to_target_low", "iterations_to_target_high"]]
    keys = list(zip(reached["batch_size"], reached["best_lr_by_iterations"], strict=True))
    return cells.reindex(keys).to_numpy(float)


def _perfect_scaling(axes: Axes, reached: pd.DataFrame) -> None:
    """Draw iterations ∝ 1/B through the smallest batch size, named halfway to where it leaves the figure."""
    if len(reached) < 2:
        return
    first = reached.iloc[0]
    examples = first["iterations_to_target"] * first["batch_size"]
    end = min(axes.get_xlim()[1], examples / axes.get_ylim()[0])
    batch_sizes = np.array([first["batch_size"], np.sqrt(first["batch_size"] * end), end], float)
    axes.plot(batch_sizes, examples / batch_sizes, "--", color=MUTED, linewidth=1.2)
    middle = (batch_sizes[1], examples / batch_sizes[1])
    axes.annotate(
        "perfect scaling ", middle, xytext=(-6, -6), textcoords="offset points", ha="right", va="top", color=MUTED
    )


def _iterations_caption(source: Source) -> str:
    return (
        f"Iterations to {source.goal_text} at each batch size's best lr by iterations; bars span the seeds. "
        "Along the dashed line twice the batch size halves the iterations; "
        "where the points leave it, a larger batch costs more examples."
    )


ITERATIONS_TO_TARGET = ReportFigure(
    "iterations_to_target",
    "Iterations to the target",
    caption=_iterations_caption,
    has_rows=lambda source: has_numbers(source.table("best"), "iterations_to_target"),
    draw=lambda source: iterations_to_target(source.table("best"), source.table("convergence"), colours=source.colours),
)
