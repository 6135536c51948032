"""The command a person types, interrupted by Ctrl-C."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from bs_study import open_study
from tests.faults.conftest import StartStudy
from tests.faults.running_study import of_session

ENDLESS = (
    *("--batch-sizes", "4", "8", "--lrs", "0.01", "--max-iterations", "100000000"),
    *("--no-stop-at-target", "--checkpoint-seconds", "0.5"),
)


def trials_with_parts(study: Path) -> int:
    return len({file.parent.parent for file in study.glob("live/*/*/iterations-*.parquet")})


@pytest.mark.parametrize("to_all", [True, False], ids=["from-a-terminal", "to-the-process-alone"])
@pytest.mark.parametrize("local", [True, False], ids=["local", "ray"])
def test_ctrl_c_ends_within_seconds_and_leaves_a_readable_store(
    tmp_path: Path, start_study: StartStudy, local: bool, to_all: bool
) -> None:
    study = tmp_path / "results" / "digits"
    running = start_study(*ENDLESS, *(["--local"] if local else []))
    running.wait_until(lambda: trials_with_parts(study) >= (1 if local else 2))
    start = time.monotonic()
    (os.killpg if to_all else os.kill)(running.process.pid, signal.SIGINT)
    assert running.process.wait(timeout=30) == 130, running.output
    assert time.monotonic() - start < 10
    assert "Traceback" not in running.output
    assert f"--resume {study}" in running.output.splitlines()[-1]
    found = open_study(study, live=True).iterations()
    assert len(open_study(study).trials()) == 0
    for _, rows in found.groupby("trial_id"):
        assert rows["iteration"].tolist() == list(range(1, len(rows) + 1))
    assert found["trial_id"].nunique() >= (1 if local else 2)
    deadline = time.monotonic() + 15
    while of_session(running.process.pid) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert of_session(running.process.pid) == []
