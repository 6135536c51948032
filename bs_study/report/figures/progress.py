"""The held-out metric against what was spent: training seconds, or examples."""

from __future__ import annotations

from typing import cast

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from bs_study.report.axes import LineLabel, clock_axis, label_lines
from bs_study.report.curves import Source, by_batch_size
from bs_study.report.figure import ReportFigure, anchor, has_numbers
from bs_study.report.inline import mark
from bs_study.report.metric_scale import MetricScale
from bs_study.report.style import Colours, batch_colours, batch_markers, new_figure, styled
from bs_study.report.trial_words import curve_name, trial_end
from bs_study.target import Target
from bs_study.words import setting

_AXIS_WORDS = {
    "train_seconds": "training time",
    "clean_seconds": "training time, timed alone",
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
    recipe: str = "",
) -> Figure:
    """Return the target's metric against a clock, a line for each trial, its marker where it reached the target.

    Args:
        evaluations: the columns of the store, of one lr for each batch size.
        times: what became of each trial: trial_id, outcome, stop_reason, iterations_to_target, iterations_at_end.
        clock: train_seconds, clean_seconds or examples.
        target: its metric is drawn, its value is a line across.
        colours: of each batch size; by default those of the table.
        recipe: whose curves a click leads to.
    """
    colours = colours or batch_colours(evaluations["batch_size"])
    markers = batch_markers(colours)
    shown = evaluations[np.isfinite(evaluations[target.metric]) & (evaluations[clock] > 0)].sort_values("iteration")
    ends = {row["trial_id"]: row for row in times.to_dict("records")}
    scale = MetricScale(shown[target.metric].to_numpy(float), target)
    figure = new_figure(height=4.2)
    axes = figure.subplots()
    clock_axis(axes.xaxis, shown[clock], clock=clock, margin=0.02)
    scale.set_axis(axes)
    labels = []
    for size, group in by_batch_size(shown):
        colour = colours[size]
        for name, trial in group.groupby("trial_id"):
            end = ends[name]
            reached = np.flatnonzero(trial["iteration"].to_numpy() == end["iterations_to_target"])
            (line,) = axes.plot(trial[clock], scale.place(trial[target.metric]), color=colour, linewidth=1.1)
            line.set(marker=markers[size], markevery=[int(k) for k in reached[:1]], markersize=7)
            text = f"{curve_name(size, end['lr'], end['seed'])}: {trial_end(end, clock=clock)}"
            mark(line, str(name), text, link=anchor(f"curves-b{setting(size)}", recipe))
        last = group.groupby("trial_id")[target.metric].last().median()
        labels.append(LineLabel(float(scale.place(last)), setting(size), colour, marker=markers[size]))
    axes.set_xlabel(_AXIS_WORDS[clock])
    label_lines(axes, labels, title="batch size")
    return figure


def _by(clock: str) -> ReportFigure:
    """Return the figure of the metric against a clock, if it is the study's own or examples."""

    def caption(source: Source) -> str:
        if clock == "examples":
            return "The same trials per example seen."
        first = "A line for each seed, a marker where it reaches the target: the furthest left takes the least time."
        return f"{first} {source.lrs_text}"

    def has_rows(source: Source) -> bool:
        if source.target is None or clock not in (source.clock, "examples"):
            return False
        return source.target.metric in source.evaluations and has_numbers(source.evaluations, source.target.metric)

    def draw(source: Source) -> Figure:
        target = cast("Target", source.target)  # there are no rows without one
        return metric_progress(
            source.evaluations,
            source.table("times"),
            clock=clock,
            target=target,
            colours=source.colours,
            recipe=source.recipe,
        )

    return ReportFigure(
        f"metric_by_{clock}",
        f"Held-out metric against {_AXIS_WORDS[clock]}",
        caption=caption,
        has_rows=has_rows,
        draw=draw,
    )


PROGRESS = tuple(_by(clock) for clock in _AXIS_WORDS)
