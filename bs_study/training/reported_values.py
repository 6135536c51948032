"""What `report` takes: whole numbers that count, numbers, and names that can be columns; all else is refused."""

from __future__ import annotations

import contextlib
import operator
from typing import Any

from bs_study.words import shown


def whole(name: str, value: Any) -> int:
    """Return a count as Python's own number; of numpy or torch it may be, as long as it is whole."""
    if not isinstance(value, bool):
        with contextlib.suppress(TypeError):
            return operator.index(value)
    raise ValueError(f"report: {name} is {_shown(value)}. Give a whole number, as {name}=3")


def number(name: str, value: Any) -> float:
    """Return a number as Python's own: of a tensor or an array with one number, that. A GPU is waited for."""
    if hasattr(value, "__float__"):  # a text has none, though float() would read it
        with contextlib.suppress(TypeError, ValueError, RuntimeError):  # as of several numbers
            return float(value.item() if hasattr(value, "item") else value)
    raise ValueError(f"report: {name} is {_shown(value)}. Give a number, as {name}=0.5")


def _shown(value: object) -> str:
    shape = tuple(getattr(value, "shape", ()))
    return f"{type(value).__name__} of shape {shape}" if shape else shown(value)
