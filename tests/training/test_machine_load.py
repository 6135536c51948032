from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from bs_study.training.machine_load import MachineLoad

OTHER = """
from bs_study.training.machine_load import MachineLoad
with MachineLoad():
    print("here", flush=True)
    input()
"""


@pytest.fixture(autouse=True)
def empty_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def another() -> subprocess.Popen[str]:
    process = subprocess.Popen([sys.executable, "-c", OTHER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    assert process.stdout.readline() == "here\n"
    return process


def test_a_trial_alone_has_no_neighbours_and_remembers_the_most_that_it_had(empty_machine: Path) -> None:
    with MachineLoad() as own:
        own.look()
        assert own.most == 0
        others = [another(), another()]
        own.look()
        assert own.most == 2
        others[0].communicate("\n", timeout=20)
        os.kill(others[1].pid, signal.SIGKILL)
        others[1].communicate(timeout=20)
        own.look()
        assert own.most == 2
        with MachineLoad() as later:
            later.look()
            assert later.most == 1
    assert len(list(empty_machine.glob("bs_study-trials-*/*"))) == 1  # of the one that was killed


def test_the_file_of_one_that_was_killed_is_removed_in_time(empty_machine: Path) -> None:
    with MachineLoad() as own:
        (folder,) = empty_machine.glob("bs_study-trials-*")
        dead, beginning = folder / "dead", folder / "beginning"
        dead.touch()
        beginning.touch()
        os.utime(dead, (0, 0))
        own.look()
        assert own.most == 0
    assert [file.name for file in folder.iterdir()] == ["beginning"]


def test_without_a_place_for_a_file_the_neighbours_are_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/dev/null")
    with MachineLoad() as own:
        own.look()
        assert own.most is None
