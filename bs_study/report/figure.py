"""What a figure of the report is: a name, a title, a caption, a condition and a drawing, declared in one place."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from bs_study.report.curves import Source
from bs_study.report.inline import Inline, inline_svg
from bs_study.report.style import as_png, as_svg
from bs_study.words import number


@dataclass(frozen=True)
class ReportFigure:
    """A figure of the report, which each recipe of a study has, or which compares them.

    Attributes:
        name: of its files.
        has_rows: whether a study has the rows for it.
        draw: gives the matplotlib figure of a study that has them.
    """

    name: str
    title: str
    caption: Callable[[Source], str]
    has_rows: Callable[[Source], bool]
    draw: Callable[[Source], Figure]


@dataclass(frozen=True)
class Picture:
    """A figure that has been drawn, ready to be written and shown.

    Attributes:
        figure: the name of the `ReportFigure`; `name` tells the recipe too.
        png: empty unless asked for.
        recipe: of which it is, in a study of several; empty where it compares them.
    """

    figure: str
    name: str
    title: str
    caption: str
    svg: bytes
    inline: Inline
    png: bytes = b""
    recipe: str = ""


def pictures(figures: Iterable[ReportFigure], source: Source, *, png: bool = False, end: str = "") -> Iterator[Picture]:
    """Yield each figure that there are rows for, one at a time: only one is held in memory.

    Args:
        end: of their names, where a page has them more than once.
        png: encode each figure as PNG too, which takes as long as the SVG.
    """
    for figure in figures:
        if figure.has_rows(source):
            yield picture(figure, source, png=png, end=end)


def picture(figure: ReportFigure, source: Source, *, png: bool = False, end: str = "") -> Picture:
    """Return a figure drawn.

    Args:
        end: of its name on the page, where it is there more than once.
    """
    drawn, name = figure.draw(source), f"{anchor(figure.name, source.recipe)}{end}"
    data, svg, caption = as_png(drawn) if png else b"", as_svg(drawn), figure.caption(source)
    inline = inline_svg(drawn, name, label=f"{figure.title}. {caption}", svg=svg)
    return Picture(figure.name, name, figure.title, caption, svg, inline, data, source.recipe)


def anchor(name: str, recipe: str = "") -> str:
    """Return the name of something on the page that each recipe has: of its files, and its id.

    >>> anchor("curves-b32"), anchor("curves-b32", "momentum 0.9")
    ('curves-b32', 'momentum_0.9-curves-b32')
    """
    plain = re.sub(r"[^\w.-]+", "_", recipe)
    return f"{plain}-{name}" if plain else name


def has_numbers(table: pd.DataFrame, column: str) -> bool:
    """Return whether any number of a column is known."""
    return len(table) > 0 and bool(np.isfinite(table[column].to_numpy(float)).any())


def interval(low: float, high: float) -> str:
    """Return an interval of 95 % in brackets, to stand behind its estimate; empty where there is none.

    >>> interval(0.45, 0.55)
    ' (95 % interval 0.45 to 0.55)'
    """
    if not (np.isfinite(low) and np.isfinite(high)):
        return ""
    return f" (95 % interval {number(low, digits=2)} to {number(high, digits=2)})"
