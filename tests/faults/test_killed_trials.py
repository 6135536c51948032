"""A trial that is killed, however often, leaves what it would have left undisturbed."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bs_study import TrialConfig
from bs_study.store.paths import StudyPaths, study_paths
from bs_study.training.trial import run_trial
from tests.faults.attempts import start_attempt, surroundings_of
from tests.faults.running_study import RunningStudy, kill
from tests.faults.same_rows import assert_same_rows, table

STATEFUL = ("--optimizer", "adam", "--lr-decay", "cosine", "--lr-warmup-iterations", "100")
GRID = ("--workload", "faulty_workloads:Paced", "--batch-sizes", "4", "8", "--lrs", "0.01", "--no-stop-at-target")
OFTEN = ("--eval-every-examples", "32", "--checkpoint-seconds", "0.2")


@pytest.fixture
def pace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that slows `Paced` workloads down while it is there."""
    file = tmp_path / "pace"
    file.touch()
    monkeypatch.setenv("BS_STUDY_TEST_PACE", str(file))
    return file


@pytest.mark.parametrize(
    "settings",
    [
        {"workload": "faulty_workloads:PacedDigits", "batch_size": 64, "max_epochs": 25},
        {
            "workload": "faulty_workloads:Paced",
            "batch_size": 12,  # 64 examples: each epoch ends with a smaller batch, and most kills are within one
            "max_epochs": 120,
            "optimizer": "adam",
            "lr_decay": "cosine",
            "lr_warmup_iterations": 100,
        },
        {
            "workload": "faulty_workloads:Paced",
            "batch_size": 12,
            "max_iterations": 600,
            "optimizer": "adamw",
            "weight_decay": 0.1,
            "lr_decay": "step",
            "lr_decay_iterations": 150,
        },
    ],
    ids=["momentum-tensors", "adam-cosine-warm-up-dropout-dataset", "adamw-step-dropout-dataset"],
)
def test_a_trial_killed_at_random_moments_ends_with_the_rows_of_an_unbroken_one(
    tmp_path: Path, pace: Path, settings: dict[str, Any]
) -> None:
    metrics = ("accuracy", "loss") if "Digits" in settings["workload"] else ("loss",)
    trial = TrialConfig(lr=0.01, seed=3, stop_at_target=False, eval_every_examples=32, **settings)
    killed, unbroken = (study_paths(tmp_path / name / "study") for name in ("killed", "unbroken"))
    attempts = kill_at_random(trial, killed, metrics=metrics, kills=8)
    pace.unlink()
    run_trial(trial, surroundings_of(unbroken, metrics=metrics, checkpoint_seconds=60))
    assert_same_rows(killed.root, unbroken.root)
    assert table(killed.root, "trials")["attempts"].tolist() == [attempts]


def kill_at_random(trial: TrialConfig, paths: StudyPaths, *, metrics: tuple[str, ...], kills: int) -> int:
    """Kill so many attempts of a trial after at most half a second each; let the next one finish.

    Return how many came far enough to leave something behind.
    """
    moments = random.Random(trial.trial_id)
    surroundings = surroundings_of(paths, metrics=metrics)
    for _ in range(kills):
        attempt = start_attempt(trial, surroundings)
        attempt.join(moments.uniform(0.05, 0.5))
        assert attempt.is_alive(), "it ended before all kills: make it longer"
        attempt.kill()
        attempt.join(20)
    begun = len(paths.names(paths.live_trial(trial.trial_id)))
    last = start_attempt(trial, surroundings)
    last.join(60)
    assert last.exitcode == 0
    return begun + 1


@pytest.fixture
def run_study(tmp_path: Path) -> Any:
    """Start `grid.py`; whatever is left of it goes at the end."""
    started: list[RunningStudy] = []

    def start(*flags: str) -> RunningStudy:
        started.append(RunningStudy(tmp_path, *flags))
        return started[-1]

    yield start
    for study in started:
        study.end()


def test_a_study_whose_workers_are_killed_equals_an_undisturbed_one(
    tmp_path: Path, pace: Path, run_study: Callable[..., RunningStudy]
) -> None:
    flags = (*GRID, *STATEFUL, *OFTEN, "--seeds", "0", "1", "--max-iterations", "2000")
    running = run_study(*flags, "--name", "killed", "--max-failures", "100")
    kills = kill_workers(running, tmp_path / "results" / "killed", pace, kills=5)
    assert running.wait() == 0, running.output
    assert len(kills) == 5
    undisturbed = run_study(*flags, "--name", "undisturbed", "--local")
    assert undisturbed.wait() == 0, undisturbed.output
    assert_same_rows(tmp_path / "results" / "killed", tmp_path / "results" / "undisturbed")
    assert os.listdir(tmp_path / "results" / "killed" / "live") == []  # noqa: PTH208
    assert "Traceback" not in running.output


def kill_workers(running: RunningStudy, study: Path, pace: Path, *, kills: int, seconds: float = 60) -> list[float]:
    """Kill workers at random moments; then let the study run at full speed.

    Return, for each kill, the seconds until a new part of that study appeared.
    """
    moments = random.Random(kills)
    resumes: list[float] = []
    end = time.monotonic() + seconds
    while len(resumes) < kills and time.monotonic() < end:
        running.wait_until(running.workers)
        time.sleep(moments.uniform(0, 1.5))
        workers = running.workers()
        if workers and kill(moments.choice(workers)):
            start = time.time()
            running.wait_until(lambda since=start: newest_part(study) > since)
            resumes.append(time.time() - start)
    pace.unlink()
    return resumes


def newest_part(study: Path) -> float:
    return max((file.stat().st_mtime for file in study.glob("live/*/*/iterations-*.parquet")), default=0)
