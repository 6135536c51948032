"""How alike consecutive gradients are against batch size, early and late, beside what the noise scale lets expect."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from bs_study.analysis.probes import EARLY_ITERATIONS
from bs_study.report.axes import batch_axis
from bs_study.report.curves import Source
from bs_study.report.figure import ReportFigure, anchor
from bs_study.report.inline import mark
from bs_study.report.style import ACCENT, INK, MUTED, Colours, batch_colours, new_figure, styled
from bs_study.words import number, setting

_BAND = "#dbe6f2"
_WINDOWS = {"early": f"iterations 1 to {EARLY_ITERATIONS}", "late": "second half of the examples"}


@styled
def gradient_agreement(
    noise_scale: pd.DataFrame, *, lrs: Mapping[int, float], colours: Colours | None = None, recipe: str = ""
) -> Figure:
    """Return the mean cosine of consecutive gradients against batch size, a panel for each window that has one.

    A bar is the interval of the mean. The line is `cos_expected`, with its interval as a band.

    Args:
        noise_scale: the table of one recipe.
        lrs: at which each batch size is drawn.
        recipe: whose curves a click leads to.
    """
    shown = _shown(noise_scale, lrs)
    colours = colours or batch_colours(shown["batch_size"])
    windows = [window for window in _WINDOWS if window in set(shown["window"])]
    figure = new_figure(width=3.6 * len(windows) + 0.6, height=3.7)
    panels = figure.subplots(1, len(windows), sharey=True, squeeze=False)[0]
    for axes, window in zip(panels, windows, strict=True):
        _panel(axes, shown[shown["window"] == window], window=window, colours=colours, recipe=recipe)
        batch_axis(axes.xaxis, shown["batch_size"], most=6)
    panels[0].set_ylabel("cosine of consecutive gradients")
    marks = [
        Line2D([], [], marker="o", color="none", markerfacecolor=INK, markeredgecolor=INK, label="measured"),
        Line2D([], [], color=ACCENT, linewidth=1.3, label="expected of independent batches"),
        Patch(facecolor=_BAND, edgecolor="none", label="its 95 % interval"),
    ]
    figure.legend(
        handles=marks, loc="outside upper left", ncols=3 if len(windows) > 1 else 1, frameon=False, fontsize=9
    )
    return figure


def _panel(axes: Axes, rows: pd.DataFrame, *, window: str, colours: Colours, recipe: str) -> None:
    sizes = rows["batch_size"]
    axes.axhline(0, color=MUTED, linewidth=0.8)
    axes.fill_between(sizes, rows["cos_expected_low"], rows["cos_expected_high"], color=_BAND, linewidth=0)
    axes.plot(sizes, rows["cos_expected"], color=ACCENT, linewidth=1.3, marker="_", markersize=7)
    axes.vlines(sizes, rows["cos_next_low"], rows["cos_next_high"], color=MUTED, linewidth=1.8)
    for row in rows.to_dict("records"):
        size = int(row["batch_size"])
        (drawn,) = axes.plot([size], [row["cos_next"]], "o", color=colours[size], markersize=7, zorder=4)
        link = anchor(f"curves-b{setting(size)}", recipe)
        mark(drawn, f"{window}-b{setting(size)}", _text(row), link=link)
    axes.set_title(_WINDOWS[window], loc="left", fontsize=10)


def _text(row: Mapping[Hashable, Any]) -> str:
    known = np.isfinite(row["cos_next_low"])
    ends = f" (95 %: {number(row['cos_next_low'])} to {number(row['cos_next_high'])})" if known else ""
    expected = f", expected {number(row['cos_expected'])}" if np.isfinite(row["cos_expected"]) else ""
    named = f"batch size {setting(row['batch_size'])}, lr {setting(row['lr'])}"
    return f"{named}: cosine {number(row['cos_next'])}{ends} over {setting(row['cos_pairs'])} pairs{expected}"


def _shown(noise_scale: pd.DataFrame, lrs: Mapping[int, float]) -> pd.DataFrame:
    if noise_scale.empty:
        return noise_scale
    known = noise_scale[noise_scale["cos_next"].notna() & noise_scale["window"].isin(_WINDOWS)]
    return known[known["lr"] == known["batch_size"].map(lrs)].sort_values("batch_size")


def _caption(source: Source) -> str:
    rows = _shown(source.table("noise_scale"), source.lrs)
    chunks = " Models that depend on the whole batch have it of chunks." if rows["by_batch"].eq(True).any() else ""
    return (
        "Mean over the probes of all seeds, with its 95 % interval. Small batch sizes have few early probes. "
        "The line is what the noise scale φ lets expect of independent batches at the same weights, 1 / (1 + φ/B)."
        f"{chunks}"
    )


GRADIENT_AGREEMENT = ReportFigure(
    "gradient_agreement",
    "How alike consecutive gradients are",
    caption=_caption,
    has_rows=lambda source: len(_shown(source.table("noise_scale"), source.lrs)) > 0,
    draw=lambda source: gradient_agreement(
        source.table("noise_scale"), lrs=source.lrs, colours=source.colours, recipe=source.recipe
    ),
)
