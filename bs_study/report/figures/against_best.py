"""How sure the choice is: each other batch size against the recommended one, as a ratio of times with its interval."""

from __future__ import annotations

import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bs_study.analysis.comparison import EITHER, Comparison
from bs_study.report.axes import log_axis
from bs_study.report.cell_points import cell_name
from bs_study.report.curves import Source
from bs_study.report.figure import ReportFigure, anchor
from bs_study.report.inline import mark
from bs_study.report.sentences.rivals import factor, rivals
from bs_study.report.style import ACCENT, INK, MUTED, new_figure, styled
from bs_study.words import count, percent, setting

_MOST_ROWS = 20
_BAND = "#dce9f5"


@styled
def against_best(comparisons: Sequence[Comparison]) -> Figure:
    """Return a row for each rival: how many times as long it takes, with the interval of that ratio.

    A rival that is known to be slower is filled, one that is not is open. An arrow goes on where no end is known. One
    of which nothing is known, or that can't reach the target, has a row and words. Of many, those nearest to 1 are
    drawn.
    """
    rows = nearest(comparisons)
    figure = new_figure(width=5.4, height=1.3 + 0.3 * len(rows))
    axes = figure.subplots()
    ends = [value for one in rows for value in (one.ratio, one.low, one.high)]
    log_axis(axes.xaxis, [1 / EITHER, EITHER, *ends], margin=0.1)
    axes.axvspan(1 / EITHER, EITHER, color=_BAND, linewidth=0)
    axes.axvline(1, color=INK, linewidth=1.2)
    for place, one in enumerate(rows):
        _draw(axes, one, place=place)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_yticks(range(len(rows)), [_row_name(one) for one in rows])
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("time, as a multiple of the recommended one's")
    return figure


def nearest(comparisons: Sequence[Comparison]) -> list[Comparison]:
    """Return the comparisons that have room, those nearest to 1, in order of their ratio; the unknown ones last."""

    def distance(one: Comparison) -> float:
        return abs(math.log(one.ratio)) if math.isfinite(one.ratio) else math.inf

    kept = sorted(comparisons, key=distance)[:_MOST_ROWS]
    return sorted(kept, key=lambda one: (math.isnan(one.ratio), one.ratio))


def _draw(axes: Axes, one: Comparison, *, place: int) -> None:
    left, right = axes.get_xlim()
    name = anchor(f"b{setting(one.rival.batch_size)}", one.rival.recipe)
    link = anchor(f"curves-b{setting(one.rival.batch_size)}", one.rival.recipe)
    if not math.isfinite(one.ratio):
        words = "can't reach the target" if math.isinf(one.ratio) else "not known yet"
        note = axes.annotate(words, (1, place), xytext=(6, 0), textcoords="offset points", va="center", color=MUTED)
        mark(note, name, _text(one), link=link)
        return
    low = one.ratio if math.isnan(one.low) else one.low
    high = one.ratio if math.isnan(one.high) else one.high
    axes.plot([max(low, left), min(high, right)], [place, place], color=ACCENT, linewidth=1.8)
    for end, arrow, is_unknown in ((left, "<", low <= 0), (right, ">", math.isinf(high))):
        if is_unknown:
            axes.plot([end], [place], arrow, color=ACCENT, markersize=7, clip_on=False)
    (drawn,) = axes.plot([one.ratio], [place], "o", color=ACCENT, markersize=8, markerfacecolor=_fill(one), zorder=4)
    mark(drawn, name, _text(one), link=link)


def _fill(one: Comparison) -> str:
    return ACCENT if one.is_slower else "white"


def _row_name(one: Comparison) -> str:
    recipe = f", {one.rival.recipe}" if one.rival.recipe else ""
    return f"{setting(one.rival.batch_size)}{recipe}"


def _text(one: Comparison) -> str:
    """Return what a row says: the ratio, its interval, and whether it is known to be slower."""
    is_near = one.is_equal and 1 / EITHER <= one.ratio <= EITHER
    known = "known to be slower" if one.is_slower else "as good" if is_near else "not known to be slower"
    return f"{cell_name(one.rival)}: {_ratio(one)}; {known}"


def _ratio(one: Comparison) -> str:
    if math.isinf(one.ratio):
        return "can't reach the target"
    if math.isnan(one.ratio):
        return "nothing is known of its time"
    if math.isinf(one.high):
        return f"at least {factor(one.low)}× the time"
    if one.low <= 0:
        return f"at most {factor(one.high)}× the time"
    interval = f" ({factor(one.low)} to {factor(one.high)})" if math.isfinite(one.low) else ""
    return f"{factor(one.ratio)}× the time{interval}"


def _caption(source: Source) -> str:
    others = rivals(source.found.recommendation.comparisons).others
    some = f" The {_MOST_ROWS} of {count(len(others))} nearest to 1 are drawn." if len(others) > _MOST_ROWS else ""
    return (
        "Each other batch size at its best lr against the recommended one; bars are intervals of the ratio. "
        "Filled: known to be slower. Open: not known to be. "
        f"An arrow: no end is known. Shaded: as good, within {percent(EITHER - 1)}.{some}"
    )


AGAINST_BEST = ReportFigure(
    "against_best",
    "The other batch sizes against the recommended one",
    caption=_caption,
    has_rows=lambda source: len(rivals(source.found.recommendation.comparisons).others) > 0,
    draw=lambda source: against_best(rivals(source.found.recommendation.comparisons).others),
)
"""It is of the whole study, whatever its recipes."""
