"""How far training goes before its held-out loss is asked for: so many examples, iterations or seconds."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Literal, Self, cast, get_args

from bs_study.words import shown, typed

Clock = Literal["examples", "iterations", "seconds"]
CLOCKS: tuple[Clock, ...] = get_args(Clock)
MOST = 2**53
"""Counts up to here are exact as floats."""
_FORM = re.compile(r"\s*(\w+)\s*=\s*([^\s=]+)\s*")
RIGHT = "Write one like examples=50000, iterations=2000 or seconds=60"


@dataclass(frozen=True)
class Budget:
    """A clock and what it shows, as ``examples=50000``.

    Attributes:
        value: examples, iterations or seconds of training, above 0; the first two are whole.

    >>> Budget.parse("examples = 5e4")
    Budget(clock='examples', value=50000.0)
    >>> str(Budget("seconds", 1.5))
    'seconds=1.5'
    """

    clock: Clock
    value: float

    @classmethod
    def parse(cls, text: object) -> Self:
        """Read ``examples=50000``, ``iterations=2000`` or ``seconds=60``.

        Raises:
            ValueError: it is none of them; the message says what is right, and leaves the setting to be named.
        """
        found = _FORM.fullmatch(text) if isinstance(text, str) else None
        if found is None or found[1] not in CLOCKS:
            raise ValueError(f"{shown(text)} is no clock with its value. {RIGHT}")
        try:
            value = float(found[2]) if "_" not in found[2] else math.nan
        except ValueError:
            value = math.nan
        if not 0 < value <= MOST:
            raise ValueError(f"{shown(found[2])} is no number of {found[1]} above 0, and up to {MOST:.1g}. {RIGHT}")
        if found[1] != "seconds" and not value.is_integer():
            raise ValueError(f"{shown(found[2])} is no whole number of {found[1]}. {RIGHT}")
        return cls(cast("Clock", found[1]), value)

    def __str__(self) -> str:
        return f"{self.clock}={typed(self.value)}"
