"""Time to the target against batch size, a line for each machine, and dashed for several of its GPUs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bs_study.analysis.timings import KIND
from bs_study.report.axes import batch_axis, clock_axis
from bs_study.report.curves import Source
from bs_study.report.figure import ReportFigure, anchor
from bs_study.report.inline import mark
from bs_study.report.sentences.costs import kinds_of, line_name, machine_names
from bs_study.report.style import new_figure, styled
from bs_study.words import duration, number, setting

# Okabe and Ito's, the light ones darker; the markers tell them apart in grey.
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#c2649b", "#1a1a1a", "#2f93cc", "#b97f00")
_MARKERS = "osD^vPX*"
_DASHES = ("--", ":", "-.")
_DODGE = 1.03  # between neighbouring machines, so that their bars do not cover each other
MOST_LINES = 12


@styled
def time_by_machine(costs: pd.DataFrame) -> Figure:
    """Return the time to the target of each batch size on each machine; bars span its interval.

    Args:
        costs: of one recipe. Of many machines and numbers of GPUs the first lines are drawn.
    """
    names = machine_names(costs)
    lines = list(costs.fillna({KIND[1]: -1}).groupby([*KIND, "gpus"], sort=False))[:MOST_LINES]
    several = sorted(set(costs["gpus"]) - {1})
    figure = new_figure(height=3.8 + 0.2 * len(lines))
    axes = figure.subplots()
    batch_axis(axes.xaxis, costs["batch_size"])
    clock_axis(axes.yaxis, costs[["seconds", "seconds_low", "seconds_high"]].to_numpy(float).ravel(), clock="seconds")
    for _, rows in lines:
        (kind,), gpus = kinds_of(rows), int(rows["gpus"].iloc[0])
        dash = "-" if gpus == 1 else _DASHES[several.index(gpus) % len(_DASHES)]
        place = list(names).index(kind)
        shift = _DODGE ** (place - (len(names) - 1) / 2)
        _draw(axes, rows, label=line_name(names[kind], gpus), place=place, dash=dash, shift=shift)
    axes.set_ylabel("time to the target")
    figure.legend(loc="outside upper left", frameon=False, fontsize=9)
    return figure


def _draw(axes: Axes, rows: pd.DataFrame, *, label: str, place: int, dash: str, shift: float) -> None:
    """Draw one line, with a mark for each batch size that is hollow where it is modelled."""
    colour, marker = _COLOURS[place % len(_COLOURS)], _MARKERS[place % len(_MARKERS)]
    rows = rows.sort_values("batch_size")
    sizes = rows["batch_size"] * shift
    is_modelled = bool(rows["is_modelled"].any())
    looks: dict[str, Any] = {
        "color": colour,
        "marker": marker,
        "markersize": 6,
        "fillstyle": "none" if is_modelled else "full",
    }
    axes.plot(sizes, rows["seconds"], linestyle=dash, linewidth=1.4, label=label, **looks)
    if not is_modelled:
        low = rows["seconds_low"].clip(lower=axes.get_ylim()[0])
        axes.vlines(sizes, low, rows["seconds_high"], color=colour, linewidth=1.8)
    for row in rows.to_dict("records"):
        (drawn,) = axes.plot([row["batch_size"] * shift], [row["seconds"]], **looks)
        size = setting(row["batch_size"])
        paid = f", {number(row['dollars'])} dollars" if np.isfinite(row["dollars"]) else ""
        text = f"{label}, batch size {size}: {duration(row['seconds'])}{paid}"
        mark(drawn, f"m{place}-k{row['gpus']}-b{size}", text, link=anchor(f"curves-b{size}", row["recipe"]))


def _caption(source: Source) -> str:
    rows = source.table("costs")
    told = ["Updates to the target × the time of one, at each batch size's best lr by updates. Bars span its interval."]
    if not rows["is_own"].all():
        told.append("Where no trial ran, the updates are taken over and only the time was measured.")
    if rows["is_modelled"].any():
        told.append("Dashed and hollow: several GPUs, modelled and not measured.")
    return " ".join(told)


TIME_BY_MACHINE = ReportFigure(
    "time_by_machine",
    "Time to the target on each machine",
    caption=_caption,
    has_rows=lambda source: len(source.table("costs")) > 0,
    draw=lambda source: time_by_machine(source.table("costs")),
)
