"""What pydantic finds wrong with settings, in one line and in the user's words."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from pydantic import ValidationError

from bs_study.words import one_line as in_one_line
from bs_study.words import shortened, shown

PARTS = ("settings",)
"""Models within models, whose names nobody types."""


def one_line(error: ValidationError, *, known: Iterable[str] = ()) -> str:
    """Return what is wrong with a config in one line: setting, value, what is right.

    Args:
        known: names among which one that is unknown is looked for.
    """
    names = list(known)
    found = {}
    # That settings don't go together follows, perhaps, from one that is wrong by itself.
    errors = error.errors()
    single = [e for e in errors if e["loc"] and e["loc"] not in {(part,) for part in PARTS}]
    for e in single or errors:
        place = tuple(part for part in e["loc"] if part not in PARTS)
        if place[:1] not in found:  # the first of each setting is said: each value of a long list may be wrong
            found[place[:1]] = _describe(place, e["msg"], e.get("input"), names)
    return in_one_line("; ".join(found.values()))


def _describe(place: tuple[int | str, ...], message: str, value: object, known: list[str]) -> str:
    message = message.removeprefix("Value error, ").removeprefix("Input ").replace("a valid tuple", "a list")
    if not place:
        return message
    if message == "Field required" or (isinstance(value, list | tuple) and not value):
        return f"{place[0]}: is missing. Give at least one value"
    if message.startswith("Extra inputs"):
        near = difflib.get_close_matches(str(place[0]), known, n=1)
        return f"{shortened(str(place[0]))}: unknown setting" + (f". Did you mean {near[0]!r}?" if near else "")
    given = "" if isinstance(value, tuple | dict) else f"{shown(value)} "
    said = in_one_line(message).removeprefix(f"{place[0]}: ").removeprefix(given)
    return f"{place[0]}: {given}{said}"
