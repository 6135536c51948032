"""The command in a process of its own, with packages that are not there."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
Typed = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def typed(tmp_path: Path) -> Typed:
    """Run `python -m bs_study` in an empty folder; `without` says which packages are not installed there."""

    def run(*words: str, without: tuple[str, ...] = (), **environment: str) -> subprocess.CompletedProcess[str]:
        blocked = tmp_path / "blocked"
        blocked.mkdir(exist_ok=True)
        (blocked / "sitecustomize.py").write_text(
            "import sys\n"
            "class Blocker:\n"
            "    def find_spec(self, name, path=None, target=None):\n"
            f"        if name.partition('.')[0] in {without!r}:\n"
            "            raise ModuleNotFoundError(name)\n"
            "sys.meta_path.insert(0, Blocker())\n"
        )
        own = {"PYTHONPATH": os.pathsep.join([str(blocked), str(ROOT)]), "COLUMNS": "80"}
        return subprocess.run(
            [sys.executable, "-m", "bs_study", *words],
            cwd=tmp_path, env=os.environ | own | environment, capture_output=True, text=True, timeout=200, check=False,
        )  # fmt: skip

    return run
