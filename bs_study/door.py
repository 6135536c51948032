"""The command that a person uses: what is advised begins with it, so that it can be typed as it stands."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Iterator, Sequence

BY_NAME = "bs-study"
AS_MODULE = "python -m bs_study"
CALL = "bs_study.sweep"
SCRIPTS = "python sweeps"
"""The commands of a clone, `python sweeps/grid.py` and `python sweeps/report.py`."""
_OF_SCRIPTS = {"run": f"{SCRIPTS}/grid.py", "report": f"{SCRIPTS}/report.py"}
_door = BY_NAME  # of this process: its threads advise the same
_launch: tuple[str, ...] = ()


@contextlib.contextmanager
def used(door: str) -> Iterator[None]:
    """Let advice begin with one of the doors; where nobody has said which, it begins with `bs-study`."""
    global _door
    before, _door = _door, door
    try:
        yield
    finally:
        _door = before


@contextlib.contextmanager
def launched(flags: Sequence[str]) -> Iterator[None]:
    """Let the runs that are advised be launched as this one is, by these flags."""
    global _launch
    before, _launch = _launch, tuple(flags)
    try:
        yield
    finally:
        _launch = before


def launch_flags() -> tuple[str, ...]:
    """Return the flags by which runs are launched here."""
    return _launch


def start() -> str:
    """Return the command line that runs a study, launched as those of this process are.

    >>> with launched(["--local"]):
    ...     start()
    'bs-study run --local'
    """
    return " ".join([command("run"), *map(shlex.quote, _launch)])


def door() -> str:
    """Return the door in use."""
    return _door


def command(name: str) -> str:
    """Return how a person types a command of `bs-study`: one who calls it from Python, too.

    >>> with used(SCRIPTS):
    ...     command("run"), command("check")
    ('python sweeps/grid.py', 'python -m bs_study check')
    >>> command("run")
    'bs-study run'
    """
    if _door == SCRIPTS:
        return _OF_SCRIPTS.get(name, f"{AS_MODULE} {name}")
    return f"{BY_NAME if is_call() else _door} {name}"


def is_call() -> bool:
    """Return whether the study was asked for by a Python call."""
    return _door == CALL
