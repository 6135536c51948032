"""Noise of the loss against batch size, beside what independent noise would do."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bs_study.analysis.windows import FIRST_ITERATIONS
from bs_study.report.axes import LineLabel, batch_axis, label_lines, log_axis
from bs_study.report.curves import Source
from bs_study.report.figure import ReportFigure, anchor, interval
from bs_study.report.inline import mark
from bs_study.report.style import FAINT, INK, Colours, batch_colours, new_figure, styled
from bs_study.report.trial_words import curve_name
from bs_study.words import count, counted, number, setting

_MOST_MARKS = 400  # points that are marks of their own
_MOST_VECTORS = 2000  # points; more are drawn as an image inside the SVG


@styled
def loss_noise(smoothness: pd.DataFrame, *, window: str = "first_1000", colours: Colours | None = None) -> Figure:
    """Return the noise of each trial's loss in a window against its batch size, a line for each lr.

    The dashed line falls as the square root of the batch size, as independent noise does. Diverged trials are left out.
    """
    colours = colours or batch_colours(smoothness["batch_size"])
    trials = _shown(smoothness, window=window)
    figure = new_figure(height=4.2)
    axes = figure.subplots()
    batch_axis(axes.xaxis, smoothness["batch_size"])
    log_axis(axes.yaxis, trials["noise"])
    labels = []
    of_cells = trials.groupby(["lr", "batch_size"])["noise"].median()
    for lr in sorted(trials["lr"].unique()):
        medians = of_cells.loc[lr]
        (line,) = axes.plot(medians.index, medians, color=FAINT, linewidth=0.9)
        mark(line, f"lr{setting(lr)}", _line_text(lr, medians))
        labels.append((lr, float(medians.iloc[-1]), int(medians.index[-1])))
    _points(axes, trials, colours)
    _independent_noise(axes, trials)
    axes.set_ylabel("noise of the loss (nats per example)")
    last = trials["batch_size"].max()
    label_lines(axes, [LineLabel(y, setting(lr), FAINT) for lr, y, size in labels if size == last], title="lr")
    return figure


def _points(axes: Axes, trials: pd.DataFrame, colours: Colours) -> None:
    """Draw each trial; of more than some hundred, all as one, of which a part tells no value."""
    if len(trials) > _MOST_MARKS:
        points = axes.scatter(
            trials["batch_size"], trials["noise"], color=list(trials["batch_size"].map(colours)), s=16
        )
        points.set(zorder=4, rasterized=len(trials) > _MOST_VECTORS)
        return
    for row in trials.to_dict("records"):
        size = row["batch_size"]
        (drawn,) = axes.plot([size], [row["noise"]], "o", color=colours[size], markersize=4, zorder=4)
        text = f"{curve_name(size, row['lr'], row['seed'])}: noise {number(row['noise'])} nats per example"
        mark(drawn, str(row["trial_id"]), text, link=anchor(f"curves-b{setting(size)}", row["recipe"]))


def _line_text(lr: float, medians: pd.Series[float]) -> str:
    ends = [(medians.index[place], medians.iloc[place]) for place in ((0, -1) if len(medians) > 1 else (0,))]
    told = [f"{number(noise)} at batch size {setting(size)}" for size, noise in ends]
    return f"lr {setting(lr)}: median noise {' and '.join(told)}"


def _shown(smoothness: pd.DataFrame, *, window: str = "first_1000") -> pd.DataFrame:
    is_calm = (smoothness["noise"] > 0) & (smoothness["stability"] != "diverged")
    return smoothness[is_calm & (smoothness["window"] == window)]


def _independent_noise(axes: Axes, trials: pd.DataFrame) -> None:
    if trials["batch_size"].nunique() < 2:
        return
    centre = np.log(trials[["batch_size", "noise"]].to_numpy(float)).mean(axis=0)
    sizes = np.array([trials["batch_size"].min(), trials["batch_size"].max()], float)
    noise = np.exp(centre[1] - 0.5 * (np.log(sizes) - centre[0]))
    axes.plot(sizes, noise, "--", color=INK, linewidth=1.4, zorder=5)
    axes.annotate(
        "slope −1/2: independent noise",
        (sizes[0], noise[0]),
        xytext=(8, 6),
        textcoords="offset points",
        fontsize=9,
        bbox={"boxstyle": "round,pad=0.1", "facecolor": "white", "edgecolor": "none", "alpha": 0.85},
        zorder=6,
    )


def _caption(source: Source) -> str:
    slopes = source.table("noise_slope")
    found = slopes[(slopes["window"] == "first_1000") & slopes["slope"].notna()] if len(slopes) else slopes
    text = (
        f"Noise (std of loss[t] − loss[t−1], over √2) in the first {count(FIRST_ITERATIONS)} iterations: "
        "a dot for each trial, a line for each lr."
    )
    if found.empty:
        return f"{text} Too few batch sizes for a slope."
    if len(found) == 1:
        row = found.iloc[0]
        return f"{text} Slope {number(row['slope'], digits=2)}{interval(row['slope_low'], row['slope_high'])}."
    low, high = (number(value, digits=2) for value in (found["slope"].min(), found["slope"].max()))
    return f"{text} Fitted slopes run from {low} to {high} over {counted(len(found), 'lr')}."


LOSS_NOISE = ReportFigure(
    "loss_noise",
    "Noise of the loss against batch size",
    caption=_caption,
    has_rows=lambda source: len(_shown(source.table("smoothness"))) > 0,
    draw=lambda source: loss_noise(source.table("smoothness"), colours=source.colours),
)
