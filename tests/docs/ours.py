"""How a command that the pages show is run by their tests, and how what it prints is shown."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from tests.docs.pages import ROOT
from tests.grid_command import command_in_this_process

# SWITCH: pages show `bs-study`. Where the package has no such command yet, its two scripts are run in its place, and a
# study that is named first becomes their --config or --workload. Once bs_study.cli is there, all of this can go but for
# the lines with `-m bs_study`.
HAS_COMMAND = find_spec("bs_study.cli") is not None
_SCRIPTS = {"python sweeps/grid.py": "bs-study run", "python sweeps/report.py": "bs-study report"}
_OURS = {"python -m bs_study": "bs-study"} if HAS_COMMAND else _SCRIPTS


def words(command: str) -> list[str]:
    """Return the words of a process that does what a command of the pages does.

    >>> words("bs-study report results/digits --png")[-2:]
    ['results/digits', '--png']
    """
    name, *rest = shlex.split(command)
    if command.startswith("python sweeps/"):
        return [sys.executable, *rest]
    assert name == "bs-study", command
    if HAS_COMMAND:
        return [sys.executable, "-m", "bs_study", *rest]
    verb, *rest = rest
    script = {"run": "sweeps/grid.py", "report": "sweeps/report.py", "check": "-mbs_study.store.check"}[verb]
    return [sys.executable, script, *(_flagged(rest) if verb == "run" else rest)]


def _flagged(rest: list[str]) -> list[str]:
    if not rest or rest[0].startswith("--"):
        return rest
    study = rest[0]
    flag = ["--workload", study] if ":" in study else ["--config", study]
    if re.fullmatch(r"\w+", study):
        flag = ["--config", f"sweeps/{study}.yaml"]
    return [*flag, *rest[1:]]


def is_ours(command: str) -> bool:
    return command.startswith(("bs-study ", "python sweeps/"))


def is_known_here(command: str) -> bool:
    """Return whether the command is there already."""
    return HAS_COMMAND or not command.startswith(("bs-study time", "bs-study docs"))


def run(command: str, *more: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command of the pages in a folder that has the project's `sweeps` in it."""
    if not (folder / "sweeps").exists():
        (folder / "sweeps").symlink_to(ROOT / "sweeps")
    return subprocess.run(
        [*words(command), *more], cwd=folder, capture_output=True, text=True, timeout=300, check=False
    )


def run_here(command: str, *more: str) -> int:
    """Run a command that begins with `bs-study run` or `python sweeps/grid.py` in this process; return its status."""
    rest = shlex.split(command)[2:]
    here = command_in_this_process()
    return here([*(rest if HAS_COMMAND or command.startswith("python") else _flagged(rest)), *more])


def as_shown(text: str) -> str:
    """Return what a command of ours prints as pages show it."""
    for script, name in _OURS.items():
        text = text.replace(script, name)
    return text


@cache
def studies() -> list[Path]:
    """Return the files of the studies that ship."""
    folder = ROOT / "bs_study" / "config" / "studies"
    files = sorted((folder if folder.exists() else ROOT / "sweeps").glob("*.yaml"))
    return [file for file in files if re.search(r"^workload:", file.read_text(encoding="utf-8"), re.MULTILINE)]
