"""How figures look: colours, fonts, and how one becomes SVG and PNG. Nothing here changes matplotlib's global state."""

from __future__ import annotations

import functools
import io
import re
import warnings
from collections.abc import Callable, Iterable
from typing import Any, ParamSpec

import matplotlib as mpl
import numpy as np
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.text import Text

INK, MUTED, FAINT = "#1a1a1a", "#5c5c5c", "#8a8a8a"
ACCENT = "#0b57a4"  # what to notice: the target, the best cell. Red is for what is wrong with a study

STYLE: dict[Any, Any] = {
    "text.usetex": False,
    "text.parse_math": False,  # a recipe may have dollars in its name
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],  # comes with matplotlib, so figures are the same everywhere
    "font.size": 10,
    "text.color": INK,
    "axes.facecolor": "white",
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.grid.which": "major",
    "grid.color": "#ececec",
    "grid.linewidth": 0.8,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.minor.visible": False,
    "ytick.minor.visible": False,
    "lines.linewidth": 1.6,
    "hatch.linewidth": 0.7,
    "figure.facecolor": "white",
    "svg.fonttype": "none",
    "svg.hashsalt": "bs_study",  # the same store gives the same file
}

LONGEST_LINE = 100  # characters that fit in a figure
_UNREADABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_MARKERS = "osD^vPph*<"  # a cross is what turned NaN
Colours = dict[int, str]  # of each batch size
Arguments = ParamSpec("Arguments")


def styled(draw: Callable[Arguments, Figure]) -> Callable[Arguments, Figure]:
    """Let a function draw in this style, whatever the caller's rcParams are."""

    @functools.wraps(draw)
    def draw_in_style(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Figure:
        with mpl.rc_context(STYLE):
            return draw(*args, **kwargs)

    return draw_in_style


def new_figure(*, width: float = 6.2, height: float = 3.8) -> Figure:
    """Return an empty figure; width and height in inches."""
    return Figure(figsize=(width, height), layout="constrained")


def batch_colours(batch_sizes: Iterable[int]) -> Colours:
    """Return a colour for each batch size: dark for the smallest, warm for the largest, evenly by rank.

    By rank, since sizes such as 1, 2 and 60000 would share two colours on a log scale.
    """
    sizes = sorted(set(batch_sizes))
    return dict(zip(sizes, ramp(len(sizes)), strict=True))


def ramp(count: int) -> list[str]:
    """Return so many colours, from dark to warm.

    Plasma without its light end: even in lightness for the colour-blind and in grey print, and with a contrast of at
    least 3 on white.
    """
    return [to_hex(mpl.colormaps["plasma"](place)) for place in np.linspace(0.0, 0.63, max(count, 2))[:count]]


def batch_markers(batch_sizes: Iterable[int]) -> dict[int, str]:
    """Return a marker for each batch size, by rank: neighbours differ, so that colour alone tells nothing apart."""
    return {size: _MARKERS[place % len(_MARKERS)] for place, size in enumerate(sorted(set(batch_sizes)))}


def readable(text: str) -> str:
    r"""Return a text as a figure shows it: of a long line both ends, and what XML can't hold as Python writes it.

    >>> print(readable("a\x1b[31m $5 好"))
    a\x1b[31m $5 好
    """
    lines = [_UNREADABLE.sub(lambda found: ascii(found[0])[1:-1], line) for line in text.split("\n")]
    return "\n".join(line if len(line) <= LONGEST_LINE else f"{line[:60]}…{line[-39:]}" for line in lines)


def as_svg(figure: Figure) -> bytes:
    return _encoded(figure, "svg", metadata={"Date": None})


def as_png(figure: Figure) -> bytes:
    return _encoded(figure, "png", dpi=150)


def _encoded(figure: Figure, file_format: str, **options: Any) -> bytes:
    sink = io.BytesIO()
    for text in figure.findobj(Text):
        text.set_parse_math(False)
        text.set_text(readable(text.get_text()))
    with mpl.rc_context(STYLE), warnings.catch_warnings():
        # Other scripts: the page has them as text, in the fonts of its reader.
        warnings.filterwarnings("ignore", r"Glyph .* missing from", UserWarning)
        figure.savefig(sink, format=file_format, **options)
    return sink.getvalue()
