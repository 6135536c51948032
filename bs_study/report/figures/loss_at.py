"""The held-out loss after a fixed budget against batch size, with every lr, and the recommended cell marked."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bs_study.analysis.recommendation import CellResult
from bs_study.analysis.trials import Cell
from bs_study.report.axes import batch_axis, log_axis
from bs_study.report.cell_points import cell_name
from bs_study.report.curves import Source
from bs_study.report.figure import ReportFigure, anchor, has_numbers
from bs_study.report.inline import mark
from bs_study.report.sentences import loss_at as sentences
from bs_study.report.style import ACCENT, FAINT, INK, MUTED, new_figure, styled
from bs_study.words import number, setting

_BEST: dict[str, Any] = {"marker": "o", "color": ACCENT, "markersize": 8, "label": "best lr of its batch size"}
_RECIPE: dict[str, Any] = {"marker": "D", "color": FAINT, "markersize": 5, "label": "best lr of another recipe"}
_OTHER: dict[str, Any] = {
    "marker": "o",
    "color": MUTED,
    "markersize": 5,
    "fillstyle": "none",
    "label": "another lr",
}


@styled
def loss_by_batch_size(table: pd.DataFrame, *, recipe: str = "", recommended: CellResult | None = None) -> Figure:
    """Return the loss of every cell against its batch size; both axes are logarithmic.

    The best lr of each batch size is a filled point with its interval of 95 %, the other lrs are open.

    Args:
        table: `loss_at` of the analysis, with all recipes.
        recipe: the one to draw in full; of the others the best cells are drawn.
        recommended: has a ring and its name.
    """
    known = table[table["loss"].notna() & (table["is_best_lr"] | (table["recipe"] == recipe))]
    figure = new_figure(width=5.4, height=4.1)
    axes = figure.subplots()
    batch_axis(axes.xaxis, table["batch_size"], most=11)
    ends = known.loc[known["is_best_lr"], ["loss_low", "loss_high"]].to_numpy(float).ravel()
    log_axis(axes.yaxis, [*known["loss"], *ends[np.isfinite(ends)]], margin=0.12)
    own = known[known["is_best_lr"] & (known["recipe"] == recipe)].sort_values("batch_size")
    axes.plot(own["batch_size"], own["loss"], color=FAINT, linewidth=0.9)
    for row in known.sort_values("is_best_lr").to_dict("records"):
        _draw(axes, row, _OTHER if not row["is_best_lr"] else _BEST if row["recipe"] == recipe else _RECIPE)
    if recommended is not None:
        _ring(axes, recommended)
    axes.set_title("held-out loss", loc="left", fontsize=10)
    looks = [_BEST, *([_OTHER] if not known["is_best_lr"].all() else [])]
    looks += [_RECIPE] if known["recipe"].nunique() > 1 else []
    handles = [Line2D([], [], linestyle="none", **look) for look in looks]
    figure.legend(handles=handles, loc="outside lower left", ncols=2, frameon=False, fontsize=9, handletextpad=0.2)
    return figure


def _draw(axes: Axes, row: Mapping[Hashable, Any], look: Mapping[str, Any]) -> None:
    cell = Cell(str(row["recipe"]), int(row["batch_size"]), float(row["lr"]))
    low, high = np.clip([row["loss_low"], row["loss_high"]], *axes.get_ylim())
    if row["is_best_lr"] and np.isfinite(low):
        axes.vlines(cell.batch_size, low, high, color=look["color"], linewidth=1.8, zorder=4)
    (drawn,) = axes.plot([cell.batch_size], [row["loss"]], linestyle="none", **look)
    drawn.set(zorder=5 if row["is_best_lr"] else 3)
    known = "" if np.isnan(row["loss_low"]) else f"; 95 % {number(row['loss_low'])} to {number(row['loss_high'])}"
    text = f"{cell_name(cell)}: loss {number(row['loss'])} ({row['read']} of {row['seeds']} seeds{known})"
    name = anchor(f"loss-b{setting(cell.batch_size)}-lr{setting(cell.lr)}", cell.recipe)
    mark(drawn, name, text, link=anchor(f"curves-b{setting(cell.batch_size)}", cell.recipe))


def _ring(axes: Axes, best: CellResult) -> None:
    """Draw a ring around the recommended cell, and its name under it."""
    axes.plot([best.batch_size], [best.value], "o", color=INK, markersize=14, markeredgewidth=1.6, fillstyle="none")
    low, high = np.log(axes.get_xlim())
    across = (np.log(best.batch_size) - low) / (high - low)
    bottom = max(best.low, axes.get_ylim()[0]) if best.low > 0 else best.value
    name = axes.annotate(
        f"{setting(best.batch_size)}, lr {setting(best.lr)}",
        (best.batch_size, bottom),
        xytext=(0, -9),
        textcoords="offset points",
    )
    name.set(ha="left" if across < 0.15 else "right" if across > 0.85 else "center", va="top", weight="bold", zorder=7)


def _caption(source: Source) -> str:
    told = source.found.loss_at
    if told is None:
        return ""
    return (
        f"{sentences.how_read(source.found, told)} Medians over seeds. A bar is the 95 % interval of a typical seed of "
        "the best lr. The ring is the recommended cell."
    )


def _recipe(source: Source) -> str:
    best = source.found.best_cell
    return best.recipe if best else source.found.recipes[0]


LOSS_BY_BATCH_SIZE = ReportFigure(
    "loss_by_batch_size",
    "Held-out loss at each batch size",
    caption=_caption,
    has_rows=lambda source: source.found.loss_at is not None and has_numbers(source.found.tables.loss_at, "loss"),
    draw=lambda source: loss_by_batch_size(
        source.found.tables.loss_at,
        recipe=_recipe(source),
        recommended=source.found.loss_at.best if source.found.loss_at else None,
    ),
)
"""It is of the whole study, whatever its recipes; the main figure where the loss after a budget is asked."""
