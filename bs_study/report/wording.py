"""Numbers of a study in a sentence: what a clock shows, a span of it, a target, some batch sizes."""

from __future__ import annotations

from collections.abc import Sequence

from bs_study.target import Target
from bs_study.words import count, counted, duration, listing, setting

_MOST_NAMED = 5


def amount(value: float, *, clock: str) -> str:
    """Return what a clock shows, with its unit.

    >>> amount(1200, clock="iterations"), amount(3.2, clock="train_seconds")
    ('1,200 iterations', '3.2 s')
    """
    return duration(value) if clock.endswith("_seconds") else counted(value, clock.removesuffix("s"))


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


def goal(target: Target) -> str:
    """Return a target as prose has it.

    >>> goal(Target("accuracy", 0.98))
    'accuracy ≥ 0.98'
    """
    return str(target).replace(">=", "≥").replace("<=", "≤")


def some_sizes(batch_sizes: Sequence[int]) -> str:
    """Return batch sizes by name, or how many there are and their range where they would fill a line.

    >>> some_sizes([16]), some_sizes([16, 64]), some_sizes([1, 2, 4, 8, 16, 32, 64])
    ('batch size 16', 'batch sizes 16 and 64', '7 batch sizes (1 to 64)')
    """
    if len(batch_sizes) <= _MOST_NAMED:
        noun = "batch size" if len(batch_sizes) == 1 else "batch sizes"
        return f"{noun} {listing([setting(size) for size in batch_sizes])}"
    return f"{count(len(batch_sizes))} batch sizes ({setting(min(batch_sizes))} to {setting(max(batch_sizes))})"
