"""Time to the target of every cell of the grid: what missed, what diverged and what is best can't be mistaken."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.colors import LogNorm, to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from bs_study.report.curves import Source
from bs_study.report.figure import ReportFigure
from bs_study.report.outrun import beyond, outrun_cells
from bs_study.report.sentences.times import clock_of
from bs_study.report.style import ACCENT, INK, MUTED, new_figure, styled
from bs_study.words import CLOCK_LABELS, count, duration, setting

_COLOURS = colormaps["cividis_r"]  # light is quick; made for the colour-blind
_WHITE, _DIVERGED, _PARTLY, _NO_ANSWER, _EDGE = "#ffffff", "#3a3a3a", "#8c8c8c", "#f3f3f3", "#b5b5b5"
_MISSED, _NOT_TRIED, _OUTRUN = "////", "\\\\\\\\", "---"
_SLOWER = "#e3e3e3"
_MOST_TEXT = (24, 16)  # rows and columns of a grid whose cells have room for text
_MOST_VECTORS = 2000  # cells; more are drawn as an image inside the SVG


class _Look(NamedTuple):
    """How a cell is shown."""

    colour: str
    hatch: str
    text: str


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
    width, height = max(6.2, 1.4 + 0.58 * min(len(grid.lrs), 20)), 1.5 + 0.5 * min(len(grid.sizes), 24)
    figure = new_figure(width=width, height=height)
    axes = figure.subplots()
    shades = _shades(convergence[f"{clock}_to_target"].to_numpy(float))
    cells = convergence.assign(ratio=outrun_cells(convergence, best, clock=clock)).to_dict("records")
    looks = [_look(cell, shade=shade, clock=clock) for cell, shade in zip(cells, shades, strict=True)]
    places = grid.places(convergence)
    _fill(axes, places, looks)
    if grid.has_text:
        for place, look in zip(places, looks, strict=True):
            _write(axes, place, look)
    _outline(axes, grid, best, clock=clock)
    _name_axes(axes, grid)
    _explain(figure, clock, hatches={look.hatch for look in looks})
    return figure


def _shades(times: npt.NDArray[np.float64]) -> list[str]:
    """Return the colour of each time on a log scale; of a missing one it means nothing."""
    finite = times[np.isfinite(times) & (times > 0)]
    low, high = (finite.min(), finite.max()) if len(finite) else (1.0, 1.0)
    shares = LogNorm(low, max(high, low * 1.01))(times).filled(0.0)
    return [to_hex(colour) for colour in _COLOURS(0.05 + 0.85 * shares)]


def _look(cell: Mapping[Hashable, Any], *, shade: str, clock: str) -> _Look:
    time, status, seeds = cell[f"{clock}_to_target"], cell["status"], cell["seeds"]
    if np.isfinite(time):
        share = "" if cell["reached"] == seeds else f"\n{cell['reached']} of {seeds}"
        return _Look(shade, "", _short(time, clock) + share)
    if cell["outrun"] and not cell["diverged"]:
        is_known = np.isfinite(cell["ratio"]) or not cell["reached"]
        return _Look(_SLOWER, _OUTRUN, beyond(cell["ratio"]) if is_known else f"{cell['outrun']} of {seeds}\noutrun")
    if cell["reached"]:
        return _Look(_WHITE, _MISSED, f"{cell['reached']} of {seeds}")
    if status == "diverged":
        return _Look(_DIVERGED, "", "div.")
    if cell["diverged"]:
        return _Look(_PARTLY, _MISSED, f"{cell['diverged']} of {seeds}\ndiv.")
    if cell["not_tried"]:
        share = "" if status == "not_tried" else f"{cell['not_tried']} of {seeds} "
        return _Look(_WHITE, _NOT_TRIED, f"{share}not\ntried")
    words = {"out_of_memory": "no\nmemory", "failed": "failed", "not_evaluated": "not\neval."}
    return _Look(_NO_ANSWER, "....", words[status]) if status in words else _Look(_WHITE, _MISSED, "missed")


def _short(value: float, clock: str) -> str:
    if not clock.endswith("seconds"):
        return count(value)
    return duration(value).replace(" ", "\n" if value >= 99.5 else " ", 1)


def _fill(axes: Axes, places: npt.NDArray[np.int64], looks: list[_Look]) -> None:
    """Draw the cells of each hatch as one collection: a patch for each would take long where there are thousands."""
    corners = np.array([(-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5)])
    squares = places[:, None, :] + corners  # (cells, corners, 2)
    hatches = np.array([look.hatch for look in looks])
    for hatch in sorted(set(hatches)):
        colours = [look.colour for look in looks if look.hatch == hatch]
        cells = PolyCollection(squares[hatches == hatch], facecolors=colours, edgecolors=_EDGE, linewidths=0)
        cells.set(hatch=hatch or None, rasterized=len(looks) > _MOST_VECTORS)
        axes.add_collection(cells, autolim=False)


def _write(axes: Axes, place: npt.NDArray[np.int64], look: _Look) -> None:
    ink = "white" if _luminance(look.colour) < 0.45 else INK
    face = look.colour if look.hatch == _OUTRUN else "white"
    back = {"boxstyle": "round,pad=0.15", "facecolor": face, "edgecolor": "none"} if look.hatch else None
    axes.text(
        place[0], place[1], look.text, ha="center", va="center", color=INK if look.hatch else ink, fontsize=8, bbox=back
    )


def _luminance(colour: str) -> float:
    red, green, blue = to_rgb(colour)
    return 0.3 * red + 0.59 * green + 0.11 * blue


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
        Patch(facecolor=_WHITE, edgecolor=_EDGE, hatch=_MISSED, label="missed within the budget"),
        Patch(facecolor=_DIVERGED, label="diverged"),
    ]
    if _OUTRUN in hatches:
        swatches.append(Patch(facecolor=_SLOWER, edgecolor=_EDGE, hatch=_OUTRUN, label="outrun"))
    if _NOT_TRIED in hatches:
        label = "not tried: ended at another target"
        swatches.append(Patch(facecolor=_WHITE, edgecolor=_EDGE, hatch=_NOT_TRIED, label=label))
    legend = figure.legend(
        handles=swatches, loc="outside upper left", ncols=4, frameon=False, fontsize=9, handlelength=1.4
    )
    legend.set_title(f"{CLOCK_LABELS[clock]} to the target: light is quick, dark is slow")
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
