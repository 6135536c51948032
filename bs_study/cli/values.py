"""What each flag takes: the kinds of its values, and how they are read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import NoneType
from typing import Annotated, Any, Literal, get_args, get_origin

from bs_study.cli.groups import ACTIONS, VALUES
from bs_study.config.asked import FIELDS
from bs_study.words import shown


def kinds_of(name: str) -> list[Any]:
    """Return the plain types of a flag's values, the words that it takes, and `tuple` where it takes several."""
    if name in ACTIONS:
        return [str] if name in VALUES else [bool]
    special: dict[str, list[Any]] = {
        "target": [str], "at": [str], "targets": [tuple, str], "recipes": [tuple, dict],
    }  # fmt: skip
    return special.get(name) or list(_kinds(FIELDS[name].annotation))


def _kinds(annotation: Any) -> Iterator[Any]:
    parts = get_args(annotation)
    if get_origin(annotation) is Annotated:
        yield from _kinds(parts[0])
    elif get_origin(annotation) is Literal or not parts:
        yield from parts or [annotation]
    else:
        yield from [tuple] if get_origin(annotation) is tuple else []
        for part in parts:
            yield from _kinds(part)


def metavar(name: str) -> str:
    """Return what stands for a value in help."""
    kinds = kinds_of(name)
    words = [kind for kind in kinds if isinstance(kind, str)]
    if dict in kinds:
        return "'{...}'"
    number = "N" if int in kinds else "X" if float in kinds else ""
    return "|".join([*([number] if number else []), *words]) or name.rpartition("_")[2].upper()


def read(name: str, given: Any) -> Any:
    """Return the value of a flag as its setting takes it.

    Raises:
        ValueError: it can't be read; the message names the flag, the value, and what it would be.
    """
    kinds = kinds_of(name)
    if isinstance(given, bool):
        return given
    words: list[str] = given if isinstance(given, list) else [given]
    flag = f"--{name.replace('_', '-')}"
    if dict in kinds:
        return [_mapping(flag, word) for word in words]
    if len(words) == 1 and words[0] in kinds:
        return words[0]
    try:
        values = tuple(_value(word, kinds) for word in words)
    except ValueError:
        # `--lrs 0.1 0.2 mnist`: a flag of several values takes the study for one of them.
        ends_in_name = len(words) > 1 and words[-1][:1].isalpha() and words[-1] not in kinds
        hint = "Name a study before the flags" if ends_in_name else "See --help"
        raise ValueError(f"{flag}: {shown(' '.join(words))} can't be read as {_told(kinds)}. {hint}") from None
    return values if tuple in kinds else values[0]


def _value(word: str, kinds: list[Any]) -> Any:
    if NoneType in kinds and word.lower() in ("none", "null") and str not in kinds:
        return None
    for kind in (int, float, Path, str):
        if kind in kinds and not (kind in (int, float) and "_" in word):  # Python reads 3_2 as 32
            return kind(word)
    raise ValueError(word)


def _told(kinds: list[Any]) -> str:
    words = [kind for kind in kinds if isinstance(kind, str)]
    if int in kinds and words:
        return f"whole numbers, or {' or '.join(words)} alone"
    if words:
        return f"one of {', '.join(words)}"
    if tuple in kinds:
        return f"{'whole ' if int in kinds else ''}numbers with spaces between"
    return "a whole number" if int in kinds else "a number"


def _mapping(flag: str, text: str) -> dict[str, Any]:
    """Return the settings that one recipe on the command line holds, as YAML writes them in a line."""
    from bs_study.config.yaml_text import parsed

    right = "Write each as '{lr_warmup_epochs: 1, lr_decay: cosine}'"
    try:
        settings = parsed(text)
    except ValueError as error:
        raise ValueError(f"{flag}: {shown(text)} {error}. {right}") from error
    if not isinstance(settings, dict):
        raise ValueError(f"{flag}: {shown(text)} is no recipe. {right}")
    return settings
