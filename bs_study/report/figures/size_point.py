"""A batch size as a point of a figure."""

from __future__ import annotations

from matplotlib.axes import Axes

from bs_study.report.figure import anchor
from bs_study.report.inline import mark
from bs_study.words import setting


def size_point(axes: Axes, size: int, value: float, *, colour: str, text: str, recipe: str) -> None:
    """Draw a batch size as a mark that leads to its curves."""
    (drawn,) = axes.plot([size], [value], "o", color=colour, markersize=7, zorder=4)
    mark(drawn, f"b{setting(size)}", text, link=anchor(f"curves-b{setting(size)}", recipe))
