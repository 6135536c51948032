"""Time to the target of every cell of the grid: what missed, what diverged and what is best can't be mistaken."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from bs_study.analysis.best import best_cells
from bs_study.analysis.trials import CELL, Cell
from bs_study.report.axes import to_target
from bs_study.report.cell_points import cell_name, cell_points
from bs_study.report.curves import Source
from bs_study.report.figure import ReportFigure, anchor
from bs_study.report.figures.heat_looks import (
    DIVERGED,
    EDGE,
    MISSED,
    NOT_TRIED,
    OUTRUN,
    SLOWER,
    WHITE,
    Look,
    cell_look,
    time_colours,
)
from bs_study.report.inline import mark
from bs_study.report.outrun import outrun_cells
from bs_study.report.sentences.times import clock_of
from bs_study.report.style import ACCENT, INK, MUTED, new_figure, styled
from bs_study.words import setting

_MOST_TEXT = (24, 16)  # rows and columns of a grid whose cells have room for text
_FEW = 7  # lrs; the text of their cells is larger, for small screens
_MOST_MARKS = 700  # cells that are marks of their own
_MOST_VECTORS = 2000  # cells; more are drawn as an image inside the SVG


class _Grid(NamedTuple):
    """Where cells lie: batch sizes upwards, lrs to the right."""

    sizes: list[int]
    lrs: list[float]

    def places(self, cells: pd.DataFrame, lr: str = "lr") -> npt.NDArray[np.int64]:
        """Return x and y of each cell, shape (cells, 2)."""
        return np.column_stack([np.searchsorted(self.lrs, cells[lr]), np.searchsorted(self.sizes, cells["batch_size"])])

    @property
    def has_text(self) -> bool:
        return len(self.sizes) <= _MOST_TEXT[0] and len(self.lrs) <= _MOST_TEXT[1]


@styled
def target_heatmap(convergence: pd.DataFrame, best: pd.DataFrame, *, clock: str = "train_seconds") -> Figure:
    """Return batch size × lr coloured by the median time to the target.

    Args:
        convergence: a row per cell, with seeds, how many of them reached, diverged, were outrun or not_tried, status,
            <clock>_to_target and censored_<clock>.
        best: a row per batch size, with best_lr_by_<clock>, <clock>_to_target and is_best_by_<clock>.
        clock: train_seconds, clean_seconds, compute_seconds, wall_seconds, iterations or examples.
    """
    grid = _Grid(sorted(convergence["batch_size"].unique()), sorted(convergence["lr"].unique()))
    width, height = max(5.4, 1.4 + 0.58 * min(len(grid.lrs), 20)), 1.5 + 0.5 * min(len(grid.sizes), 24)
    figure = new_figure(width=width, height=height)
    axes = figure.subplots()
    colours = time_colours(convergence[f"{clock}_to_target"].to_numpy(float))
    cells = convergence.assign(ratio=outrun_cells(convergence, best, clock=clock)).to_dict("records")
    looks = [cell_look(cell, shade=shade, clock=clock) for cell, shade in zip(cells, colours, strict=True)]
    places = grid.places(convergence)
    if len(looks) > _MOST_MARKS:
        _fill(axes, places, looks)
    else:
        _fill_marked(axes, places, looks, _texts(convergence, best, clock=clock))
    if grid.has_text:
        for place, look in zip(places, looks, strict=True):
            _write(axes, place, look, is_wide=len(grid.lrs) <= _FEW)
    _outline(axes, grid, best, clock=clock)
    _name_axes(axes, grid)
    _explain(figure, clock, hatches={look.hatch for look in looks})
    return figure


def _texts(convergence: pd.DataFrame, best: pd.DataFrame, *, clock: str) -> list[tuple[Cell, str]]:
    """Return each cell and what it says of itself; one that gave no answer says that."""
    told = {
        point.cell: point.text
        for recipe in convergence["recipe"].unique()
        for point in cell_points(convergence, best_cells(best, clock), clock=clock, recipe=recipe)
    }
    cells = [Cell(*row) for row in convergence[CELL].itertuples(index=False, name=None)]
    return [(cell, told.get(cell, f"{cell_name(cell)}: no answer")) for cell in cells]


def _fill(axes: Axes, places: npt.NDArray[np.int64], looks: list[Look]) -> None:
    """Draw the cells of each hatch as one collection: a patch for each would take long where there are thousands."""
    corners = np.array([(-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5)])
    squares = places[:, None, :] + corners  # (cells, corners, 2)
    hatches = np.array([look.hatch for look in looks])
    for hatch in sorted(set(hatches)):
        colours = [look.colour for look in looks if look.hatch == hatch]
        cells = PolyCollection(squares[hatches == hatch], facecolors=colours, edgecolors=EDGE, linewidths=0)
        cells.set(hatch=hatch or None, rasterized=len(looks) > _MOST_VECTORS)
        axes.add_collection(cells, autolim=False)


def _fill_marked(axes: Axes, places: npt.NDArray[np.int64], looks: list[Look], texts: list[tuple[Cell, str]]) -> None:
    """Draw each cell as a mark."""
    for (x, y), look, (cell, text) in zip(places, looks, texts, strict=True):
        square = Rectangle((x - 0.5, y - 0.5), 1, 1, facecolor=look.colour, edgecolor=EDGE, linewidth=0)
        square.set_hatch(look.hatch)
        axes.add_patch(square)
        size = setting(cell.batch_size)
        mark(square, f"b{size}-lr{setting(cell.lr)}", text, link=anchor(f"curves-b{size}", cell.recipe))


def _write(axes: Axes, place: npt.NDArray[np.int64], look: Look, *, is_wide: bool) -> None:
    face = look.colour if look.hatch == OUTRUN else "white"
    back = {"boxstyle": "round,pad=0.15", "facecolor": face, "edgecolor": "none"} if look.hatch else None
    axes.text(
        place[0], place[1], look.text, ha="center", va="center", color=look.ink, fontsize=9 if is_wide else 8, bbox=back
    )


def _outline(axes: Axes, grid: _Grid, best: pd.DataFrame, *, clock: str) -> None:
    """Draw a border around the best lr of each batch size; that of the best of all is wide and coloured."""
    lr = f"best_lr_by_{clock}"
    reached = best[best[lr].notna()]
    for place, is_best in zip(grid.places(reached, lr), reached[f"is_best_by_{clock}"], strict=True):
        colour, width = (ACCENT, 3.2) if is_best else (INK, 1.4)
        border = Rectangle((place[0] - 0.46, place[1] - 0.46), 0.92, 0.92, fill=False, edgecolor=colour)
        border.set(linewidth=width, zorder=4 + bool(is_best))
        axes.add_patch(border)


def _name_axes(axes: Axes, grid: _Grid) -> None:
    sizes, lrs = grid
    axes.set(xlim=(-0.5, len(lrs) - 0.5), ylim=(-0.5, len(sizes) - 0.5), xlabel="lr", ylabel="batch size (examples)")
    across, up = max(1, len(lrs) // 14), max(1, len(sizes) // 24)
    rotation = 45 if len(lrs) > 9 else 0
    axes.set_xticks(range(0, len(lrs), across), [setting(lr) for lr in lrs[::across]], rotation=rotation)
    axes.set_yticks(range(0, len(sizes), up), [setting(size) for size in sizes[::up]])
    axes.grid(visible=False)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def _explain(figure: Figure, clock: str, *, hatches: set[str]) -> None:
    swatches = [
        Patch(facecolor="none", edgecolor=ACCENT, linewidth=3, label="best of all"),
        Patch(facecolor="none", edgecolor=INK, linewidth=1.4, label="best lr of its batch size"),
        Patch(facecolor=WHITE, edgecolor=EDGE, hatch=MISSED, label="missed the target"),
        Patch(facecolor=DIVERGED, label="diverged"),
    ]
    if OUTRUN in hatches:
        swatches.append(Patch(facecolor=SLOWER, edgecolor=EDGE, hatch=OUTRUN, label="outrun"))
    if NOT_TRIED in hatches:
        label = "not tried: ended at another target"
        swatches.append(Patch(facecolor=WHITE, edgecolor=EDGE, hatch=NOT_TRIED, label=label))
    legend = figure.legend(
        handles=swatches, loc="outside upper left", ncols=3, frameon=False, fontsize=9, handlelength=1.4
    )
    legend.set_title(f"{to_target(clock)}: yellow is quick, blue is slow")
    legend.get_title().set_fontsize(9)
    legend.get_title().set_color(MUTED)
    legend.set_alignment("left")


def _caption(source: Source) -> str:
    is_race = source.table("convergence")["outrun"].any()
    outrun = "“> 2.1×” was outrun: cut before the target, after 2.1 times the best time. " if is_race else ""
    return (
        f"Median {clock_of(source.clock, source.found)} to {source.goal_text} over {source.seeds_text}. "
        "A cell with “2 of 3” lost a seed; one that most seeds missed is hatched and has no time. "
        f"{outrun}An empty place was not run, or has not ended."
    )


TIME_TO_TARGET = ReportFigure(
    "time_to_target",
    "Training time to the target, cell by cell",
    caption=_caption,
    has_rows=lambda source: source.target is not None and len(source.table("convergence")) > 0,
    draw=lambda source: target_heatmap(source.table("convergence"), source.table("best"), clock=source.clock),
)
