"""How a command that the pages show is run by their tests, and how what it prints is shown."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

from tests.docs.pages import ROOT
from tests.grid_command import command_in_this_process


def words(command: str) -> list[str]:
    """Return the words of a process that does what a command of the pages does.

    >>> words("bs-study report results/digits --png")[1:]
    ['-m', 'bs_study', 'report', 'results/digits', '--png']
    """
    name, *rest = shlex.split(command)
    return [sys.executable, *rest] if name == "python" else [sys.executable, "-m", "bs_study", *rest]


def is_ours(command: str) -> bool:
    return command.startswith(("bs-study ", "python sweeps/"))


def run(command: str, *, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command of the pages in a folder that has the project's `sweeps` in it."""
    if not (folder / "sweeps").exists():
        (folder / "sweeps").symlink_to(ROOT / "sweeps")
    return subprocess.run(words(command), cwd=folder, capture_output=True, text=True, timeout=300, check=False)


def run_here(command: str, *more: str) -> int:
    """Run a command that begins with `bs-study run` or `python sweeps/grid.py` in this process; return its status."""
    return command_in_this_process()([*shlex.split(command)[2:], *more])


def as_shown(text: str) -> str:
    """Return what `python -m bs_study` prints as `bs-study` does."""
    return text.replace("python -m bs_study", "bs-study")
