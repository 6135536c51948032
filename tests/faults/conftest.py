"""Studies to do harm to: each in a process of its own, or by the command's main function."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.faults.running_study import RunningStudy
from tests.grid_command import command_in_this_process

StartStudy = Callable[..., RunningStudy]


@pytest.fixture
def pace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that slows `Paced` workloads down while it is there."""
    file = tmp_path / "pace"
    file.touch()
    monkeypatch.setenv("BS_STUDY_TEST_PACE", str(file))
    return file


@pytest.fixture
def start_study(tmp_path: Path) -> Iterator[StartStudy]:
    """Start `grid.py` in the test's folder; whatever is left of it goes at the end."""
    started: list[RunningStudy] = []

    def start(*flags: str) -> RunningStudy:
        started.append(RunningStudy(tmp_path, *flags))
        return started[-1]

    yield start
    for study in started:
        study.end()


@dataclass(frozen=True)
class Ended:
    """How the command ended, and what it printed."""

    status: int
    out: str
    err: str


@pytest.fixture
def grid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Ended]:
    """Run the command in the test's folder, in this process: most of the time of its own is the import of torch."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", [*sys.path])
    command = command_in_this_process()

    def run(*flags: str) -> Ended:
        before = signal.getsignal(signal.SIGTERM)
        capsys.readouterr()
        try:
            status = command(flags)
        finally:
            signal.signal(signal.SIGTERM, before)
        return Ended(status, *capsys.readouterr())

    return run


@pytest.fixture
def refusal() -> Callable[[Ended], str]:
    """Return the one line by which the command refused."""

    def line(ended: Ended) -> str:
        assert (ended.status, ended.out) == (2, "")
        assert ended.err.startswith("error: ")
        assert ended.err.count("\n") == 1
        return ended.err

    return line
