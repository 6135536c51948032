"""Where training ends at each batch size: the held-out metric in two views, and the sharpness where it is known."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bs_study.report.axes import batch_axis, log_axis
from bs_study.report.curves import Source
from bs_study.report.figure import ReportFigure, anchor, has_numbers
from bs_study.report.inline import mark
from bs_study.report.metric_scale import MetricScale
from bs_study.report.style import INK, MUTED, Colours, batch_colours, new_figure, styled
from bs_study.target import Target
from bs_study.words import counted, number, setting

_VIEWS = {"at_examples": "at equal examples", "at_training_loss": "at an equal training loss"}


@styled
def minima(table: pd.DataFrame, *, target: Target, colours: Colours | None = None) -> Figure:
    """Return the held-out metric of each batch size at equal examples (filled) and at an equal training loss (open).

    A bar is from the smallest to the largest seed. A second panel has the largest eigenvalue of the Hessian, where it
    is known.

    Args:
        table: `minima` of one recipe.
        target: names the metric.
    """
    colours = colours or batch_colours(table["batch_size"])
    is_sharp = has_numbers(table, "largest_eigenvalue")
    figure = new_figure(width=7.8 if is_sharp else 5.2, height=3.8)
    panels = figure.subplots(1, 1 + is_sharp, squeeze=False)[0]
    _metric(panels[0], table, target=target, colours=colours)
    if is_sharp:
        _sharpness(panels[1], table[table["largest_eigenvalue"] > 0], colours)
    for axes in panels:
        batch_axis(axes.xaxis, table["batch_size"], most=6 if is_sharp else 9)
    marks = [
        Line2D([], [], marker="o", color="none", markerfacecolor=INK, markeredgecolor=INK, label=_VIEWS["at_examples"]),
        Line2D(
            [],
            [],
            marker="D",
            color="none",
            markerfacecolor="none",
            markeredgecolor=INK,
            label=_VIEWS["at_training_loss"],
        ),
    ]
    figure.legend(handles=marks, loc="outside upper left", ncols=2, frameon=False, fontsize=9)
    return figure


def _metric(axes: Axes, table: pd.DataFrame, *, target: Target, colours: Colours) -> None:
    names = [f"metric_{view}{end}" for view in _VIEWS for end in ("", "_low", "_high")]
    values = table[names].to_numpy(float).ravel()
    scale = MetricScale(values[np.isfinite(values)], target)
    scale.set_axis(axes)
    for (view, words), shift, look in zip(_VIEWS.items(), (0.97, 1.03), ("o", "D"), strict=True):
        name = f"metric_{view}"
        for row in table[table[name].notna()].to_dict("records"):
            size, x = int(row["batch_size"]), row["batch_size"] * shift
            low, high = scale.place([row[f"{name}_low"], row[f"{name}_high"]])
            axes.vlines(x, low, high, color=MUTED, linewidth=1.6)
            (drawn,) = axes.plot([x], scale.place(row[name]), look, color=colours[size], markersize=6, zorder=4)
            drawn.set_fillstyle("full" if look == "o" else "none")
            text = f"{_named(row)}: {target.metric} {number(row[name], digits=4)} {words}, {_seeds(row, name)}"
            mark(drawn, f"{view}-b{setting(size)}", text, link=anchor(f"curves-b{setting(size)}", row["recipe"]))


def _seeds(row: Mapping[Hashable, Any], name: str) -> str:
    if row["seeds"] < 2:
        return "one seed"
    low, high = (number(row[f"{name}_{end}"], digits=4) for end in ("low", "high"))
    return f"{counted(row['seeds'], 'seed')} from {low} to {high}"


def _named(row: Mapping[Hashable, Any]) -> str:
    return f"batch size {setting(row['batch_size'])}, lr {setting(row['lr'])}"


def _sharpness(axes: Axes, known: pd.DataFrame, colours: Colours) -> None:
    ends = ["largest_eigenvalue", "largest_eigenvalue_low", "largest_eigenvalue_high"]
    log_axis(axes.yaxis, known[ends].to_numpy(float).ravel(), margin=0.12)
    axes.vlines(known["batch_size"], known[ends[1]], known[ends[2]], color=MUTED, linewidth=1.6)
    for row in known.to_dict("records"):
        size, value = int(row["batch_size"]), row["largest_eigenvalue"]
        (drawn,) = axes.plot([size], [value], "o", color=colours[size], markersize=6, zorder=4)
        text = f"{_named(row)}: largest eigenvalue {number(value)}"
        mark(drawn, f"sharpness-b{setting(size)}", text, link=anchor(f"curves-b{setting(size)}", row["recipe"]))
    axes.set_title("largest eigenvalue of the Hessian", loc="left", fontsize=10)


def _caption(source: Source) -> str:
    table = source.table("minima")
    first = table.iloc[0]
    text = f"Medians over seeds, with all of them as a bar. Filled: after {number(first['examples'])} examples. "
    if np.isfinite(first["training_loss"]):
        text += f"Open: where each first had a training loss of {number(first['training_loss'])}. "
    ended = int(table["at_target"].sum())
    text += f"{counted(ended, 'trial').capitalize()} ended at the target. " if ended else ""
    return f"{text}{source.lrs_text}"


MINIMA = ReportFigure(
    "minima",
    "Where training ends",
    caption=_caption,
    has_rows=lambda source: source.target is not None and has_numbers(source.table("minima"), "metric_at_examples"),
    draw=lambda source: minima(source.table("minima"), target=source.target, colours=source.colours),  # type: ignore[arg-type]
)
