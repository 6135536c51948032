"""The held-out metric against what was spent: train seconds, iterations, or examples."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

from bs_study.report.axes import LineLabel, label_lines, log_axis, log_ticks
from bs_study.report.curves import by_batch_size
from bs_study.report.style import ACCENT, Colours, batch_colours, new_figure, styled
from bs_study.target import Target
from bs_study.words import number, setting

FloatArray = npt.NDArray[np.float64]
_AXIS_WORDS = {
    "train_seconds": "training time (s)",
    "clean_seconds": "clean training time (s)",
    "iteration": "iterations",
    "examples": "examples seen",
}


@styled
def metric_progress(evaluations: pd.DataFrame, *, clock: str, target: Target, colours: Colours | None = None) -> Figure:
    """Return the target's metric against a clock, a line for each trial, a dot where it first meets the target.

    Args:
        evaluations: one lr for each batch size; the columns of the store.
        clock: train_seconds, clean_seconds, iteration or examples.
        target: its metric is drawn, its value is a line across.
        colours: of each batch size; by default those of the table.
    """
    colours = colours or batch_colours(evaluations["batch_size"])
    shown = evaluations[np.isfinite(evaluations[target.metric]) & (evaluations[clock] > 0)]
    scale = _MetricScale(shown[target.metric].to_numpy(float), target)
    figure = new_figure(height=4.2)
    axes = figure.subplots()
    log_axis(axes.xaxis, shown[clock], margin=0.02)
    scale.set_axis(axes)
    labels = []
    for size, group in by_batch_size(shown):
        for _, trial in group.sort_values(clock).groupby("seed"):
            _draw_trial(axes, trial, clock=clock, target=target, scale=scale, colour=colours[size])
        last = group.sort_values(clock).groupby("seed")[target.metric].last().median()
        labels.append(LineLabel(float(scale.place(last)), setting(size), colours[size]))
    axes.axhline(float(scale.place(target.value)), color=ACCENT, linewidth=1, linestyle="--")
    axes.annotate(
        f"target {setting(target.value)}", (0.005, float(scale.place(target.value))),
        xycoords=("axes fraction", "data"), va="bottom", color=ACCENT, fontsize=9,
    )  # fmt: skip
    axes.set_xlabel(_AXIS_WORDS[clock])
    label_lines(axes, labels, title="batch size")
    return figure


def _draw_trial(
    axes: Axes, trial: pd.DataFrame, *, clock: str, target: Target, scale: _MetricScale, colour: str
) -> None:
    heights = scale.place(trial[target.metric].to_numpy(float))
    axes.plot(trial[clock], heights, color=colour, linewidth=1.1, alpha=0.7)
    is_met = np.array([target.is_met(value) for value in trial[target.metric]])
    if is_met.any():
        first = int(is_met.argmax())
        axes.plot(
            trial[clock].iloc[first], heights[first], "o", color=colour, markersize=6, markeredgecolor="white", zorder=5
        )


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
