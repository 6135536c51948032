"""What the code of a notebook's cells or of a script says, function by function: it has no file that is all of it."""

from __future__ import annotations

import functools
import hashlib
import inspect
import textwrap
from collections.abc import Iterator
from types import CodeType, FunctionType
from typing import Any

from bs_study.workloads.given import MAIN, Made


def main_code(own: Made) -> dict[str, bytes]:
    """Return the code of each function that a class of `__main__` has or uses, by its name, as `__main__.MyTask.loss`.

    Of a function of `__main__` it is that itself, and what it uses. Functions and classes of `__main__` that they name
    are among them, and those that these name. What lies in other modules is not, nor are values.
    """
    found: dict[str, bytes] = {}
    left: list[Any] = [own]
    while left:
        thing = left.pop()
        if isinstance(thing, type):
            left += [part for base in thing.__mro__ if base.__module__ == MAIN for part in _functions(base)]
            continue
        name = f"{MAIN}.{thing.__qualname__}"
        if thing.__module__ == MAIN and name not in found:
            found[name] = _code(thing)
            left += _used(thing)
    return found


def _functions(cls: type) -> Iterator[FunctionType]:
    """Yield the functions of a class, those of properties, class methods and static methods included."""
    for part in vars(cls).values():
        if isinstance(part, property):
            yield from (one for one in (part.fget, part.fset) if isinstance(one, FunctionType))
        part = part.func if isinstance(part, functools.cached_property) else part
        if function := _unwrapped(getattr(part, "__func__", part)):
            yield function


def _unwrapped(thing: Any) -> FunctionType | None:
    """Return the function within what decorates it, as `functools.cache` does; None of what is none."""
    function = inspect.unwrap(thing) if hasattr(thing, "__wrapped__") else thing
    return function if isinstance(function, FunctionType) else None


def _used(function: FunctionType) -> Iterator[Any]:
    """Yield the functions and classes of `__main__` that a function names, or has around it."""
    named = [function.__globals__.get(name) for code in _codes(function.__code__) for name in code.co_names]
    around = [cell.cell_contents for cell in function.__closure__ or () if not _is_empty(cell)]
    for thing in [*named, *around]:
        used = thing if isinstance(thing, type) else _unwrapped(thing)
        if used is not None and used.__module__ == MAIN:
            yield used


def _is_empty(cell: Any) -> bool:
    try:
        return cell.cell_contents is None
    except ValueError:
        return True


def _codes(code: CodeType) -> Iterator[CodeType]:
    """Yield a function's code and that of the functions within it."""
    yield code
    for value in code.co_consts:
        if isinstance(value, CodeType):
            yield from _codes(value)


def _code(function: FunctionType) -> bytes:
    """Return what a function says: its lines, or where they are not at hand what they were compiled to."""
    try:
        return textwrap.dedent(inspect.getsource(function)).encode()
    except (OSError, TypeError):  # typed into Python itself, or read from a pipe
        parts = [(code.co_code, code.co_names, _plain(code.co_consts)) for code in _codes(function.__code__)]
        return hashlib.sha256(repr(parts).encode()).digest()


def _plain(values: tuple[Any, ...]) -> list[Any]:
    return [value for value in values if not isinstance(value, CodeType)]
