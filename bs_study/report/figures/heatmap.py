"""Time to the target of every cell of the grid: what missed, what diverged and what is best can't be mistaken."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from bs_study.report.style import ACCENT, INK, MUTED, new_figure, styled
from bs_study.words import CLOCK_WORDS, count, duration, setting

_COLOURS = colormaps["cividis_r"]  # light is quick; made for the colour-blind
_MISSED, _DIVERGED, _PARTLY, _NO_ANSWER = "#ffffff", "#3a3a3a", "#8c8c8c", "#f3f3f3"
_MOST_COLUMNS_WITH_TEXT = 16

Colour = str | tuple[float, float, float, float]


@styled
def target_heatmap(convergence: pd.DataFrame, *, clock: str = "train_seconds") -> Figure:
    """Return batch size × lr coloured by the median time to the target.

    Args:
        convergence: a row per cell, with reached, seeds, status, censored_at and <clock>_to_target.
        clock: train_seconds, clean_seconds, compute_seconds, wall_seconds, iterations or examples.
    """
    sizes, lrs = sorted(convergence["batch_size"].unique()), sorted(convergence["lr"].unique())
    width, height = max(6.2, 1.4 + 0.58 * min(len(lrs), 20)), 1.5 + 0.5 * min(len(sizes), 24)
    figure = new_figure(width=width, height=height)
    axes = figure.subplots()
    times = convergence[f"{clock}_to_target"].to_numpy(float)
    best = _best_of_batch_sizes(convergence, f"{clock}_to_target")
    for row, (_, cell) in enumerate(convergence.iterrows()):
        place = (lrs.index(cell["lr"]), sizes.index(cell["batch_size"]))
        _draw_cell(
            axes,
            cell,
            place,
            time=times[row],
            norm=_norm(times),
            has_text=len(lrs) <= _MOST_COLUMNS_WITH_TEXT,
            clock=clock,
        )
    for rank, (_, cell) in enumerate(best.iterrows()):
        is_winner = rank == 0
        _outline(axes, cell, sizes, lrs, colour=ACCENT if is_winner else INK, width=3.2 if is_winner else 1.4)
    _name_axes(axes, sizes, lrs)
    _explain(figure, clock)
    return figure


def _norm(times: np.ndarray) -> LogNorm:
    finite = times[np.isfinite(times) & (times > 0)]
    low, high = (finite.min(), finite.max()) if len(finite) else (1.0, 1.0)
    return LogNorm(low, max(high, low * 1.01))


def _best_of_batch_sizes(convergence: pd.DataFrame, column: str) -> pd.DataFrame:
    """Return the best cell of each batch size that reached the target, the best of all first."""
    reached = convergence[np.isfinite(convergence[column].to_numpy(float))]
    best: pd.DataFrame = reached.sort_values([column, "batch_size"]).drop_duplicates("batch_size")
    return best


def _draw_cell(
    axes: Axes, cell: pd.Series, place: tuple[int, int], *, time: float, norm: LogNorm, has_text: bool, clock: str
) -> None:
    colour, hatch, text = _look(cell, time=time, norm=norm, clock=clock)
    axes.add_patch(
        Rectangle(
            (place[0] - 0.5, place[1] - 0.5), 1, 1, facecolor=colour, edgecolor="#b5b5b5", hatch=hatch, linewidth=0
        )
    )
    if has_text:
        ink = "white" if _luminance(colour) < 0.45 else INK
        back = {"boxstyle": "round,pad=0.15", "facecolor": "white", "edgecolor": "none"} if hatch else None
        axes.text(*place, text, ha="center", va="center", color=ink, fontsize=8, bbox=back)


def _look(cell: pd.Series, *, time: float, norm: LogNorm, clock: str) -> tuple[Colour, str, str]:
    """Return a cell's colour, hatch and text."""
    if np.isfinite(time):
        share = "" if cell["reached"] == cell["seeds"] else f"\n{cell['reached']} of {cell['seeds']}"
        return _COLOURS(0.05 + 0.85 * float(norm(time))), "", _short(time, clock) + share
    if cell["reached"]:
        return _MISSED, "////", f"{cell['reached']} of {cell['seeds']}"
    if cell["status"] == "diverged":
        return _DIVERGED, "", "div."
    if cell["status"] == "mixed" and cell["diverged"]:
        return _PARTLY, "////", f"{cell['diverged']} of {cell['seeds']}\ndiv."
    words = {"out_of_memory": "no\nmemory", "failed": "failed", "running": "runs"}
    if cell["status"] in words:
        return _NO_ANSWER, "....", words[cell["status"]]
    return _MISSED, "////", "missed"


def _short(value: float, clock: str) -> str:
    if not clock.endswith("seconds"):
        return count(value)
    return duration(value).replace(" ", "\n" if value >= 99.5 else " ", 1)


def _luminance(colour: Colour) -> float:
    red, green, blue = to_rgb(colour)
    return 0.3 * red + 0.59 * green + 0.11 * blue


def _outline(axes: Axes, cell: pd.Series, sizes: list[int], lrs: list[float], *, colour: str, width: float) -> None:
    left, bottom = lrs.index(cell["lr"]) - 0.46, sizes.index(cell["batch_size"]) - 0.46
    axes.add_patch(Rectangle((left, bottom), 0.92, 0.92, fill=False, edgecolor=colour, linewidth=width, zorder=4))


def _name_axes(axes: Axes, sizes: list[int], lrs: list[float]) -> None:
    axes.set(xlim=(-0.5, len(lrs) - 0.5), ylim=(-0.5, len(sizes) - 0.5), xlabel="lr", ylabel="batch size (examples)")
    every = max(1, len(lrs) // 14)
    axes.set_xticks(range(0, len(lrs), every), [setting(lr) for lr in lrs[::every]], rotation=45 if len(lrs) > 9 else 0)
    axes.set_yticks(range(len(sizes)), [setting(size) for size in sizes])
    axes.grid(visible=False)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def _explain(figure: Figure, clock: str) -> None:
    swatches = [
        Patch(facecolor="none", edgecolor=ACCENT, linewidth=3, label="best of all"),
        Patch(facecolor="none", edgecolor=INK, linewidth=1.4, label="best lr of its batch size"),
        Patch(facecolor=_MISSED, edgecolor="#b5b5b5", hatch="////", label="missed within the budget"),
        Patch(facecolor=_DIVERGED, label="diverged"),
    ]
    legend = figure.legend(
        handles=swatches, loc="outside upper left", ncols=4, frameon=False, fontsize=9, handlelength=1.4
    )
    legend.set_title(f"{CLOCK_WORDS[clock]} to the target: light is quick, dark is slow")
    legend.get_title().set_fontsize(9)
    legend.get_title().set_color(MUTED)
    legend.set_alignment("left")
