"""Axes that read without effort: log scales with plain numbers, and labels beside lines that do not overlap."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

from bs_study.report.style import MUTED
from bs_study.words import CLOCK_LABELS, duration, number, setting

_SUBDIVISIONS = ((1.0,), (1.0, 3.0), (1.0, 2.0, 5.0), (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0))


class LineLabel(NamedTuple):
    """A label beside a line: where the line is, what to write, and how the line looks."""

    y: float
    text: str
    colour: str
    dash: str = "-"
    marker: str = ""


def log_ticks(low: float, high: float, *, most: int = 7) -> list[float]:
    """Return round values between low and high, as many as fit on a log axis, at least two.

    >>> log_ticks(1, 1000)
    [1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0]
    """
    return _fitting([_multiples(low, high, bases) for bases in _SUBDIVISIONS], low, high, most=most)


def time_ticks(low: float, high: float, *, most: int = 7) -> list[float]:
    """Return times in seconds between low and high that are round in the unit that suits them, at least two.

    >>> time_ticks(20, 2 * 3600)
    [30.0, 60.0, 180.0, 600.0, 1800.0, 3600.0]
    """
    return _fitting([_round_times(low, high, bases) for bases in _SUBDIVISIONS], low, high, most=most)


def _fitting(candidates: list[list[float]], low: float, high: float, *, most: int) -> list[float]:
    fitting = [ticks for ticks in candidates if 2 <= len(ticks) <= most]
    if fitting:
        return fitting[-1]
    if len(candidates[0]) > most:
        return candidates[0][:: math.ceil(len(candidates[0]) / most)]
    return [float(f"{value:.3g}") for value in np.linspace(low, high, 4)]


def _multiples(low: float, high: float, bases: Sequence[float]) -> list[float]:
    exponents = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    values = [float(f"{base * 10.0**exponent:.6g}") for exponent in exponents for base in bases]
    return [value for value in values if low * (1 - 1e-9) <= value <= high * (1 + 1e-9)]


def _round_times(low: float, high: float, bases: Sequence[float]) -> list[float]:
    """Return multiples of a second below a minute, of a minute below an hour, and of an hour."""
    ends = ((1.0, 0.0, 60.0), (60.0, 60.0, 3600.0), (3600.0, 3600.0, math.inf))
    found: list[float] = []
    for unit, first, end in ends:
        here = _multiples(max(low, first) / unit, high / unit, bases) if high >= first else []
        found += [value * unit for value in here if value * unit < end]
    return found


def clock_axis(axis: Axis, values: Iterable[float], *, clock: str, margin: float = 0.12) -> None:
    """Make an axis logarithmic around what a clock showed: seconds in readable units, counts in plain numbers."""
    if not clock.endswith("seconds"):
        log_axis(axis, values, margin=margin)
        return
    low, high = _log_limits(values, margin=margin)
    _set_log(axis, low, high)
    ticks = time_ticks(low, high)
    _set_ticks(axis, ticks, [duration(tick) for tick in ticks])


def to_target(clock: str) -> str:
    """Return what a label calls the time to the target by a clock.

    >>> to_target("clean_seconds"), to_target("iterations")
    ('training time to the target, timed alone', 'iterations to the target')
    """
    name, comma, how = CLOCK_LABELS[clock].partition(",")
    return f"{name} to the target{comma}{how}"


def log_axis(axis: Axis, values: Iterable[float], *, margin: float = 0.06) -> None:
    """Make an axis logarithmic around values (those above 0 count), with plain numbers at its ticks."""
    low, high = _log_limits(values, margin=margin)
    _set_log(axis, low, high)
    ticks = log_ticks(low, high)
    _set_ticks(axis, ticks, [number(tick) for tick in ticks])


def batch_axis(axis: Axis, batch_sizes: Iterable[int], *, most: int = 9, label: str = "batch size (examples)") -> None:
    """Make an axis logarithmic with a tick at each batch size, or at as many as have room for their text."""
    sizes = sorted(set(batch_sizes))
    _set_log(axis, *_log_limits(sizes, margin=0.06))
    ticks = _roomy(sizes, most=most)
    _set_ticks(axis, ticks, [setting(size) for size in ticks])
    axis.set_label_text(label)


def lr_axis(axis: Axis, lrs: Iterable[float]) -> None:
    """Make an axis logarithmic with a tick at each lr that has room for its text."""
    values = sorted({lr for lr in lrs if lr > 0 and math.isfinite(lr)}) or [0.1]
    _set_log(axis, *_log_limits(values, margin=0.08))
    ticks = _roomy(values, most=12)
    _set_ticks(axis, ticks, [setting(lr) for lr in ticks])
    axis.set_label_text("lr")


def _log_limits(values: Iterable[float], *, margin: float) -> tuple[float, float]:
    positive = [value for value in values if value > 0 and math.isfinite(value)] or [1.0]
    low, high = min(positive), max(positive)
    room = max((high / low) ** margin, 1.15)
    return low / room, high * room


def _set_log(axis: Axis, low: float, high: float) -> None:
    name = "x" if axis is axis.axes.xaxis else "y"
    axis.axes.set(**{f"{name}scale": "log", f"{name}lim": (low, high)})


def _set_ticks(axis: Axis, ticks: Sequence[float], labels: Sequence[str]) -> None:
    axis.set_major_locator(FixedLocator(list(ticks)))
    axis.set_major_formatter(FixedFormatter(list(labels)))
    axis.set_minor_locator(NullLocator())


def _roomy(values: Sequence[float], *, most: int) -> list[float]:
    """Return the values that stay apart on a log axis, the first and the last among them."""
    if len(values) < 3:
        return list(values)
    gap = math.log(values[-1] / values[0]) / most
    kept = [values[0]]
    for value in values[1:-1]:
        if math.log(value / kept[-1]) >= gap and math.log(values[-1] / value) >= gap:
            kept.append(value)
    return [*kept, values[-1]]


def label_lines(axes: Axes, labels: Sequence[LineLabel], *, title: str = "") -> None:
    """Write a label beside the right end of each line, moved apart where they would overlap, with a piece of the line.

    Call it last: it reads the limits of the y axis. Each place is the line's y in data coordinates. The words are in
    ink, since a line's colour may be too light for words.
    """
    to_fraction = axes.transData + axes.transAxes.inverted()
    x_left = axes.get_xlim()[0]
    heights = [float(np.clip(to_fraction.transform((x_left, label.y))[1], 0.0, 1.0)) for label in labels]
    gap = min(0.055, 1 / max(len(labels) - 1, 1))
    size = 10 if gap == 0.055 else 180 * gap
    for label, height in zip(labels, apart(heights, gap=gap), strict=True):
        piece = Line2D([1.01, 1.07], [height, height], color=label.colour, clip_on=False)
        piece.set(
            transform=axes.transAxes,
            linestyle=label.dash,
            marker=label.marker or "None",
            markevery=[1],
            markersize=5,
            label="_key",
        )
        axes.add_artist(piece)
        text = axes.annotate(label.text, (1.085, height), xycoords="axes fraction", annotation_clip=False)
        text.set(va="center", fontsize=size)
    if title and labels:
        axes.annotate(title, (1.01, 1.03), xycoords="axes fraction", va="bottom", color=MUTED, fontsize=9)


def apart(places: Sequence[float], *, gap: float) -> list[float]:
    """Return places between 0 and 1, moved as little as need be to be a gap apart, in the order given.

    >>> apart([0.5, 0.5], gap=0.1)
    [0.45, 0.55]
    """
    order = sorted(range(len(places)), key=lambda i: places[i])
    clusters: list[list[float]] = []  # [sum of (place - rank * gap), count]: each keeps the mean of its members
    for rank, i in enumerate(order):
        clusters.append([places[i] - rank * gap, 1])
        while len(clusters) > 1 and clusters[-2][0] / clusters[-2][1] > clusters[-1][0] / clusters[-1][1]:
            total, count = clusters.pop()
            clusters[-1][0] += total
            clusters[-1][1] += count
    moved = [total / count for total, count in clusters for _ in range(int(count))]
    result = [0.0] * len(places)
    most = [1 - gap * (len(places) - 1 - rank) for rank in range(len(places))]
    for rank, i in enumerate(order):
        result[i] = round(max(min(moved[rank] + rank * gap, most[rank]), rank * gap), 9)
    return result
