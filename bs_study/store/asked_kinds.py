"""What study.json may hold beside the config: anyone may edit it, so values of another kind are left out and told."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from bs_study.words import shown

DEEPEST = 50  # of a config's own lists and objects there are six at most
MOST_DIGITS = 300  # of a number that is one for arithmetic, too


class Kind(NamedTuple):
    """What a value must be, in words, and whether one is."""

    words: str
    holds: Callable[[object], bool]


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value.isprintable()


def _is_count(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value > 0


def _is_list(value: object, holds: Callable[[object], bool]) -> bool:
    return isinstance(value, list) and all(map(holds, value))


def _is_version(value: object) -> bool:
    if not isinstance(value, dict) or not _is_count(value.get("version")) or not isinstance(value["version"], int):
        return False
    parts = (value.get("source", {}), value.get("data", {}))
    return all(isinstance(part, dict) for part in parts) and _is_list(value.get("metrics", []), _is_text)


def _is_cell(value: object) -> bool:
    return isinstance(value, list) and len(value) == 3 and all(_is_count(one) or one == 0 for one in value)


def _is_imported(value: object) -> bool:
    return isinstance(value, dict) and _is_list(value.get("from"), _is_text) and _is_list(value.get("trials"), _is_cell)


_TEXT = Kind("text of one line", _is_text)
_COUNT_OR_NULL = Kind("a number above 0, or null", lambda value: value is None or _is_count(value))
_KINDS: Mapping[str, Kind] = {
    "study": _TEXT,
    "package_version": _TEXT,
    "created": _TEXT,
    "schema_version": Kind("a whole number above 0", lambda value: _is_count(value) and isinstance(value, int)),
    "train_examples": _COUNT_OR_NULL,
    "eval_examples": _COUNT_OR_NULL,
    "metrics": Kind("a list of names", lambda value: _is_list(value, _is_text)),
    "directions": Kind(
        "an object of max and min",
        lambda value: isinstance(value, dict) and set(map(str, value.values())) <= {"max", "min"},
    ),
    "history": Kind("a list of objects", lambda value: _is_list(value, lambda one: isinstance(one, dict))),
    "names": Kind("a list of names", lambda value: _is_list(value, _is_text)),
    "imported": Kind("files and trials", _is_imported),
    "versions": Kind("a list of versions", lambda value: _is_list(value, _is_version)),
}


def sound(asked: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Return what of study.json is of its kind, and what is wrong with the rest. The config is judged by itself.

    >>> sound({"study": "mnist", "train_examples": float("inf")})
    ({'study': 'mnist'}, ['train_examples is inf, not a number above 0, or null'])
    """
    faults = {
        name: f"{name} is {shown(value)}, not {_KINDS[name].words}"
        for name, value in asked.items()
        if name in _KINDS and not _KINDS[name].holds(value)
    }
    return {name: value for name, value in asked.items() if name not in faults}, list(faults.values())


def whole_number(digits: str) -> int:
    """Return a whole number of a JSON text; ValueError: it has more digits than arithmetic takes."""
    if len(digits) > MOST_DIGITS:
        raise ValueError(f"it holds a number of {len(digits):,} digits")
    return int(digits)


def refuse_deep(value: object) -> None:
    """Raise ValueError if lists and objects lie deeper in each other than anything here can be asked to follow."""
    level: list[object] = [value]
    for _ in range(DEEPEST):
        level = [inner for outer in level for inner in _inner(outer)]
        if not level:
            return
    raise ValueError(f"its lists and objects lie more than {DEEPEST} deep in each other")


def _inner(value: object) -> list[object]:
    return list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []
