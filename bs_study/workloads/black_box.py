"""A function that trains by itself, `def train(batch_size, lr, seed, report)`: what one is, and what is none."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from bs_study.words import listing

PARAMETERS = ("batch_size", "lr", "seed", "report")
FORM = f"def train({', '.join(PARAMETERS)})"


@dataclass(frozen=True)
class BlackBox:
    """A function that trains by itself. What it reports is recorded; its data, model and optimizer are not known.

    Args:
        name: of the function, which a study has unless it is given another.
        function: is called with the four PARAMETERS by their names.
        target: a function has none of its own.
    """

    name: str
    function: Callable[..., object]
    target: None = None

    @property
    def code(self) -> Callable[..., object]:
        """The function itself, within what wraps it or gives it arguments; of an object, its `__call__`."""
        function: Any = self.function
        while isinstance(function, functools.partial):
            function = function.func
        code: Any = inspect.unwrap(function)
        return code if inspect.isroutine(code) else type(code).__call__


def black_box(function: Callable[..., object]) -> BlackBox | None:
    """Return the black box that a function is; None of one that is to be called without arguments, for a workload.

    Raises:
        ValueError: it is neither: it asks for other arguments, or what it returns would not run.
    """
    parameters = _parameters(function)
    if parameters is None or (not _needed(parameters) and "report" not in parameters):
        return None
    fault = _fault(function, parameters)
    if fault:
        raise ValueError(
            f"{fault}. To train by itself, a function is {FORM}; to make a workload, it is one without arguments (or "
            "with a default for each, as width=128)"
        )
    found = BlackBox("", function)
    return replace(found, name=found.code.__qualname__.removesuffix(".__call__").rpartition(".")[2])


def about_any(function: Callable[..., object]) -> str:
    """Return how a function that takes anything would train by itself; nothing of one that names its arguments."""
    kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    if not any(one.kind in kinds for one in (_parameters(function) or {}).values()):
        return ""
    return f". To train by itself, it names its arguments: {FORM}. A decorator keeps them by functools.wraps"


def _parameters(function: Callable[..., object]) -> dict[str, inspect.Parameter] | None:
    """Return the parameters of a function by their names; None where Python can't tell, as of some built-in ones."""
    try:
        return dict(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        return None


def _needed(parameters: dict[str, inspect.Parameter]) -> list[str]:
    """Return the names of the parameters that must be given."""
    kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [name for name, one in parameters.items() if one.default is one.empty and one.kind not in kinds]


def _fault(function: Any, parameters: dict[str, inspect.Parameter]) -> str | None:
    is_lazy = inspect.isgeneratorfunction(function) or inspect.iscoroutinefunction(function)
    if is_lazy or inspect.isasyncgenfunction(function):
        return "it is a generator or a coroutine, which runs nothing when it is called. Take yield or async away"
    has_any = any(one.kind is inspect.Parameter.VAR_KEYWORD for one in parameters.values())
    by_name = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    lacks = [name for name in PARAMETERS if not has_any and name not in parameters]
    unnamed = [name for name in PARAMETERS if name in parameters and parameters[name].kind not in by_name]
    others = [name for name in _needed(parameters) if name not in PARAMETERS]
    told = [
        f"it does not take {listing(lacks)}" if lacks else "",
        f"it does not take {listing(unnamed)} by name" if unnamed else "",
        f"it asks for {listing(others)}, which nothing gives it" if others else "",
    ]
    return ", and ".join(filter(None, told)) or None
