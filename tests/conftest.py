"""What tests of several rooms share."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bs_study.store.paths import StudyPaths, study_paths

TOY = Path(__file__).parent / "toy"


@pytest.fixture(scope="session", autouse=True)
def toy_workloads() -> Iterator[None]:
    """Let `toy_workloads:Class` be found, as a module in the user's folder is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(TOY))
        patch.setenv("PYTHONPATH", str(TOY), prepend=os.pathsep)  # for the workers of Ray
        yield


@pytest.fixture
def paths(tmp_path: Path) -> StudyPaths:
    """A study's place in a local store."""
    return study_paths(tmp_path / "store" / "study")


@pytest.fixture
def without_network(monkeypatch: pytest.MonkeyPatch) -> Callable[..., object]:
    """Let every download fail at once."""

    def refuse(*_: object, **__: object) -> object:
        raise OSError("no network in this test")

    monkeypatch.setattr("urllib.request.urlopen", refuse)
    return refuse
