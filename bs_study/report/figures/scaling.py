"""Iterations to the target, and the best lr, against batch size."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from bs_study.report.axes import LineLabel, batch_axis, label_lines, log_axis, lr_axis
from bs_study.report.curves import Source
from bs_study.report.figure import ReportFigure, has_numbers, interval
from bs_study.report.style import ACCENT, INK, MUTED, Colours, batch_colours, new_figure, styled
from bs_study.words import number, setting

FloatArray = npt.NDArray[np.float64]
_PALE, _FIT, _RULES = "#cfe3f1", "#0072b2", "#7a7a7a"


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
    axes.vlines(reached["batch_size"], spread[:, 0], spread[:, 1], color=MUTED, linewidth=3, alpha=0.4)
    _points(axes, reached, "iterations_to_target", colours)
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


@styled
def best_lr(scaling: pd.DataFrame, lr_fit: pd.DataFrame, *, colours: Colours | None = None) -> Figure:
    """Return the best lr against batch size, the band of lrs that reach the target, and fitted, linear and √ lines."""
    colours = colours or batch_colours(scaling["batch_size"])
    figure = new_figure(height=4.2)
    axes = figure.subplots()
    found = scaling[np.isfinite(scaling["best_lr"].to_numpy(float))].sort_values("batch_size")
    batch_axis(axes.xaxis, scaling["batch_size"])
    lr_axis(
        axes.yaxis, scaling[["best_lr", "largest_stable_lr", "band_low_lr", "band_high_lr"]].to_numpy(float).ravel()
    )
    width = min(13.0, 220 / len(scaling))
    axes.vlines(found["batch_size"], found["band_low_lr"], found["band_high_lr"], color=_PALE, linewidth=width)
    axes.plot(
        scaling["batch_size"],
        scaling["largest_stable_lr"],
        "_",
        color=INK,
        markersize=1.15 * width,
        markeredgewidth=1.6,
    )
    labels = _rules(axes, found, lr_fit)
    _points(axes, found, "best_lr", colours)
    on_edge = found[found["best_lr_on_edge"].fillna("") != ""]
    axes.plot(on_edge["batch_size"], on_edge["best_lr"], "o", color=ACCENT, fillstyle="none", markersize=13)
    label_lines(axes, labels)
    _explain(figure)
    return figure


def _rules(axes: Axes, found: pd.DataFrame, lr_fit: pd.DataFrame) -> list[LineLabel]:
    """Draw the fit, and lr ∝ B and lr ∝ √B through the geometric mean of the best cells."""
    if len(found) < 2:
        return []
    centre = np.log(found[["batch_size", "best_lr"]].to_numpy(float)).mean(axis=0)
    ends = np.array([found["batch_size"].min(), found["batch_size"].max()], float)
    rules = [(1.0, "linear", ":", _RULES), (0.5, "square root", "-.", _RULES)]
    lines = [(centre[1] + p * (np.log(ends) - centre[0]), text, line, colour) for p, text, line, colour in rules]
    labels = []
    for log_lrs, text, line, colour in lines:
        axes.plot(ends, np.exp(log_lrs), line, color=colour, linewidth=1.3)
        labels.append(LineLabel(float(np.exp(log_lrs[-1])), text, colour))
    if has_numbers(lr_fit, "exponent"):
        fit = lr_fit.iloc[0]
        fitted = _fitted(fit, found["examples_per_iteration"].to_numpy(float))
        axes.plot(found["batch_size"], fitted, "-", color=_FIT, linewidth=1.3)
        text = f"fit: power {number(_exponent(fit)[0], digits=2)}"
        labels.append(LineLabel(float(fitted[-1]), f"{text},\nthen flat" if _is_saturated(fit) else text, _FIT))
    return labels


def _fitted(fit: pd.Series[Any], examples: FloatArray) -> FloatArray:
    """Return the lr of the fit: c·E^p, or c·min(E, K)^p where it saturates at K examples per iteration."""
    if not _is_saturated(fit):
        lrs: FloatArray = np.exp(fit["log_lr_at_one"] + fit["exponent"] * np.log(examples))
        return lrs
    below: FloatArray = np.minimum(examples / fit["saturates_at"], 1.0) ** fit["exponent_below"]
    return float(fit["saturated_lr"]) * below


def _is_saturated(fit: pd.Series[Any]) -> bool:
    return bool(np.isfinite(fit["saturates_at"]))


def _exponent(fit: pd.Series[Any]) -> tuple[float, float, float]:
    """Return the exponent with its interval: that below the knee where the best lr saturates."""
    name = "exponent_below" if _is_saturated(fit) else "exponent"
    return float(fit[name]), float(fit[f"{name}_low"]), float(fit[f"{name}_high"])


def _explain(figure: Figure) -> None:
    marks = [
        Line2D([], [], marker="o", color="none", markerfacecolor=INK, markeredgecolor=INK, label="best lr"),
        Line2D([], [], marker="o", color="none", markeredgecolor=ACCENT, markersize=11, label="on the grid's edge"),
        Patch(facecolor=_PALE, label="lrs seen to reach the target"),
        Line2D([], [], marker="_", color="none", markeredgecolor=INK, markersize=13, label="largest stable lr"),
    ]
    figure.legend(handles=marks, loc="outside upper left", ncols=4, frameon=False, fontsize=9, columnspacing=1.2)


def _points(axes: Axes, table: pd.DataFrame, column: str, colours: Colours) -> None:
    axes.scatter(table["batch_size"], table[column], color=[colours[s] for s in table["batch_size"]], s=46, zorder=4)


def _iterations_caption(source: Source) -> str:
    return (
        f"Iterations to {source.goal_text} at each batch size's best lr by iterations; bars span the seeds. "
        "Along the dashed line twice the batch size halves the iterations; "
        "where the points leave it, a larger batch costs more examples."
    )


def _best_lr_caption(source: Source) -> str:
    text = "Best lr by iterations to the target. The two rules run through the middle of the best cells."
    fit = source.table("lr_fit")
    if not has_numbers(fit, "exponent"):
        return f"{text} Too few batch sizes reached the target inside the grid for a fit."
    exponent, low, high = _exponent(fit.iloc[0])
    power = f"The fit: best lr grows as batch size to the power {number(exponent, digits=2)}{interval(low, high)}"
    knee = float(fit["saturates_at"].iloc[0])
    limit = f" up to batch size {setting(round(knee))}, and not beyond" if _is_saturated(fit.iloc[0]) else ""
    return f"{text} {power}{limit}."


ITERATIONS_TO_TARGET = ReportFigure(
    "iterations_to_target",
    "Iterations to the target",
    caption=_iterations_caption,
    has_rows=lambda source: has_numbers(source.table("best"), "iterations_to_target"),
    draw=lambda source: iterations_to_target(source.table("best"), source.table("convergence"), colours=source.colours),
)
BEST_LR = ReportFigure(
    "best_lr",
    "Best lr of each batch size",
    caption=_best_lr_caption,
    has_rows=lambda source: has_numbers(source.table("scaling"), "best_lr"),
    draw=lambda source: best_lr(source.table("scaling"), source.table("lr_fit"), colours=source.colours),
)
