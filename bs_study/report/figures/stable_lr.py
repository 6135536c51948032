"""The largest stable lr of each batch size against the stability limit by the sharpness of its trials."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from bs_study.analysis.stable_lr import stable_lrs
from bs_study.report.axes import LineLabel, label_lines, log_axis
from bs_study.report.curves import Source
from bs_study.report.figure import ReportFigure, anchor
from bs_study.report.inline import mark
from bs_study.report.style import INK, MUTED, Colours, batch_colours, batch_markers, new_figure, styled
from bs_study.words import number, setting


@styled
def stable_lr(stable: pd.DataFrame, *, colours: Colours | None = None) -> Figure:
    """Return the largest stable lr of each batch size against the lr at which lr times sharpness is at the limit.

    A bar up reaches to the next lr tried, which is not stable; a bar across is the limit's interval over seeds. On the
    dashed line the two lrs are equal.

    Args:
        stable: of `stable_lrs`, of one recipe.
    """
    colours = colours or batch_colours(stable["batch_size"])
    markers = batch_markers(colours)
    figure = new_figure(width=5.6, height=4.2)
    axes = figure.subplots()
    lrs = stable[["largest_stable_lr", "smallest_unstable_lr"]].to_numpy(float).ravel()
    limits = stable[["limit_lr", "limit_low", "limit_high"]].to_numpy(float).ravel()
    log_axis(axes.xaxis, limits, margin=0.15)
    log_axis(axes.yaxis, lrs, margin=0.15)
    ends = np.array([1e-12, 1e12])
    axes.plot(ends, ends, "--", color=INK, linewidth=1.2, scalex=False, scaley=False)
    axes.vlines(stable["limit_lr"], stable["largest_stable_lr"], stable["smallest_unstable_lr"], color=MUTED)
    axes.hlines(stable["largest_stable_lr"], stable["limit_low"], stable["limit_high"], color=MUTED)
    for row in stable.to_dict("records"):
        size = int(row["batch_size"])
        (drawn,) = axes.plot(
            [row["limit_lr"]], [row["largest_stable_lr"]], markers[size], color=colours[size], zorder=4
        )
        drawn.set_markersize(7)
        mark(drawn, f"b{setting(size)}", _text(row), link=anchor(f"curves-b{setting(size)}", row["recipe"]))
    axes.set(xlabel="limit of the lr by sharpness", ylabel="largest stable lr")
    labels = [
        LineLabel(lr, setting(size), colours[size], marker=markers[size])
        for size, lr in stable[["batch_size", "largest_stable_lr"]].astype({"batch_size": int}).itertuples(index=False)
    ]
    label_lines(axes, labels, title="batch size")
    return figure


def _text(row: Mapping[Hashable, Any]) -> str:
    unstable = row["smallest_unstable_lr"]
    beyond = f", {setting(unstable)} is not" if np.isfinite(unstable) else ", which is the largest tried"
    stable = f"lr {setting(row['largest_stable_lr'])} is stable{beyond}"
    return f"batch size {setting(row['batch_size'])}: {stable}; limit {number(row['limit_lr'])}"


def _stable(source: Source) -> pd.DataFrame:
    return stable_lrs(source.table("scaling"), source.table("sharpness"), source.table("trials"))


STABLE_LR = ReportFigure(
    "stable_lr",
    "Largest stable lr against its limit by sharpness",
    caption=lambda _: (
        "The limit is that of descent on a quadratic as sharp as the largest eigenvalue at the end of these trials. "
        "A bar up reaches to the next lr tried, and a bar across is the 95 % interval over seeds. "
        "On the dashed line both are equal. Training at an lr can itself move the sharpness towards this limit."
    ),
    has_rows=lambda source: len(_stable(source)) > 0,
    draw=lambda source: stable_lr(_stable(source), colours=source.colours),
)
