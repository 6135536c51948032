"""Noise of the loss against batch size, beside what independent noise would do."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bs_study.report.axes import LineLabel, batch_axis, label_lines, log_axis
from bs_study.report.style import MUTED, Colours, batch_colours, new_figure, styled
from bs_study.words import setting


@styled
def loss_noise(smoothness: pd.DataFrame, *, window: str = "first_1000", colours: Colours | None = None) -> Figure:
    """Return the noise of each trial's loss in a window against its batch size, a line for each lr.

    The dashed line falls as the square root of the batch size, as independent noise does. Diverged trials are left out.
    """
    colours = colours or batch_colours(smoothness["batch_size"])
    is_shown = (smoothness["window"] == window) & (smoothness["noise"] > 0) & (smoothness["stability"] != "diverged")
    trials = smoothness[is_shown]
    figure = new_figure(height=4.2)
    axes = figure.subplots()
    batch_axis(axes.xaxis, smoothness["batch_size"])
    log_axis(axes.yaxis, trials["noise"])
    labels = []
    for lr in sorted(trials["lr"].unique()):
        medians = trials[trials["lr"] == lr].groupby("batch_size")["noise"].median()
        axes.plot(medians.index, medians, color="#a8a8a8", linewidth=0.9)
        labels.append((lr, float(medians.iloc[-1]), int(medians.index[-1])))
    axes.scatter(
        trials["batch_size"], trials["noise"], color=[colours[s] for s in trials["batch_size"]], s=16, zorder=4
    )
    _independent_noise(axes, trials)
    axes.set_ylabel("noise of the loss (nats per example)")
    last = trials["batch_size"].max()
    label_lines(axes, [LineLabel(y, setting(lr), MUTED) for lr, y, size in labels if size == last], title="lr")
    return figure


def _independent_noise(axes: Axes, trials: pd.DataFrame) -> None:
    if trials["batch_size"].nunique() < 2:
        return
    centre = np.log(trials[["batch_size", "noise"]].to_numpy(float)).mean(axis=0)
    sizes = np.array([trials["batch_size"].min(), trials["batch_size"].max()], float)
    noise = np.exp(centre[1] - 0.5 * (np.log(sizes) - centre[0]))
    axes.plot(sizes, noise, "--", color="black", linewidth=1.4, zorder=5)
    axes.annotate(
        "slope −1/2: independent noise",
        (sizes[0], noise[0]),
        xytext=(8, 6),
        textcoords="offset points",
        fontsize=9,
        bbox={"boxstyle": "round,pad=0.1", "facecolor": "white", "edgecolor": "none", "alpha": 0.85},
        zorder=6,
    )
