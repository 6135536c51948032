"""Iterations to the target against batch size, and what the fitted curve says of it."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bs_study.analysis.critical_batch import fitted_sizes, knee_of
from bs_study.analysis.knee import Knee
from bs_study.report.axes import batch_axis, log_axis
from bs_study.report.curves import Source
from bs_study.report.figure import ReportFigure, has_numbers
from bs_study.report.figures.size_point import size_point
from bs_study.report.style import ACCENT, FAINT, MUTED, Colours, batch_colours, new_figure, styled
from bs_study.words import counted, setting

_BAND = "#dbe6f2"
_SHADES = {"perfect": "#eef5ee", "diminishing": "#f7f5ec", "saturated": "#f6eeee"}
_REGIMES = {"perfect": "perfect scaling", "diminishing": "diminishing", "saturated": "saturated"}


@styled
def iterations_to_target(curve: pd.DataFrame, convergence: pd.DataFrame, *, colours: Colours | None = None) -> Figure:
    """Return iterations to the target of each batch size, its best lr filled and the others open, with the fit.

    Perfect scaling: twice the batch size, half the iterations. Batch sizes that missed are marked at the top. Where
    there is a fit, its band, the knee with its interval as a bar at the bottom, and each regime in which all curves
    that fit agree, shaded.

    Args:
        curve: the table `scaling_curve` of one recipe.
        convergence: the recipe's cells.
    """
    colours = colours or batch_colours(curve["batch_size"])
    figure = new_figure(height=4.2)
    axes = figure.subplots()
    reached = curve[curve["iterations_to_target"].notna()]
    spread = _spread_over_seeds(reached, convergence)
    others = convergence[convergence["iterations_to_target"].notna()]
    batch_axis(axes.xaxis, curve["batch_size"])
    shown = np.concatenate([others["iterations_to_target"].to_numpy(float), spread.ravel()])
    log_axis(axes.yaxis, shown, margin=0.12)
    fit = knee_of(curve)
    if fit is None:
        axes.plot(reached["batch_size"], reached["iterations_to_target"], color=MUTED, linewidth=1)
    else:
        _draw_fit(axes, fit, fitted_sizes(curve)["examples_per_iteration"])
    axes.plot(others["batch_size"], others["iterations_to_target"], "o", color=FAINT, markersize=3.5, fillstyle="none")
    axes.vlines(reached["batch_size"], spread[:, 0], spread[:, 1], color=MUTED, linewidth=1.8)
    for row in reached.to_dict("records"):
        size, took = row["batch_size"], counted(row["iterations_to_target"], "iteration")
        text = f"batch size {setting(size)}, lr {setting(row['lr'])}: {took} to the target"
        size_point(axes, size, row["iterations_to_target"], colour=colours[size], text=text, recipe=row["recipe"])
    missed = curve[curve["iterations_to_target"].isna()]
    if len(missed):
        _mark_missed(axes, missed["batch_size"])
    axes.set_ylabel("iterations to the target")
    _perfect_scaling(axes, reached, is_named=fit is None)
    return figure


def _draw_fit(axes: Axes, fit: Knee, within: pd.Series[float]) -> None:
    """Draw the curve and its band within the batch sizes fitted, the regimes behind, and the knee at the bottom."""
    low, high = axes.get_xlim()
    sizes = np.geomspace(within.min(), within.max(), 400)
    for regime, run in itertools.groupby(sizes, key=fit.regime):
        of_run = list(run)
        first, last = of_run[0], of_run[-1]
        if regime:
            axes.axvspan(first, last, color=_SHADES[regime], linewidth=0, zorder=0)
            middle = float(np.sqrt(first * last))
            if last / first > (high / low) ** 0.15:  # else its name has no room
                axes.annotate(
                    _REGIMES[regime],
                    (middle, 0.985),
                    xycoords=axes.get_xaxis_transform(),
                    ha="center",
                    va="top",
                    color=MUTED,
                    fontsize=9,
                )
    axes.fill_between(sizes, *fit.band(sizes), color=_BAND, linewidth=0, zorder=1)
    axes.plot(sizes, fit.best.iterations(sizes), color=ACCENT, linewidth=1.3, zorder=2)
    bottom = axes.get_xaxis_transform()
    axes.plot([max(fit.low, low), min(fit.high, high)], [0.03, 0.03], color=ACCENT, linewidth=3, transform=bottom)
    if low < fit.best.batch_size < high:
        axes.plot([fit.best.batch_size], [0.03], "|", color=ACCENT, markersize=14, transform=bottom)


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
    return cells.reindex(list(zip(reached["batch_size"], reached["lr"], strict=True))).to_numpy(float)


def _perfect_scaling(axes: Axes, reached: pd.DataFrame, *, is_named: bool) -> None:
    """Draw iterations ∝ 1/B through the smallest batch size; its name stands halfway to where it leaves the figure."""
    if len(reached) < 2:
        return
    first = reached.iloc[0]
    examples = first["iterations_to_target"] * first["batch_size"]
    end = min(axes.get_xlim()[1], examples / axes.get_ylim()[0])
    batch_sizes = np.array([first["batch_size"], np.sqrt(first["batch_size"] * end), end], float)
    axes.plot(batch_sizes, examples / batch_sizes, "--", color=MUTED, linewidth=1.2)
    middle = (batch_sizes[1], examples / batch_sizes[1])
    if not is_named:  # a regime has that name
        return
    axes.annotate(
        "perfect scaling ", middle, xytext=(-6, -6), textcoords="offset points", ha="right", va="top", color=MUTED
    )


def _caption(source: Source) -> str:
    points = "Filled: each batch size's best lr, with a bar over its seeds. Open: the other lrs."
    bars = f"Iterations to {source.goal_text}. {points}"
    line = "Along the dashed line twice the batch size halves the iterations."
    if knee_of(source.table("scaling_curve")) is None:
        return f"{bars} {line} Where the points leave it, a larger batch costs more examples."
    fit = (
        "The curve is S = S_min (1 + B_c/B), its band the curves at both ends of B_c's interval, the bar at the bottom."
    )
    return f"{bars} {line} {fit} A shade: the regime, where all curves that fit agree."


ITERATIONS_TO_TARGET = ReportFigure(
    "iterations_to_target",
    "Iterations to the target",
    caption=_caption,
    has_rows=lambda source: has_numbers(source.table("scaling_curve"), "iterations_to_target"),
    draw=lambda source: iterations_to_target(
        source.table("scaling_curve"), source.table("convergence"), colours=source.colours
    ),
)
