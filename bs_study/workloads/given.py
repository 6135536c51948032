"""Workloads that Python code hands over as they are: classes of a notebook's cell or a script, which no import finds.

Studies name them like all others, `__main__:MyTask`. A process that has them finds them by that name; to others, on
Ray, they travel by value.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any

from bs_study.words import shown
from bs_study.workloads.names import file_of

Made = Callable[..., object]
"""A class, a function without arguments that returns a workload, or a function that trains by itself."""

MAIN = "__main__"
_given: dict[str, Made] = {}


def give(made: Made, *, name: str | None = None) -> str:
    """Let this process find a class or function by its name, and return the name.

    One that lies in a module of its own is found by import, in any process.

    Args:
        name: under which another process knows it.
    """
    own = name or f"{made.__module__}:{made.__qualname__}"
    if own != f"{made.__module__}:{made.__qualname__}" or not _is_imported(made):
        _given[own] = made
    return own


def given(name: str) -> Made | None:
    """Return what was given under a name; None where nothing was."""
    return _given.get(name)


def _is_imported(made: Made) -> bool:
    module = sys.modules.get(made.__module__)
    is_found = made.__module__ != MAIN and getattr(module, made.__qualname__, None) is made
    return is_found and file_of(module) is not None


@functools.cache
def class_made_by(function: Made) -> type:
    """Return a class whose objects are what a function returns: a workload is made anew for each trial, by its class.

    Raises:
        Exception: whatever the function runs into.
    """
    made = function()
    if not hasattr(made, "__dict__") or isinstance(made, type):
        raise ValueError(f"it returns {shown(made)}. Return an object of a class of yours")
    first = type(made)

    def __init__(self: Any) -> None:  # noqa: N807  the class is made below
        vars(self).update(vars(function()))

    return type(
        first.__name__, (first,), {"__init__": __init__, "__module__": function.__module__, "made_by": function}
    )
