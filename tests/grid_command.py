"""The command as a function, for tests that run it in their own process."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from bs_study.cli.main import main

GRID = Path(__file__).parent.parent / "sweeps" / "grid.py"
FULL_GRID = ("--search", "grid", "--seeds", "0")
"""The embedded study races and adds seeds by itself. With these flags each cell is one trial, which goes to its end."""


def command_in_this_process(name: str = "run") -> Callable[[Sequence[str]], int]:
    """Return what carries `bs-study run` out, or another command: most time of a process of its own goes to imports."""
    return lambda words: main([name, *words])


def is_one_line_that_tells(stderr: str, told: tuple[str, ...]) -> bool:
    assert [word for word in told if word not in stderr] == []
    return stderr.startswith("error: ") and stderr.count("\n") == 1
