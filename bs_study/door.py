"""The command that a person uses: what is advised begins with it, so that it can be typed as it stands."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

BY_NAME = "bs-study"
AS_MODULE = "python -m bs_study"
SCRIPTS = "python sweeps"
"""The commands of a clone, `python sweeps/grid.py` and `python sweeps/report.py`."""
_OF_SCRIPTS = {"run": f"{SCRIPTS}/grid.py", "report": f"{SCRIPTS}/report.py"}
_door = BY_NAME  # of this process: its threads advise the same


@contextlib.contextmanager
def used(door: str) -> Iterator[None]:
    """Let advice begin with one of the doors; where nobody has said which, it begins with `bs-study`."""
    global _door
    before, _door = _door, door
    try:
        yield
    finally:
        _door = before


def door() -> str:
    """Return the door in use."""
    return _door


def command(name: str) -> str:
    """Return how a person types a command of `bs-study`.

    >>> with used(SCRIPTS):
    ...     command("run"), command("check")
    ('python sweeps/grid.py', 'python -m bs_study check')
    >>> command("run")
    'bs-study run'
    """
    if _door == SCRIPTS:
        return _OF_SCRIPTS.get(name, f"{AS_MODULE} {name}")
    return f"{_door} {name}"
