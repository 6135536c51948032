"""Files of runs, and the command that imports them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bs_study.cli.main import main

Import = Callable[..., int]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that a person types in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def imported(folder: Path) -> Import:
    """Carry out `bs-study import`, of a study named old and for a target of the loss where nothing else is said."""

    def run(*words: str, study: str = "old", target: str = "loss<=1") -> int:
        return main(["import", *words, "--study", study, "--target", target])

    return run
