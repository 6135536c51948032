"""The main figure: time to the target against batch size, with every lr, and the recommended cell marked."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.transforms import ScaledTranslation

from bs_study.analysis.best import best_cells
from bs_study.analysis.recommendation import CellResult
from bs_study.analysis.trials import Cell
from bs_study.report.axes import batch_axis, clock_axis, to_target
from bs_study.report.cell_points import CellPoint, cell_points
from bs_study.report.curves import Source
from bs_study.report.figure import ReportFigure, anchor
from bs_study.report.inline import mark
from bs_study.report.sentences.times import clock_of
from bs_study.report.style import ACCENT, FAINT, INK, MUTED, new_figure, styled
from bs_study.words import setting

_WIDTH, _HEIGHT = 300.0, 190.0  # of the axes, roughly, in points: by them marks are moved apart
_APART, _RING = 8.0, 3.0  # points between the middles of two marks, and more of them beside the best
_TOP = 0.97  # where lies what has no time, as a share of the height
_LOOKS: dict[str, dict[str, Any]] = {
    "best": {"marker": "o", "color": ACCENT, "markersize": 8, "label": "best lr of its batch size"},
    "recipe": {"marker": "D", "color": FAINT, "markersize": 5, "label": "best lr of another recipe"},
    "other": {"marker": "o", "color": FAINT, "markersize": 4.5, "label": "another lr"},
    "cut": {"marker": "^", "color": MUTED, "markersize": 5.5, "label": "at least so long: ended before the target"},
    "diverged": {"marker": "X", "color": MUTED, "markersize": 6, "label": "diverged"},
    "no_memory": {"marker": "s", "color": MUTED, "markersize": 5, "label": "ran out of memory"},
}
_OPEN = ("cut", "diverged", "no_memory")


@styled
def time_by_batch_size(
    convergence: pd.DataFrame,
    best: Collection[Cell],
    *,
    clock: str = "train_seconds",
    recipe: str = "",
    recommended: CellResult | None = None,
) -> Figure:
    """Return the time to the target of every cell against its batch size; both axes are logarithmic.

    The best lr of each batch size is a filled point with the span of its seeds. The other lrs are small and beside it.
    What ended before the target is open and lies at the least time that it takes; without a time, at the top.

    Args:
        convergence: of the analysis, with all recipes.
        best: the best cell of each batch size (and recipe) that has one.
        clock: by which cells are ranked.
        recipe: the one to draw in full; of the others the best cells are drawn.
        recommended: has a ring, its name, and the interval of a typical seed instead of the span of its seeds.
    """
    points = cell_points(convergence, best, clock=clock, recipe=recipe, recommended=recommended)
    figure = new_figure(width=5.4, height=4.1)
    axes = figure.subplots()
    batch_axis(axes.xaxis, [point.cell.batch_size for point in points], most=11)
    axes.set_xlim(right=axes.get_xlim()[1] ** 1.06 / axes.get_xlim()[0] ** 0.06)  # room for what lies beside the last
    ends = np.array([point[2:5] for point in points], float).ravel()
    clock_axis(axes.yaxis, ends, clock=clock, margin=0.16)
    if not (np.isfinite(ends) & (ends > 0)).any():
        axes.set_yticks([])
    _join_best(axes, points)
    for point, shift in zip(points, _shifts(axes, points), strict=True):
        _draw(axes, point, shift=shift)
    if recommended is not None:
        _ring(axes, recommended)
    axes.set_title(to_target(clock), loc="left", fontsize=10)
    _explain(figure, {point.kind for point in points})
    return figure


def _join_best(axes: Axes, points: Sequence[CellPoint]) -> None:
    """Draw a line through the best cells; a batch size that has none leaves a gap."""
    values = dict.fromkeys(sorted({point.cell.batch_size for point in points}), math.nan)
    values |= {point.cell.batch_size: point.value for point in points if point.kind == "best"}
    axes.plot(list(values), list(values.values()), color=FAINT, linewidth=0.9)


def _draw(axes: Axes, point: CellPoint, *, shift: float) -> None:
    """Draw a cell some points to the right of its batch size."""
    cell, is_best = point.cell, point.kind == "best"
    if is_best and point.low < point.high:
        low, high = np.clip([point.low, point.high], *axes.get_ylim())
        axes.vlines(cell.batch_size, low, high, color=ACCENT, linewidth=1.8, zorder=4)
    place, base = (point.value, axes.transData) if point.value > 0 else (_TOP, axes.get_xaxis_transform())
    right = ScaledTranslation(shift / 72, 0, axes.figure.dpi_scale_trans)
    fill = "none" if point.kind in _OPEN else "full"
    (drawn,) = axes.plot([cell.batch_size], [place], linestyle="none", fillstyle=fill, **_LOOKS[point.kind])
    drawn.set(transform=base + right, clip_on=False, zorder=5 if is_best else 3)
    name = anchor(f"b{setting(cell.batch_size)}-lr{setting(cell.lr)}", cell.recipe)
    mark(drawn, name, point.text, link=anchor(f"curves-b{setting(cell.batch_size)}", cell.recipe))


def _shifts(axes: Axes, points: Sequence[CellPoint]) -> list[float]:
    """Return how far to the right each cell is drawn, in points, so that those of a batch size don't cover each other.

    The best ones stay; the others have the room up to the next batch size.
    """
    taken: list[tuple[int, float, int]] = []  # batch size, height, rank
    for point in points:
        size, height = point.cell.batch_size, _height(axes, point.value)
        near = {rank for other, at, rank in taken if other == size and abs(at - height) < _APART}
        first = 0 if point.kind == "best" else 1
        taken.append((size, height, min(set(range(first, len(points) + 2)) - near)))
    most = {size: max(rank for other, _, rank in taken if other == size) for size, *_ in taken}
    room = {size: 0.85 * _WIDTH * gap - _RING for size, gap in _gaps(axes, sorted(most)).items()}
    return [_RING + rank * min(_APART, max(room[size], 0) / most[size]) if rank else 0 for size, _, rank in taken]


def _gaps(axes: Axes, sizes: Sequence[int]) -> dict[int, float]:
    """Return how far it is from each batch size to the next or to the edge, as a share of the width."""
    places = np.log([*sizes, axes.get_xlim()[1]])
    return dict(zip(sizes, np.diff(places) / float(np.diff(np.log(axes.get_xlim()))[0]), strict=True))


def _height(axes: Axes, value: float) -> float:
    """Return how high a time lies, in points."""
    low, high = np.log(axes.get_ylim())
    return _HEIGHT * ((math.log(value) - low) / (high - low) if value > 0 else _TOP)


def _ring(axes: Axes, recommended: CellResult) -> None:
    """Draw a ring around the recommended cell, and its name under it."""
    size, value = recommended.batch_size, recommended.value
    axes.plot([size], [value], "o", color=INK, markersize=14, markeredgewidth=1.6, fillstyle="none", zorder=6)
    low, high = np.log(axes.get_xlim())
    across = (math.log(size) - low) / (high - low)
    bottom = max(recommended.low, axes.get_ylim()[0]) if recommended.low > 0 else value
    name = axes.annotate(
        f"{setting(size)}, lr {setting(recommended.lr)}", (size, bottom), xytext=(0, -5), textcoords="offset points"
    )
    name.set(ha="left" if across < 0.15 else "right" if across > 0.85 else "center", va="top", weight="bold", zorder=7)


def _explain(figure: Figure, kinds: Collection[str]) -> None:
    looks = [(kind, look) for kind, look in _LOOKS.items() if kind in kinds]
    marks = [
        Line2D([], [], linestyle="none", fillstyle="none" if kind in _OPEN else "full", **look) for kind, look in looks
    ]
    figure.legend(handles=marks, loc="outside lower left", ncols=2, frameon=False, fontsize=9, handletextpad=0.2)


def _caption(source: Source) -> str:
    found = source.found
    best = found.recommendation.best
    ring = " The ring is the recommended one; its bar is the 95 % interval of a typical seed." if best else ""
    return (
        f"Median {clock_of(source.clock, found)} to {source.goal_text}. "
        f"A bar spans the seeds of the best lr of a batch size.{ring} "
        "An open mark ended before the target: it lies at the least time that it takes, or at the top."
    )


def _recipe(source: Source) -> str:
    best = source.found.best_cell
    return best.recipe if best else source.found.recipes[0]


def _has_rows(source: Source) -> bool:
    cells = source.found.tables.convergence
    if source.target is None or cells.empty:
        return False
    return bool(
        cell_points(
            cells, best_cells(source.found.tables.best, source.clock), clock=source.clock, recipe=_recipe(source)
        )
    )


def _draw_source(source: Source) -> Figure:
    tables, best = source.found.tables, source.found.recommendation.best
    cells = best_cells(tables.best, source.clock)
    return time_by_batch_size(tables.convergence, cells, clock=source.clock, recipe=_recipe(source), recommended=best)


CHOICE = ReportFigure(
    "time_by_batch_size",
    "Time to the target at each batch size",
    caption=_caption,
    has_rows=_has_rows,
    draw=_draw_source,
)
"""It is of the whole study, whatever its recipes."""
