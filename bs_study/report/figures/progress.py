"""The held-out metric against what was spent: train seconds, iterations, or examples."""

from __future__ import annotations

from typing import cast

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

from bs_study.report.axes import LineLabel, label_lines, log_axis, log_ticks
from bs_study.report.curves import Source, by_batch_size
from bs_study.report.figure import ReportFigure, has_numbers
from bs_study.report.style import ACCENT, Colours, batch_colours, new_figure, styled
from bs_study.target import Target
from bs_study.words import number, setting

FloatArray = npt.NDArray[np.float64]
_AXIS_WORDS = {
    "train_seconds": "training time (s)",
    "clean_seconds": "training time, timed alone (s)",
    "iteration": "iterations",
    "examples": "examples seen",
}


@styled
def metric_progress(
    evaluations: pd.DataFrame,
    times: pd.DataFrame,
    *,
    clock: str,
    target: Target,
    colours: Colours | None = None,
) -> Figure:
    """Return the target's metric against a clock, a line for each trial, a dot where it reached the target.

    Args:
        evaluations: the columns of the store, of one lr for each batch size.
        times: what became of each trial: trial_id, iterations_to_target.
        clock: train_seconds, clean_seconds, iteration or examples.
        target: its metric is drawn, its value is a line across.
        colours: of each batch size; by default those of the table.
    """
    colours = colours or batch_colours(evaluations["batch_size"])
    shown = evaluations[np.isfinite(evaluations[target.metric]) & (evaluations[clock] > 0)].sort_values("iteration")
    reached = shown.merge(times[["trial_id", "iterations_to_target"]], on="trial_id")
    reached = reached[reached["iteration"] == reached["iterations_to_target"]]
    scale = _MetricScale(shown[target.metric].to_numpy(float), target)
    figure = new_figure(height=4.2)
    axes = figure.subplots()
    log_axis(axes.xaxis, shown[clock], margin=0.02)
    scale.set_axis(axes)
    labels = []
    for size, group in by_batch_size(shown):
        for _, trial in group.groupby("trial_id"):
            axes.plot(trial[clock], scale.place(trial[target.metric]), color=colours[size], linewidth=1.1, alpha=0.7)
        last = group.groupby("trial_id")[target.metric].last().median()
        labels.append(LineLabel(float(scale.place(last)), setting(size), colours[size]))
    colour = list(reached["batch_size"].map(colours))
    dots = axes.scatter(reached[clock], scale.place(reached[target.metric]), color=colour, s=36, edgecolor="white")
    dots.set_zorder(5)
    axes.axhline(float(scale.place(target.value)), color=ACCENT, linewidth=1, linestyle="--")
    axes.annotate(
        f"target {setting(target.value)}", (0.005, float(scale.place(target.value))),
        xycoords=("axes fraction", "data"), va="bottom", color=ACCENT, fontsize=9,
    )  # fmt: skip
    axes.set_xlabel(_AXIS_WORDS[clock])
    label_lines(axes, labels, title="batch size")
    return figure


class _MetricScale:
    """Where a metric's value lies on the y axis, so that the values near the target are apart.

    Fractions that should be high are drawn by their distance from 1, positive values that should be low by their
    logarithm, all others as they are.
    """

    def __init__(self, values: FloatArray, target: Target) -> None:
        seen = np.append(values, target.value)
        self._name = target.metric
        self._is_fraction = target.direction == "max" and seen.min() >= 0 and seen.max() <= 1 and target.value < 1
        is_log = self._is_fraction or (target.direction == "min" and seen.min() > 0)
        self._is_log = is_log
        distances = 1 - seen
        self._floor = distances[distances > 0].min() / 2 if self._is_fraction else 0.0
        self._seen = seen

    def place(self, value: npt.ArrayLike) -> FloatArray:
        values = np.asarray(value, float)
        return np.maximum(1 - values, self._floor) if self._is_fraction else values

    def set_axis(self, axes: Axes) -> None:
        axes.set_ylabel(f"held-out {self._name}")
        if not self._is_log:
            return
        places = self.place(self._seen)
        log_axis(axes.yaxis, places, margin=0.04)
        if self._is_fraction:
            axes.invert_yaxis()
            ticks = log_ticks(*sorted(axes.get_ylim()))
            axes.yaxis.set_major_locator(FixedLocator(ticks))
            axes.yaxis.set_major_formatter(FixedFormatter([number(1 - tick, digits=5) for tick in ticks]))
            axes.yaxis.set_minor_locator(NullLocator())


def _by(clock: str) -> ReportFigure:
    """Return the figure of the metric against a clock, if it is the study's own or none of seconds."""

    def caption(source: Source) -> str:
        if clock == "iteration":
            return "The same trials per update, of which each is larger with a larger batch."
        if clock == "examples":
            return "The same trials per example seen."
        first = "A line for each seed, a dot where it reaches the target: the furthest left takes the least time."
        return f"{first} {source.lrs_text}"

    def has_rows(source: Source) -> bool:
        if source.target is None or clock not in (source.clock, "iteration", "examples"):
            return False
        return source.target.metric in source.evaluations and has_numbers(source.evaluations, source.target.metric)

    def draw(source: Source) -> Figure:
        target = cast("Target", source.target)  # there are no rows without one
        times = source.table("times")
        return metric_progress(source.evaluations, times, clock=clock, target=target, colours=source.colours)

    title = f"Held-out metric against {_AXIS_WORDS[clock].removesuffix(' (s)')}"
    return ReportFigure(f"metric_by_{clock}", title, caption=caption, has_rows=has_rows, draw=draw)


PROGRESS = tuple(_by(clock) for clock in _AXIS_WORDS)
