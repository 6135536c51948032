"""The command `grid.py` as a function, for tests that run it in their own process."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path

GRID = Path(__file__).parent.parent / "sweeps" / "grid.py"
FULL_GRID = ("--search", "grid", "--seeds", "0")
"""The embedded study races and adds seeds by itself. With these flags each cell is one trial, which goes to its end."""


def command_in_this_process() -> Callable[[list[str]], int]:
    """Return the command's main function: most of the time of a process of its own is the import of torch."""
    spec = importlib.util.spec_from_file_location("grid_command", GRID)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.main  # type: ignore[no-any-return]


def is_one_line_that_tells(stderr: str, told: tuple[str, ...]) -> bool:
    assert [word for word in told if word not in stderr] == []
    return stderr.startswith("error: ") and stderr.count("\n") == 1
