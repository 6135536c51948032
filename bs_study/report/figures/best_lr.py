"""The best lr of each batch size, the lrs that reach the target, and the rules that it may follow."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from bs_study.report.axes import LineLabel, batch_axis, label_lines, lr_axis
from bs_study.report.curves import Source
from bs_study.report.figure import ReportFigure, has_numbers, interval
from bs_study.report.figures.size_point import size_point
from bs_study.report.style import INK, MUTED, Colours, batch_colours, new_figure, styled
from bs_study.words import number, setting

FloatArray = npt.NDArray[np.float64]
_PALE, _EDGE, _FIT = "#cfe3f1", "#4f86ad", "#0072b2"


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
    for colour, inner in ((_EDGE, 0), (_PALE, 1.6)):  # pale, within an edge that is seen on white
        bars = axes.vlines(found["batch_size"], found["band_low_lr"], found["band_high_lr"], color=colour)
        bars.set_linewidth(max(width - inner, 1))
    axes.plot(
        scaling["batch_size"],
        scaling["largest_stable_lr"],
        "_",
        color=INK,
        markersize=1.15 * width,
        markeredgewidth=1.6,
    )
    labels = _rules(axes, found, lr_fit)
    for row in found.to_dict("records"):
        size = row["batch_size"]
        size_point(axes, size, row["best_lr"], colour=colours[size], text=_lr_text(row), recipe=row.get("recipe", ""))
    on_edge = found[found["best_lr_on_edge"].fillna("") != ""]
    axes.plot(on_edge["batch_size"], on_edge["best_lr"], "o", color=INK, fillstyle="none", markersize=13)
    label_lines(axes, labels)
    _explain(figure)
    return figure


def _rules(axes: Axes, found: pd.DataFrame, lr_fit: pd.DataFrame) -> list[LineLabel]:
    """Draw the fit, and lr ∝ B and lr ∝ √B through the geometric mean of the best cells."""
    if len(found) < 2:
        return []
    centre = np.log(found[["batch_size", "best_lr"]].to_numpy(float)).mean(axis=0)
    ends = np.array([found["batch_size"].min(), found["batch_size"].max()], float)
    labels = []
    for power, text, dash in ((1.0, "linear", ":"), (0.5, "square root", "-.")):
        lrs = np.exp(centre[1] + power * (np.log(ends) - centre[0]))
        axes.plot(ends, lrs, dash, color=MUTED, linewidth=1.3)
        labels.append(LineLabel(float(lrs[-1]), text, MUTED, dash))
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
        Line2D([], [], marker="o", color="none", markeredgecolor=INK, markersize=11, label="on the grid's edge"),
        Patch(facecolor=_PALE, edgecolor=_EDGE, label="lrs seen to reach the target"),
        Line2D([], [], marker="_", color="none", markeredgecolor=INK, markersize=13, label="largest stable lr"),
    ]
    figure.legend(handles=marks, loc="outside upper left", ncols=2, frameon=False, fontsize=9, columnspacing=1.2)


def _lr_text(row: Mapping[Hashable, Any]) -> str:
    stable = row["largest_stable_lr"]
    limit = f", largest stable lr {setting(stable)}" if np.isfinite(stable) else ""
    edge = ", on the edge of those tried" if row["best_lr_on_edge"] else ""
    return f"batch size {setting(row['batch_size'])}: best lr {setting(row['best_lr'])}{edge}{limit}"


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


BEST_LR = ReportFigure(
    "best_lr",
    "Best lr of each batch size",
    caption=_best_lr_caption,
    has_rows=lambda source: has_numbers(source.table("scaling"), "best_lr"),
    draw=lambda source: best_lr(source.table("scaling"), source.table("lr_fit"), colours=source.colours),
)
