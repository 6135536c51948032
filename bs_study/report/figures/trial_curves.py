"""Every trial's held-out metric against iterations: a small figure for each batch size."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from functools import partial

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.figure import Figure

from bs_study.report.axes import LineLabel, label_lines, log_axis
from bs_study.report.curves import Source, by_batch_size, some_of
from bs_study.report.figure import ReportFigure
from bs_study.report.inline import mark
from bs_study.report.metric_scale import MetricScale
from bs_study.report.style import new_figure, ramp, styled
from bs_study.report.trial_words import trial_end
from bs_study.target import Target
from bs_study.words import setting

_DASHES = ("-", "--", ":", "-.")
_MOST_POINTS = 30  # of a trial; more make the page of thousands of trials too large
_MOST_LABELS = 12


@styled
def trial_curves(evaluations: pd.DataFrame, times: pd.DataFrame, *, target: Target) -> Figure:
    """Return the target's metric of every trial of a batch size, a line each; those of an lr share colour and dashes.

    Args:
        evaluations: trial_id, lr, seed, iteration and the metric. Of many looks of a trial some are drawn, the last and
            the one that reached the target among them.
        times: what became of each trial: trial_id, lr, seed, outcome, stop_reason, iterations_to_target and
            iterations_at_end.
    """
    shown = evaluations[np.isfinite(evaluations[target.metric].astype(float))].sort_values("iteration")
    ends = {row["trial_id"]: row for row in times.to_dict("records")}
    scale = MetricScale(shown[target.metric].to_numpy(float), target)
    lrs = sorted(shown["lr"].unique())
    looks = dict(zip(lrs, zip(ramp(len(lrs)), itertools.cycle(_DASHES), strict=False), strict=True))
    figure = new_figure(width=5.4, height=3.6)
    axes = figure.subplots()
    log_axis(axes.xaxis, shown["iteration"], margin=0.03)
    scale.set_axis(axes)
    levels: dict[float, list[float]] = {}
    for name, trial in shown.groupby("trial_id", sort=False):
        end = ends[name]
        colour, dash = looks[end["lr"]]
        iterations = trial["iteration"].to_numpy()
        kept = _thinned(iterations, end["iterations_to_target"])
        heights = scale.place(trial[target.metric])[kept]
        (line,) = axes.plot(iterations[kept], heights, linestyle=dash, color=colour, linewidth=1)
        reached = np.flatnonzero(iterations[kept] == end["iterations_to_target"])
        line.set(marker="o", markersize=4, markevery=[int(k) for k in reached[:1]])
        mark(line, str(name), f"lr {setting(end['lr'])}, seed {end['seed']}: {trial_end(end)}")
        levels.setdefault(end["lr"], []).append(float(heights[-1]))
    axes.set_xlabel("iteration")
    labels = {lr: LineLabel(float(np.median(levels[lr])), setting(lr), *looks[lr]) for lr in lrs}
    label_lines(axes, [labels[lr] for lr in some_of(lrs, most=_MOST_LABELS)], title="lr")
    return figure


def _thinned(iterations: npt.NDArray[np.int64], reached: float) -> npt.NDArray[np.int64]:
    """Return the places of the looks that are drawn: even on a log axis, both ends, and the one that reached."""
    if len(iterations) <= _MOST_POINTS:
        return np.arange(len(iterations))
    wanted = np.geomspace(max(iterations[0], 1), iterations[-1], _MOST_POINTS - 1)
    places = np.searchsorted(iterations, np.round(wanted, 6)).clip(0, len(iterations) - 1)
    return np.union1d(places, np.flatnonzero(iterations == reached)[:1])


def curve_figures(source: Source) -> list[ReportFigure]:
    """Return the figure of each batch size of a recipe with an evaluation, the smallest first.

    All are drawn from one reading of the store. The name of each is what the marks of other figures lead to.
    """
    target, looks = source.target, source.looks
    if target is None or target.metric not in looks:
        return []
    known = looks[np.isfinite(looks[target.metric].astype(float))]
    return [_of_size(size, rows, target) for size, rows in by_batch_size(known)]


def _of_size(size: int, rows: pd.DataFrame, target: Target) -> ReportFigure:
    return ReportFigure(
        f"curves-b{setting(size)}",
        f"Every trial at batch size {setting(size)}",
        caption=partial(_caption, lrs=sorted(rows["lr"].unique())),
        has_rows=lambda source: True,
        draw=lambda source: trial_curves(rows, _ends(source, size), target=target),
    )


def _ends(source: Source, size: int) -> pd.DataFrame:
    times = source.table("times")
    return times[times["batch_size"] == size]


def _caption(source: Source, *, lrs: Sequence[float]) -> str:
    some = f" {_MOST_LABELS} of {len(lrs)} lrs are named." if len(lrs) > _MOST_LABELS else ""
    return f"A line for each trial, a dot where it reached {source.goal_text}.{some}"
