"""The target of a workload: a metric, a value and a direction."""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Self

from bs_study.metric_names import FRACTION, SIGNS, Bounds, Direction, direction_of
from bs_study.words import shown, typed

_NAME = r"(?!['\"])[^\s<>=]*[^\s<>=!]"  # so that "accuracy != 0.9" names no metric
_QUOTED = r""" "(?:[^"\\]|\\.)+" | '(?:[^'\\]|\\.)+' """.replace(" ", "")
_TARGET = re.compile(rf"\s*({_QUOTED}|{_NAME})\s*(>=|<=|=)\s*([^\s<>=]+)\s*")
_UNQUOTED = re.compile(r"\s*([^<>=!]*[^\s<>=!])\s*(>=|<=|=)\s*([^\s<>=]+)\s*")
_DIRECTIONS: dict[str, Direction] = {sign: direction for direction, sign in SIGNS.items()}
_MISTYPED = {"==": "=", "=>": ">=", "=<": "<=", ">": ">=", "<": "<=", "≥": ">=", "≤": "<="}
_EXAMPLES = "Write one like 'accuracy>=0.98' or 'loss<=0.1'"


@dataclass(frozen=True)
class OpenTarget:
    """A metric and a value whose direction was left out, as ``mse = 0.01``."""

    metric: str
    value: float

    def __post_init__(self) -> None:
        _refuse_no_name(self.metric)
        object.__setattr__(self, "value", _finite(self.value))

    def directed(self, known: Mapping[str, Direction] | None = None) -> Target:
        """Return the target with the direction in which its metric is better.

        Args:
            known: which way metrics are better. What it lacks, a name may tell.

        Raises:
            ValueError: neither tells; the message names both forms.
        """
        direction = (known or {}).get(self.metric) or direction_of(self.metric)
        if direction is None:
            most, least = (Target(self.metric, self.value, way).in_shell for way in ("min", "max"))
            raise ValueError(
                f"target: is {self.metric} to be at most or at least {typed(self.value)}? Write {most} or {least}"
            )
        return Target(self.metric, self.value, direction)

    def __str__(self) -> str:
        return f"{written(self.metric)} = {float(self.value)!r}"


@dataclass(frozen=True)
class Target:
    """A metric, a value and a direction, as ``accuracy >= 0.98``. The metric's name tells a direction that is left out.

    >>> Target.parse("loss<=0.1").is_met(0.05)
    True
    >>> str(Target("accuracy", 0.98))
    'accuracy >= 0.98'
    >>> Target.parse('"top 5" >= 0.9').metric
    'top 5'
    """

    metric: str
    value: float
    direction: Direction = None  # type: ignore[assignment]  # which is set below

    def __post_init__(self) -> None:
        _refuse_no_name(self.metric)
        object.__setattr__(self, "value", _finite(self.value))
        if self.direction is None:
            direction = OpenTarget(self.metric, self.value).directed().direction
            object.__setattr__(self, "direction", direction)
        if self.direction not in ("max", "min"):
            raise ValueError(
                f"target: direction {shown(self.direction)} is unknown. Use 'max' or 'min', as in "
                f"Target({self.metric!r}, {typed(self.value)}, 'max')"
            )

    @classmethod
    def parse(cls, text: str, known: Mapping[str, Direction] | None = None) -> Self:
        """Read ``accuracy>=0.98`` or ``loss<=0.1``; or ``accuracy=0.98``, in the direction in which that is better.

        Args:
            text: as it is typed.
            known: which way metrics are better. What it lacks, a name may tell.

        Raises:
            ValueError: it is no target, or nothing tells its direction.
        """
        target = definite(read_target(text), known)
        return cls(target.metric, target.value, target.direction)

    def is_met(self, value: float) -> bool:
        """Return whether a value of the metric meets the target; NaN never does."""
        return value >= self.value if self.direction == "max" else value <= self.value

    def out_of_reach(self, bounds: Bounds) -> str | None:
        """Return why no value within bounds meets the target, and what to write; None where one does.

        >>> Target("accuracy", 90).out_of_reach(FRACTION)
        "accuracy is a fraction, 0 to 1, and never at least 90. Write 'accuracy>=0.9'"
        """
        limit, asks, ends = (bounds.high, "least", "most") if self.direction == "max" else (bounds.low, "most", "least")
        if self.is_met(limit):
            return None
        kind = "a fraction, 0 to 1," if bounds == FRACTION else f"at {ends} {typed(limit)}"
        right = f"Give a target of at {ends} {typed(limit)}"
        if bounds == FRACTION and 2 <= self.value <= 100:  # in percent
            right = f"Write {Target(self.metric, float(f'{self.value / 100:.12g}'), self.direction).in_shell}"
        return f"{self.metric} is {kind} and never at {asks} {typed(self.value)}. {right}"

    @property
    def typed(self) -> str:
        """The target as it is typed, which reads back as the same; a shell wants it in quotes."""
        value = typed(self.value) if float(typed(self.value)) == self.value else repr(float(self.value))
        return f"{written(self.metric)}{SIGNS[self.direction]}{value}"

    @property
    def in_shell(self) -> str:
        """The target as it is typed in a shell, with the quotes that it wants there."""
        return _in_shell(self.typed)

    def __str__(self) -> str:
        return f"{written(self.metric)} {SIGNS[self.direction]} {float(self.value)!r}"


