"""What of a workload and its data is no longer what a fingerprint says, in words."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bs_study.words import counted, listing

Told = Mapping[str, Any]
TOLERANCE = 1e-4
"""Of numbers with fractions, beside their size and their spread: another CPU computes other last digits."""

_SETS = {"train": "the training set", "held_out": "the held-out set", "test": "the test set"}


def changes(before: Told, now: Told) -> list[str]:
    """Return what has changed, each in a few words; nothing is said of what one of the two doesn't know.

    >>> changes({"data": {"train": {"examples": 400}}}, {"data": {"train": {"examples": 800}}})
    ['the training set has 800 examples, not 400']

    Args:
        before, now: `source`, `data` (as `training.fingerprint` returns them) and `metrics`, the names.
    """
    return [
        *_of_source(_told(before, "source"), _told(now, "source")),
        *_of_data(_told(before, "data"), _told(now, "data")),
        *_of_metrics(before.get("metrics"), now.get("metrics")),
    ]


def _told(fingerprint: object, name: str) -> Told:
    """Return a part of a fingerprint; empty where it doesn't have it. study.json may have been edited."""
    part = fingerprint.get(name) if isinstance(fingerprint, Mapping) else None
    return part if isinstance(part, Mapping) else {}


def _of_source(before: Told, now: Told) -> Iterator[str]:
    """Yield the files that say something else.

    One that is imported now and was not before, or the reverse, is no change by itself: some are imported late.
    """
    by_module = {_module(file): hash_ for file, hash_ in before.items()}
    edited = [file for file, hash_ in now.items() if by_module.get(_module(file), hash_) != hash_]
    if edited:
        yield f"{listing(edited)} {'was' if len(edited) == 1 else 'were'} edited"


def _module(file: str) -> str:
    """Return a module's file without its end: a package may take the place of a lone file."""
    return file.removesuffix(".py").removesuffix("/__init__")


def _of_data(before: Told, now: Told) -> Iterator[str]:
    for name, words in _SETS.items():
        yield from _of_set(words, _told(before, name), _told(now, name))


def _of_set(words: str, before: Told, now: Told) -> Iterator[str]:
    was, have = before.get("examples"), now.get("examples")
    if isinstance(was, int) and isinstance(have, int) and was != have:
        yield f"{words} has {counted(have, 'example')}, not {was}"
    parts, parts_now = before.get("parts"), now.get("parts")
    if not (isinstance(parts, list) and isinstance(parts_now, list) and all(isinstance(p, Mapping) for p in parts)):
        return
    if len(parts) != len(parts_now):
        yield f"an example of {words} has {counted(len(parts_now), 'part')}, not {len(parts)}"
        return
    for number, (part, part_now) in enumerate(zip(parts, parts_now, strict=True), start=1):
        if any(_differ(part, part_now, name) for name in ("type", "shape")):
            yield f"part {number} of {words} is {_kind(part_now)}, not {_kind(part)}"
        elif was == have and before.get("read") == now.get("read") and _are_others(part, part_now):
            yield f"part {number} of {words} has other values"


def _kind(part: Told) -> str:
    """Return type and shape of an example, as `float32 (2,)`."""
    shape = part.get("shape")
    return f"{part.get('type')}{f' {tuple(shape)}' if isinstance(shape, list) else ''}"


def _differ(before: Told, now: Told, name: str) -> bool:
    """Return whether two parts differ in what both of them know."""
    return None not in (before.get(name), now.get(name)) and before[name] != now[name]


def _are_others(before: Told, now: Told) -> bool:
    """Return whether the values of a part are others, as far as both are known."""
    if any(_differ(before, now, name) for name in ("hash", "shapes", "not_finite")):
        return True
    was, have = _numbers(before), _numbers(now)
    if len(was) != len(have) or not was:  # which another version of this package took otherwise
        return False
    spread = was[0]
    return not all(
        math.isclose(value, value_now, rel_tol=TOLERANCE, abs_tol=TOLERANCE * spread)
        for value, value_now in zip(was, have, strict=True)
    )


def _numbers(part: Told) -> list[float]:
    """Return the standard deviation of a part, and its values; none where it has no fractions."""
    values = [part.get("std"), *part["values"]] if isinstance(part.get("values"), list) else []
    return [float(value) for value in values if isinstance(value, int | float)]


def _of_metrics(before: object, now: object) -> Iterator[str]:
    if not isinstance(before, Sequence) or not isinstance(now, Sequence) or not (before and now):
        return
    added = [name for name in now if name not in before]
    gone = [name for name in before if name not in now]
    if added:
        yield f"{'a metric' if len(added) == 1 else 'metrics'} came in: {listing(added)}"
    if gone:
        yield f"{'a metric' if len(gone) == 1 else 'metrics'} went: {listing(gone)}"
