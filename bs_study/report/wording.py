"""Numbers as a person says them: 3.2 s, 4 min 10 s, 1,024 examples, lr 0.08."""

from __future__ import annotations

import math
from collections.abc import Sequence

from bs_study.target import Target

CLOCK_WORDS = {
    "clean_seconds": "clean training time",
    "train_seconds": "training time",
    "compute_seconds": "compute time",
    "wall_seconds": "wall time (with evaluation)",
    "iterations": "iterations",
    "examples": "examples",
}
CLOCKS = tuple(CLOCK_WORDS)
_MOST_NAMED = 5


def number(value: float, *, digits: int = 3) -> str:
    """Return a number in plain digits, rounded to some significant ones.

    >>> number(0.0833333), number(1234567), number(12.0)
    ('0.0833', '1,230,000', '12')
    """
    if not math.isfinite(value):
        return "–"
    if value == 0:
        return "0"
    places = digits - 1 - math.floor(math.log10(abs(value)))
    rounded = round(value, places)
    if 0 < abs(rounded) < 1e-4 or abs(rounded) >= 1e10:
        return f"{value:.{digits - 1}e}"
    text = f"{rounded:,.{max(places, 0)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def seconds(value: float) -> str:
    """Return a duration in the unit that suits it.

    >>> seconds(0.0021), seconds(3.21), seconds(250), seconds(7500), seconds(119.7)
    ('2.1 ms', '3.21 s', '4 min 10 s', '2 h 5 min', '2 min')
    """
    if not math.isfinite(value):
        return "–"
    if 0 < value < 1e-3:
        return f"{number(value * 1e6)} µs"
    if value < 1:
        return f"{number(value * 1e3)} ms"
    if value < 99.5:
        return f"{number(value)} s"
    size, large, small = (60, "min", "s") if value < 3600 else (3600, "h", "min")
    whole, rest = divmod(round(value / (size / 60)), 60)
    return f"{whole:,} {large} {rest} {small}" if rest else f"{whole:,} {large}"


def amount(value: float, *, clock: str) -> str:
    """Return what a clock shows, with its unit.

    >>> amount(1200, clock="iterations"), amount(3.2, clock="train_seconds")
    ('1,200 iterations', '3.2 s')
    """
    if clock.endswith("_seconds"):
        return seconds(value)
    return f"{exact(value)} {clock}"


def span(low: float, high: float, *, clock: str) -> str:
    """Return the range of what a clock shows, a unit that both ends share but once.

    >>> span(3.0, 3.4, clock="train_seconds"), span(0.9, 1.5, clock="train_seconds")
    ('3 to 3.4 s', '900 ms to 1.5 s')
    """
    first, last = amount(low, clock=clock), amount(high, clock=clock)
    if first == last:
        return f"{last} each"
    if first.count(" ") == 1 and last.count(" ") == 1:
        first = first.removesuffix(f" {last.split()[-1]}")
    return f"{first} to {last}"


def exact(value: float) -> str:
    """Return a count with all of its digits where it is whole, else to three.

    >>> exact(60000), exact(math.nan), exact(12.5)
    ('60,000', '–', '12.5')
    """
    if not math.isfinite(value):
        return "–"
    return f"{value:,.0f}" if float(value).is_integer() else number(value)


def goal(target: Target) -> str:
    """Return a target as prose has it.

    >>> goal(Target("accuracy", 0.98))
    'accuracy ≥ 0.98'
    """
    return str(target).replace(">=", "≥").replace("<=", "≤")


def plain(value: float) -> str:
    """Return an lr or a batch size as the user typed it: no thousands separator, no exponent where it can be helped.

    >>> plain(0.02), plain(60000), plain(1e-05)
    ('0.02', '60000', '0.00001')
    """
    if float(value).is_integer() and abs(value) < 1e15:
        return str(int(value))
    text = f"{value:.4g}"
    return f"{value:.9f}".rstrip("0") if "e-" in text and value >= 1e-5 else text


def times(ratio: float) -> str:
    """Return how many times as much a ratio is.

    >>> times(1.034), times(2.5), times(1234)
    ('1.03×', '2.5×', '1,230×')
    """
    return f"{number(ratio)}×"


def listing(words: Sequence[str]) -> str:
    """Return words as a list in a sentence.

    >>> listing(["1", "2", "3"])
    '1, 2 and 3'
    """
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} and {words[-1]}"


def some_sizes(batch_sizes: Sequence[int]) -> str:
    """Return batch sizes by name, or how many there are and their range where they would fill a line.

    >>> some_sizes([16]), some_sizes([16, 64]), some_sizes([1, 2, 4, 8, 16, 32, 64])
    ('batch size 16', 'batch sizes 16 and 64', '7 batch sizes (1 to 64)')
    """
    if len(batch_sizes) <= _MOST_NAMED:
        noun = "batch size" if len(batch_sizes) == 1 else "batch sizes"
        return f"{noun} {listing([plain(size) for size in batch_sizes])}"
    return f"{len(batch_sizes)} batch sizes ({plain(min(batch_sizes))} to {plain(max(batch_sizes))})"


def counted(count: int, noun: str) -> str:
    """Return a count and its noun, singular or plural.

    >>> counted(1, "seed"), counted(3, "batch size")
    ('1 seed', '3 batch sizes')
    """
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