def written(metric: str) -> str:
    """Return a metric's name as a target has it: in quotes where it would not read back without them.

    >>> print(written("acc@1"), written("top 5"), written('a "b"'))
    acc@1 "top 5" "a \\"b\\""
    """
    if re.fullmatch(_NAME, metric):
        return metric
    return '"' + re.sub(r'(["\\])', r"\\\1", metric) + '"'


def _name(text: str) -> str:
    """Return the name of a metric that is written with or without quotes; a backslash is before what it means."""
    return re.sub(r"\\(.)", r"\1", text[1:-1]) if re.fullmatch(_QUOTED, text) else text


def read_target(text: str) -> Target | OpenTarget:
    """Return a target as it is written, ``accuracy>=0.98``, or without its direction, ``accuracy=0.98``.

    A name with spaces, or with <, > or =, is in quotes: ``"top 5">=0.9``.

    Raises:
        ValueError: it is none; the message begins with the text and says what is right.
    """
    match = _TARGET.fullmatch(text)
    if not match:
        raise ValueError(f"{shown(text)} is no target. {_advice(text)}")
    metric, sign, value = _name(match[1]), match[2], match[3]
    try:
        number = _finite(float(value))
    except ValueError:
        raise ValueError(f"{shown(text)} is no target: {shown(value)} is no finite number. {_EXAMPLES}") from None
    return OpenTarget(metric, number) if sign == "=" else Target(metric, number, _DIRECTIONS[sign])


def _in_shell(text: str) -> str:
    quoted = shlex.quote(text)
    return quoted if quoted != text else f"'{text}'"


def _advice(text: str) -> str:
    """Return what to write in place of what is no target."""
    for sign, right in _MISTYPED.items():
        metric, found, value = (part.strip() for part in text.partition(sign))
        if found and _TARGET.fullmatch(f"{metric}{right}{value}"):
            where = f"{right} in place of {sign}" if sign.isascii() else f"{right}, two signs"
            return f"Write {where}: {_in_shell(f'{metric}{right}{value}')}"
    if re.fullmatch(_NAME, text.strip()) and not re.fullmatch(r"[\d.]+", text.strip()):
        quoted = shlex.quote(f"{text.strip()}>=0.98")
        return f"It is only a name: of {text.strip()}>=0.98 a shell takes > for itself. Quote it, as --target {quoted}"
    spaced = _UNQUOTED.fullmatch(text)
    if spaced and spaced[1].isprintable():
        quoted = f"{written(spaced[1])}{spaced[2]}{spaced[3]}"
        return f"A name with spaces is written in quotes: {_in_shell(quoted)}"
    return _EXAMPLES


def definite(target: Target | OpenTarget, known: Mapping[str, Direction] | None = None) -> Target:
    """Return a target that has a direction: its own, else the one in which its metric is better.

    Raises:
        ValueError: nothing tells it.
    """
    return target if isinstance(target, Target) else target.directed(known)


def _refuse_no_name(metric: object) -> None:
    if not isinstance(metric, str) or not metric.strip() or not metric.isprintable():
        raise ValueError(f"target: {shown(metric)} can't name a metric. Give a name that can be read")


def _finite(value: object) -> float:
    """Return a number as Python's own: the shortest decimal of one of numpy's, 0.9 of numpy.float32(0.9)."""
    number = value if isinstance(value, int | float) else float(str(value)) if isinstance(value, Real) else math.nan
    if not math.isfinite(number):
        raise ValueError(f"target: {shown(value)} is no finite number. Give the value that the metric is to reach")
    return number


def is_met_by_window(met: Sequence[bool], *, window: int) -> bool:
    """Return whether the median of the last `window` evaluations meets the target: more than half of them do.

    Args:
        met: whether each evaluation so far met it, in order. Fewer than `window` are not enough.
        window: an odd number, so that the median is one of the values.

    >>> is_met_by_window([True, False, True], window=3), is_met_by_window([True, True], window=3)
    (True, False)
    """
    return len(met) >= window and sum(met[-window:]) > window / 2
