"""The command a person types, interrupted."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bs_study import open_study

GRID = Path(__file__).parent.parent / "sweeps" / "grid.py"
ENDLESS = (
    *("--batch-sizes", "4", "8", "--lrs", "0.01", "--max-iterations", "100000000"),
    *("--no-stop-at-target", "--no-timing"),
)


class Running:
    """A study that goes on until it is interrupted, in a process group of its own."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.study = folder / "results" / "digits"
        self._out = (folder / "out.txt").open("w+")
        command = [sys.executable, str(GRID), *ENDLESS, "--checkpoint-seconds", "0.5", *arguments]
        self.process = subprocess.Popen(
            command, cwd=folder, stdout=self._out, stderr=subprocess.STDOUT, start_new_session=True
        )

    def wait_for_parts(self, *, trials: int) -> None:
        deadline = time.monotonic() + 200
        while time.monotonic() < deadline and self.process.poll() is None:
            began = {file.parent.parent for file in self.study.glob("live/*/*/iterations-*.parquet")}
            if len(began) >= trials:
                return
            time.sleep(0.1)
        raise AssertionError(f"no parts, exit status {self.process.poll()}: {self.output()}")

    def output(self) -> str:
        self._out.flush()
        return Path(self._out.name).read_text()

    def end(self) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(timeout=20)
        self._out.close()


@pytest.fixture
def endless(tmp_path: Path) -> Iterator[Callable[..., Running]]:
    started: list[Running] = []

    def start(*arguments: str) -> Running:
        started.append(Running(tmp_path, *arguments))
        return started[-1]

    yield start
    for running in started:
        running.end()


def processes_of_ray(session: int) -> list[int]:
    """Return the processes of a terminal session that are still there."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[3]) == session and fields[0] != "Z":
            found.append(int(folder.name))
    return found


@pytest.mark.parametrize("to_all", [True, False], ids=["from-a-terminal", "to-the-process-alone"])
@pytest.mark.parametrize("local", [True, False], ids=["local", "ray"])
def test_ctrl_c_ends_within_seconds_and_leaves_a_readable_store(
    endless: Callable[..., Running], local: bool, to_all: bool
) -> None:
    running = endless(*(["--local"] if local else []))
    running.wait_for_parts(trials=1 if local else 2)
    start = time.monotonic()
    (os.killpg if to_all else os.kill)(running.process.pid, signal.SIGINT)
    assert running.process.wait(timeout=30) == 130, running.output()
    assert time.monotonic() - start < 10
    assert "Traceback" not in running.output()
    assert f"--resume {running.study}" in running.output().splitlines()[-1]
    found = open_study(running.study, live=True).iterations()
    assert len(open_study(running.study).trials()) == 0
    for _, rows in found.groupby("trial_id"):
        assert rows["iteration"].tolist() == list(range(1, len(rows) + 1))
    assert found["trial_id"].nunique() >= (1 if local else 2)
    deadline = time.monotonic() + 15
    while processes_of_ray(running.process.pid) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert processes_of_ray(running.process.pid) == []
