"""A trial that hangs, or whose process is killed again and again, costs only itself; what no node has is refused."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.faults.conftest import Ended, StartStudy
from tests.faults.same_rows import table

GRID = ("--lrs", "0.01", "--max-iterations", "300", "--no-stop-at-target", "--eval-every-examples", "640")


def by_batch_size(study: Path) -> pd.DataFrame:
    return table(study, "trials").set_index("batch_size")


def test_a_hanging_trial_of_a_local_study_ends_as_failed_and_the_next_goes_on(
    tmp_path: Path, grid: Callable[..., Ended]
) -> None:
    start = time.monotonic()
    sick = ("--workload", "faulty_workloads:Sick", "--batch-sizes", "16", "9", "32")
    ended = grid(*sick, *GRID, "--local", "--trial-timeout", "5")
    assert time.monotonic() - start < 60
    assert ended.status == 1
    trials = by_batch_size(tmp_path / "results" / "sick")
    assert trials["status"].to_dict() == {16: "completed", 9: "failed", 32: "completed"}
    assert (trials.loc[9, "stop_reason"], trials.loc[9, "attempts"]) == ("timeout", 1)
    assert "no progress for 5 s" in trials.loc[9, "message"]
    assert "no progress for 5 s" in ended.out
    assert "Traceback" not in ended.out + ended.err


@pytest.fixture
def sick_study(tmp_path: Path, start_study: StartStudy) -> Any:
    """A study on Ray of which one trial hangs and one is killed each time it starts."""
    sick = ("--workload", "faulty_workloads:Sick", "--batch-sizes", "7", "9", "16", "32")
    running = start_study(*sick, *GRID, "--trial-timeout", "8", "--max-failures", "1")
    return running, running.wait(), by_batch_size(tmp_path / "results" / "sick")


def test_on_ray_a_hanging_trial_and_one_whose_worker_is_killed_each_time_fail_and_the_others_complete(
    sick_study: Any,
) -> None:
    running, status, trials = sick_study
    assert status == 1
    assert "Traceback" not in running.output
    assert trials["status"].to_dict() == {7: "failed", 9: "failed", 16: "completed", 32: "completed"}
    assert trials.loc[7, "attempts"] == 2
    assert trials.loc[7, "stop_reason"] == "error"
    assert any(word in trials.loc[7, "message"] for word in ("died", "SIGKILL", "killed", "OutOfMemory"))
    assert trials.loc[9, "stop_reason"] == "timeout"
    assert "no progress for 8 s" in trials.loc[9, "message"]
    assert "failed trials: 2" in running.output


@pytest.mark.parametrize("local", [True, False], ids=["local", "ray"])
def test_gpus_that_no_node_has_are_refused_within_a_minute(
    grid: Callable[..., Ended], refusal: Callable[[Ended], str], tmp_path: Path, local: bool
) -> None:
    import torch

    start = time.monotonic()
    flags = (*GRID, "--batch-sizes", "16", "--gpus-per-trial", str(torch.cuda.device_count() + 1))
    line = refusal(grid("--workload", "toy_workloads:Line", *flags, *(["--local"] if local else [])))
    assert time.monotonic() - start < 60
    assert f"gpus_per_trial: {torch.cuda.device_count() + 1}" in line
    assert not (tmp_path / "results").exists()
