"""The critical batch size against the target."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bs_study.analysis.study import Analysis
from bs_study.report.axes import LineLabel, label_lines, log_axis
from bs_study.report.figure import ReportFigure
from bs_study.report.inline import mark
from bs_study.report.style import ACCENT, MUTED, new_figure, styled
from bs_study.report.targets import critical_by_target as critical_table
from bs_study.target import read_target
from bs_study.words import goal, number, setting

_DEFINITIONS = (("knee", "knee", ACCENT, "o", -0.06), ("rule", "20 % rule", MUTED, "s", 0.06))
"""Prefix of its columns, name, colour, marker, and how far beside the target it is drawn."""


@styled
def critical_by_target(table: pd.DataFrame) -> Figure:
    """Return the critical batch size at each target by both definitions, with their intervals.

    An interval that has no end leads out of the figure.

    Args:
        table: a row per target: target (text), value (of its metric), knee_batch_size and rule_batch_size with _low and
            _high. Targets are drawn in the order of the rows.
    """
    figure = new_figure(width=5.4, height=3.8)
    axes = figure.subplots()
    axes.set_xlim(-0.4, len(table) - 0.6)
    names = [f"{prefix}_{end}" for prefix, *_ in _DEFINITIONS for end in ("batch_size", "low", "high")]
    log_axis(axes.yaxis, table[names].to_numpy(float).ravel(), margin=0.12)
    labels = [label for place in _DEFINITIONS for label in _draw(axes, table, *place)]
    axes.set_xticks(range(len(table)), [setting(value) for value in table["value"]])
    axes.set_xlabel(f"target, {read_target(str(table['target'].iloc[0])).metric}")
    axes.set_ylabel("critical batch size (examples)")
    label_lines(axes, labels)
    return figure


def _draw(
    axes: Axes, table: pd.DataFrame, prefix: str, name: str, colour: str, marker: str, beside: float
) -> list[LineLabel]:
    """Draw one definition; return its label, or none where it is known at no target."""
    places = np.arange(len(table)) + beside
    size, low, high = (table[f"{prefix}_{end}"].to_numpy(float) for end in ("batch_size", "low", "high"))
    bottom, top = axes.get_ylim()
    axes.vlines(places, np.maximum(low, bottom), np.minimum(high, top), color=colour, linewidth=1.8)
    axes.plot(places, np.where((size > 0) & np.isfinite(size), size, np.nan), color=colour, linewidth=1)
    known = np.flatnonzero((size > 0) & np.isfinite(size))
    for at in known:
        (point,) = axes.plot([places[at]], [size[at]], marker, color=colour, markersize=6, zorder=4)
        ends = "" if np.isnan(low[at]) else f" ({_end(low[at])} to {_end(high[at])})"
        at_least = "at least " if prefix == "rule" and table["rule_is_at_least"].iloc[at] else ""
        text = f"{goal(table['target'].iloc[at])}: {name} {at_least}{number(size[at])}{ends}"
        mark(point, f"{prefix}-t{at}", text)
    return [LineLabel(float(size[known[-1]]), name, colour, marker=marker)] if len(known) else []


def _end(value: float) -> str:
    return "∞" if np.isinf(value) else number(value)


def critical_figure(analyses: Sequence[Analysis]) -> ReportFigure:
    """Return the figure of a study's critical batch size by each target, of the recipe that is recommended most."""
    table = critical_table(analyses)
    best = pd.Series([one.best_cell.recipe for one in analyses if one.best_cell], dtype=object).mode()
    rows = table[table["recipe"] == best.iloc[0]] if len(best) else table
    known = rows[(rows["knee_batch_size"] > 0) | (rows["batch_sizes"] > 1)].reset_index(drop=True)
    return ReportFigure(
        "critical_by_target",
        "Critical batch size by target",
        caption=lambda source: (
            "The knee of S = S_min (1 + B_c/B), and the batch size up to which the target takes at most 20 % more "
            "examples. Bars: 95 %."
        ),
        has_rows=lambda source: known["knee_batch_size"].notna().sum() > 1,
        draw=lambda source: critical_by_target(known),
    )
