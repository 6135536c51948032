"""Time of an epoch and of an iteration against batch size."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bs_study.report.axes import LineLabel, batch_axis, clock_axis, label_lines
from bs_study.report.curves import Source
from bs_study.report.figure import ReportFigure, has_numbers
from bs_study.report.inline import mark
from bs_study.report.style import INK, MUTED, Colours, batch_colours, new_figure, styled
from bs_study.words import duration, setting

_BLUE, _VERMILION = "#0072b2", "#d55e00"  # Okabe-Ito
_EPOCH_PARTS = (("epoch", INK, "-"), ("compute", _BLUE, "--"), ("load", _VERMILION, ":"))


@styled
def epoch_time(throughput: pd.DataFrame, *, colours: Colours | None = None) -> Figure:
    """Return epoch seconds, split into load and compute, against batch size; bars span the quartiles of epochs."""
    figure = new_figure()
    axes = figure.subplots()
    table = throughput.sort_values("batch_size")
    names = [name for name, _, _ in _EPOCH_PARTS]
    batch_axis(axes.xaxis, table["batch_size"])
    times = table[[f"{name}_seconds" for name in names]].to_numpy(float).ravel()
    clock_axis(axes.yaxis, times, clock="seconds", margin=0.06)
    labels = []
    for name, colour, line in _EPOCH_PARTS:
        shown = table[table[f"{name}_seconds"] > 0]
        if len(shown):
            axes.plot(shown["batch_size"], shown[f"{name}_seconds"], line, color=colour)
            _quartiles(axes, shown, f"{name}_seconds", colour=colour)
            labels.append(LineLabel(shown[f"{name}_seconds"].iloc[-1], name, colour, line))
    _batch_points(axes, table, "epoch_seconds", colours)
    axes.set_ylabel("time of one epoch")
    label_lines(axes, labels)
    return figure


@styled
def iteration_time(throughput: pd.DataFrame, throughput_fit: pd.DataFrame, *, colours: Colours | None = None) -> Figure:
    """Return iteration seconds against examples per iteration, with the fit a + b·E where there is one.

    An iteration has fewer examples than the batch size where the last batch of an epoch is short.
    """
    figure = new_figure()
    axes = figure.subplots()
    table = throughput.sort_values("batch_size")
    batch_axis(axes.xaxis, table["examples_per_iteration"].round().astype(int), label="examples per iteration (mean)")
    clock_axis(axes.yaxis, table["iteration_seconds"], clock="seconds")
    labels = _draw_fit(axes, throughput_fit)
    _quartiles(axes, table, "iteration_seconds", colour=INK, x="examples_per_iteration")
    _batch_points(axes, table, "iteration_seconds", colours, x="examples_per_iteration")
    axes.set_ylabel("time of one iteration")
    label_lines(axes, labels)
    return figure


def _draw_fit(axes: Axes, throughput_fit: pd.DataFrame) -> list[LineLabel]:
    if (
        throughput_fit.empty
        or not np.isfinite(throughput_fit[["a_seconds", "b_seconds_per_example"]].to_numpy(float)).all()
    ):
        return []
    fit = throughput_fit.iloc[0]
    examples = np.geomspace(*axes.get_xlim(), 200)
    fitted = fit["a_seconds"] + fit["b_seconds_per_example"] * examples
    axes.plot(examples, fitted, "--", color=MUTED, linewidth=1.2)
    half = fit["half_limit_batch_size"]
    if axes.get_xlim()[0] < half < axes.get_xlim()[1]:
        axes.axvline(half, color=MUTED, linewidth=0.9, linestyle=":")
        axes.annotate(
            f" half of the throughput limit\n at batch size {setting(round(half))}",
            (half, 0.98), xycoords=("data", "axes fraction"), va="top", color=MUTED, fontsize=9,
        )  # fmt: skip
    text = f"{duration(fit['a_seconds'])} +\n{duration(fit['b_seconds_per_example'])} per\nexample"
    return [LineLabel(float(fitted[-1]), text, MUTED, "--")]


def _quartiles(axes: Axes, table: pd.DataFrame, column: str, *, colour: str, x: str = "batch_size") -> None:
    if f"{column}_low" in table:
        axes.vlines(table[x], table[f"{column}_low"], table[f"{column}_high"], color=colour, linewidth=3)


def _batch_points(
    axes: Axes, table: pd.DataFrame, column: str, colours: Colours | None, *, x: str = "batch_size"
) -> None:
    colours = colours or batch_colours(table["batch_size"])
    name = column.removesuffix("_seconds")
    for row in table.to_dict("records"):
        (drawn,) = axes.plot([row[x]], [row[column]], "o", color=colours[row["batch_size"]], markersize=7, zorder=4)
        text = f"batch size {setting(row['batch_size'])}: one {name} takes {duration(row[column])}{_parts(row, name)}"
        mark(drawn, f"b{setting(row['batch_size'])}", text)


def _parts(row: Mapping[Hashable, Any], name: str) -> str:
    if name != "epoch":
        return ""
    return f", {duration(row['compute_seconds'])} of it compute and {duration(row['load_seconds'])} load"


def _epoch_caption(source: Source) -> str:
    return (
        "Median time of one pass over the training set, and its parts: "
        "waiting for batches (load) and forward, backward and update (compute). "
        f"{_measured(source)} Warm-up and evaluation are left out."
    )


def _iteration_caption(source: Source) -> str:
    fit = source.table("throughput_fit")
    text = f"Median time of one update. {_measured(source)}"
    if not has_numbers(fit, "a_seconds"):
        return text
    row = fit.iloc[0]
    fixed, each = duration(row["a_seconds"]), duration(row["b_seconds_per_example"])
    text += f" Dashed: a fixed cost of {fixed} and {each} for each example."
    limit = row["doubling_gain_limit_batch_size"]
    if np.isfinite(limit):
        text += f" Beyond batch size {setting(round(limit))}, doubling it gains less than 10 %."
    return text


def _measured(source: Source) -> str:
    if source.found.tables.is_clean:
        return "Measured alone, in the timing pass; bars span its repeats."
    return "By the clocks of the trials; bars span the quartiles over epochs."


def _timed(source: Source) -> pd.DataFrame:
    speed = source.table("clean_throughput" if source.found.tables.is_clean else "throughput")
    return speed[speed["epoch_seconds"].to_numpy(float) > 0]


EPOCH_TIME = ReportFigure(
    "epoch_time",
    "Time of an epoch",
    caption=_epoch_caption,
    has_rows=lambda source: len(_timed(source)) > 0,
    draw=lambda source: epoch_time(_timed(source), colours=source.colours),
)
ITERATION_TIME = ReportFigure(
    "iteration_time",
    "Time of an iteration",
    caption=_iteration_caption,
    has_rows=lambda source: len(_timed(source)) > 0,
    draw=lambda source: iteration_time(_timed(source), source.table("throughput_fit"), colours=source.colours),
)
