"""How people read a number, a count, a duration, a setting and a cell: one way each, for every room."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from decimal import Decimal

from bs_study.secret_text import without_secrets

UNKNOWN = "–"
LONGEST_VALUE = 200  # characters of a user's value in a message
_LONG = re.compile(rf"(?<!\w)(['\"])(?:\\.|(?!\1)[^\\]){{{LONGEST_VALUE + 1},}}\1(?!\w)|\S{{{LONGEST_VALUE + 1},}}")
MOST_NAMED = 5  # longer lists are told as how many and from where to where
CLOCK_WORDS = {
    "clean_seconds": "clean training time",
    "train_seconds": "training time",
    "compute_seconds": "compute time",
    "wall_seconds": "wall time (with evaluation)",
    "iterations": "iterations",
    "examples": "examples",
}
"""What a sentence calls the clocks by which a time to the target is told."""
CLOCK_LABELS = CLOCK_WORDS | {"clean_seconds": "training time, timed alone"}
"""What a label calls them, which is the same in every study: whether a time is clean is for sentences to say."""


def clock_words(clock: str, *, is_disturbed: bool) -> str:
    """Return what a sentence calls a clock.

    Args:
        is_disturbed: whether the timing pass was, so that its times are not clean.

    >>> clock_words("clean_seconds", is_disturbed=True), clock_words("iterations", is_disturbed=True)
    ('training time (disturbed timing)', 'iterations')
    """
    is_clean = clock != "clean_seconds" or not is_disturbed
    return CLOCK_WORDS[clock] if is_clean else "training time (disturbed timing)"


def number(value: float, *, digits: int = 3) -> str:
    """Return what was measured or computed, rounded to some significant digits.

    Plain digits from 0.0001 to below ten billion, in groups of three; a power of ten beyond.

    >>> number(0.0833333), number(1234567), number(12.0), number(0.00005)
    ('0.0833', '1,230,000', '12', '5e-5')
    """
    if not math.isfinite(value):
        return UNKNOWN
    rounded = _rounded(value, digits)
    if rounded and not 1e-4 <= abs(rounded) < 1e10:
        return _power_of_ten(f"{rounded:.{digits - 1}e}")
    return _grouped(rounded)


def count(value: float) -> str:
    """Return how many there are, with all digits: nothing is rounded, since counts are compared and typed again.

    >>> count(60000), count(1234.5), count(math.nan)
    ('60,000', '1,234.5', '–')
    """
    return _grouped(value) if math.isfinite(value) else UNKNOWN


def counted(value: float, noun: str) -> str:
    """Return a count and its noun, singular or plural.

    >>> counted(1, "seed"), counted(20000, "iteration"), counted(2.5, "GPU")
    ('1 seed', '20,000 iterations', '2.5 GPUs')
    """
    return f"{count(value)} {noun}" if value == 1 else f"{count(value)} {noun}s"


def duration(seconds: float) -> str:
    """Return a time in the unit that suits it: three digits of seconds, and beyond 99 of them a whole smaller unit.

    >>> duration(0.0021), duration(3.21), duration(250), duration(7500), duration(119.7), duration(0)
    ('2.1 ms', '3.21 s', '4 min 10 s', '2 h 5 min', '2 min', '0 s')
    """
    if not math.isfinite(seconds):
        return UNKNOWN
    if seconds >= 99.5:
        return _two_units(seconds)
    rounded = _rounded(seconds, 3)  # 0.9996 s is 1 s, not 1,000 ms
    for factor, unit in ((1, "s"), (1e3, "ms")):
        if rounded == 0 or abs(rounded) * factor >= 1:
            return f"{number(seconds * factor)} {unit}"
    return f"{number(seconds * 1e6)} µs"


def _two_units(seconds: float) -> str:
    size, large, small = (60, "min", "s") if round(seconds) < 3600 else (3600, "h", "min")
    whole, rest = divmod(round(seconds / (size / 60)), 60)
    return f"{whole:,} {large} {rest} {small}" if rest else f"{whole:,} {large}"


def amount(value: float, *, clock: str) -> str:
    """Return what a clock shows, with its unit; a count without what a logarithm and its inverse leave behind.

    >>> amount(1200, clock="iterations"), amount(3.2, clock="train_seconds"), amount(9920.00000000001, clock="examples")
    ('1,200 iterations', '3.2 s', '9,920 examples')
    """
    return duration(value) if clock.endswith("_seconds") else counted(_rounded(value, 12), clock.removesuffix("s"))


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


def times(ratio: float) -> str:
    """Return how many times as much a ratio is.

    >>> times(1.034), times(2.5), times(1234)
    ('1.03×', '2.5×', '1,230×')
    """
    return f"{number(ratio)}×"


def percent(share: float) -> str:
    """Return a share in percent; one close to 1 keeps the digits that tell it from 1.

    >>> percent(0.95), percent(0.99375), percent(0.99965), percent(0.025)
    ('95 %', '99.4 %', '99.97 %', '2.5 %')
    """
    digits = next(d for d in range(1, 15) if share >= 1 or round(100 * share, d) < 100)
    return f"{number(round(100 * share, digits), digits=15)} %"


def typed(value: float) -> str:
    """Return a setting as the user types it, with all of its digits: for commands, and for names that tell apart.

    No thousands separator, and from 0.00001 on no exponent. All digits are 15, which hides what sums in binary leave.

    >>> typed(0.0123456789), typed(60000), typed(1e-05), typed(0.1 + 0.2), typed(1e-06)
    ('0.0123456789', '60000', '0.00001', '0.3', '1e-6')
    """
    if float(value).is_integer() and (abs(value) < 1e15 or isinstance(value, int)):
        return str(int(value))
    text = f"{value:.15g}"
    if not math.isfinite(value) or "e" not in text:
        return text
    return f"{Decimal(text):f}" if 1e-5 <= abs(value) < 1 else _power_of_ten(text)


def setting(value: float) -> str:
    """Return an lr, a batch size or another setting for a reader.

    As it was typed; one of more than six digits was computed, by a rule or a search, and is rounded to four.

    >>> setting(0.02), setting(60000), setting(0.012345), setting(0.1 * math.sqrt(2))
    ('0.02', '60000', '0.012345', '0.1414')
    """
    is_short = not math.isfinite(value) or math.isclose(float(f"{value:.6g}"), value, rel_tol=1e-14)
    return typed(value if is_short or float(value).is_integer() else float(f"{value:.4g}"))


def cell(batch_size: float, lr: float) -> str:
    """Return a cell of the grid.

    >>> cell(64, 0.08)
    'batch size 64 at lr 0.08'
    """
    return f"batch size {setting(batch_size)} at lr {setting(lr)}"


def goal(target: object) -> str:
    """Return a target, or its text, as prose has it.

    >>> goal("accuracy >= 0.98")
    'accuracy ≥ 0.98'
    """
    return re.sub("[<>]=(?=[^<>=]*$)", lambda sign: "≥" if sign[0] == ">=" else "≤", str(target))


def some_sizes(batch_sizes: Sequence[int]) -> str:
    """Return batch sizes by name, or how many there are and their range where they would fill a line.

    >>> some_sizes([16]), some_sizes([16, 64]), some_sizes([1, 2, 4, 8, 16, 32, 64])
    ('batch size 16', 'batch sizes 16 and 64', '7 batch sizes (1 to 64)')
    """
    if len(batch_sizes) <= MOST_NAMED:
        noun = "batch size" if len(batch_sizes) == 1 else "batch sizes"
        return f"{noun} {listing([setting(size) for size in batch_sizes])}"
    return f"{count(len(batch_sizes))} batch sizes ({setting(min(batch_sizes))} to {setting(max(batch_sizes))})"


def sentence(clause: str) -> str:
    """Return a clause as a sentence.

    >>> sentence("trials have not ended")
    'Trials have not ended.'
    """
    return f"{clause[0].upper()}{clause[1:]}."


def listing(words: Sequence[str]) -> str:
    """Return words as a list in a sentence.

    >>> listing(["1", "2", "3"])
    '1, 2 and 3'
    """
    return "".join(words) if len(words) < 2 else f"{', '.join(words[:-1])} and {words[-1]}"


def shown(value: object) -> str:
    """Return a value that a user gave as a message quotes it: as Python writes it, shortened.

    >>> shown("mnist"), shown(0.1)
    ("'mnist'", '0.1')
    """
    try:
        return shortened(repr(value))
    except ValueError:  # what Python says of an integer of more than 4,300 digits
        return "a number of thousands of digits"


def shortened(text: str) -> str:
    """Return a text of at most 200 characters: of a longer one both ends.

    >>> shortened("7" * 70 + "8" * 500 + "9" * 30) == "7" * 70 + "8" * 49 + "…" + "8" * 50 + "9" * 30
    True
    """
    return text if len(text) <= LONGEST_VALUE else f"{text[:119]}…{text[-80:]}"


def one_line(message: object) -> str:
    """Return a message in one line, without secrets, its values shortened: what is quoted, or has no space within.

    >>> one_line("no workload:\\n  'mnits'")
    "no workload: 'mnits'"
    """
    return _LONG.sub(lambda found: shortened(found[0]), without_secrets(" ".join(str(message).split())))


def _rounded(value: float, digits: int) -> float:
    return float(f"{value:.{digits - 1}e}")


def _grouped(value: float) -> str:
    return f"{value:,.0f}" if float(value).is_integer() else f"{Decimal(f'{value:.15g}'):,f}"


def _power_of_ten(text: str) -> str:
    """Return a number that Python wrote with an exponent as people do: 1.50e-05 is 1.5e-5."""
    mantissa, _, exponent = text.partition("e")
    short = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
    return f"{short}e{int(exponent)}"
