"""A trial that is killed, however often, leaves what it would have left undisturbed."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from bs_study import TrialConfig
from bs_study.store.paths import StudyPaths, study_paths
from tests.faults.attempts import begin_study, start_attempt, train_here, undisturbed
from tests.faults.conftest import StartStudy
from tests.faults.running_study import RunningStudy, kill
from tests.faults.same_rows import assert_same_rows, table

ADAM = {"optimizer": "adam", "lr_decay": "cosine", "lr_warmup_iterations": 100}
ADAMW = {"optimizer": "adamw", "weight_decay": 0.1, "lr_decay": "step", "lr_decay_iterations": 150}
PACED = {"workload": "faulty_workloads:Paced", "eval_every_examples": 32}

STUDY = (
    "--workload", "faulty_workloads:Paced", "--batch-sizes", "4", "12", "--lrs", "0.01", "--no-stop-at-target",
    "--optimizer", "adam", "--lr-decay", "cosine", "--lr-warmup-iterations", "100",
    "--eval-every-examples", "32", "--checkpoint-seconds", "0.2",
)  # fmt: skip


@pytest.mark.parametrize(
    "settings",
    [
        {"workload": "faulty_workloads:PacedDigits", "batch_size": 64, "max_epochs": 25, "eval_every_examples": 320},
        # An epoch of 64 examples ends with a batch of 4, and most kills are within one.
        {**PACED, **ADAM, "batch_size": 12, "max_epochs": 120},
        {**PACED, **ADAMW, "batch_size": 12, "max_iterations": 700},
    ],
    ids=["momentum-tensors", "adam-cosine-warm-up-dropout-dataset", "adamw-step-dropout-dataset"],
)
def test_a_trial_killed_at_random_moments_ends_with_the_rows_of_an_unbroken_one(
    tmp_path: Path, pace: Path, settings: dict[str, Any]
) -> None:
    metrics = ("accuracy", "loss") if "Digits" in settings["workload"] else ("loss",)
    trial = TrialConfig(lr=0.01, seed=3, stop_at_target=False, **settings)
    killed, unbroken = (study_paths(tmp_path / name / "study") for name in ("killed", "unbroken"))
    kill_at_random(trial, killed, metrics=metrics, kills=8, within_seconds=0.5, begun=2)
    begun = len(killed.names(killed.live_trial(trial.trial_id)))
    assert begun > 1
    finish(trial, killed, metrics=metrics)
    pace.unlink()
    train_here(trial, begin_study(unbroken, metrics=metrics), checkpoint_seconds=60)
    assert_same_rows(killed.root, unbroken.root)
    assert table(killed.root, "trials")["attempts"].tolist() == [begun + 1]


def test_a_trial_killed_near_its_end_is_committed_whole_and_once(tmp_path: Path) -> None:
    trial = TrialConfig(**PACED, batch_size=12, lr=0.01, seed=3, stop_at_target=False, max_iterations=30)
    killed, unbroken = (study_paths(tmp_path / name / "study") for name in ("killed", "unbroken"))
    start = time.monotonic()
    finish(trial, unbroken)
    kill_at_random(trial, killed, kills=8, within_seconds=time.monotonic() - start)
    finish(trial, killed)
    assert_same_rows(killed.root, unbroken.root)
    assert killed.names(killed.live_trial(trial.trial_id)) == []


def test_what_a_commit_that_was_cut_short_left_live_goes_with_the_next_attempt(tmp_path: Path) -> None:
    trial = TrialConfig(**PACED, batch_size=12, lr=0.01, seed=3, stop_at_target=False, max_iterations=3)
    paths = study_paths(tmp_path / "study")
    finish(trial, paths)
    paths.write(f"{paths.live_trial(trial.trial_id)}/attempt/iterations-1.parquet", b"rows")
    finish(trial, paths)
    assert not paths.exists(paths.live_trial(trial.trial_id))
    assert len(table(paths.root, "trials")) == 1


def kill_at_random(
    trial: TrialConfig,
    paths: StudyPaths,
    *,
    kills: int,
    within_seconds: float,
    begun: int = 0,
    metrics: tuple[str, ...] = ("loss",),
) -> None:
    """Start attempts of a trial, one after another, and kill each at a random moment, until so many had begun."""
    moments = random.Random(trial.trial_id)
    while kills > 0 or len(paths.names(paths.live_trial(trial.trial_id))) < begun:
        attempt = start_attempt(trial, begin_study(paths, metrics=metrics))
        attempt.join(moments.uniform(0, within_seconds))
        attempt.kill()
        attempt.join(100)
        kills -= 1
        within_seconds *= 1 if kills > 0 else 1.5  # a busy machine is slow to begin


def finish(trial: TrialConfig, paths: StudyPaths, *, metrics: tuple[str, ...] = ("loss",)) -> None:
    attempt = start_attempt(trial, begin_study(paths, metrics=metrics))
    attempt.join(200)
    assert attempt.exitcode == 0


class Kills:
    """Kills workers of a study on Ray at random moments, up to a number; measures how soon their trials go on."""

    def __init__(self, running: RunningStudy, study: Path, *, kills: int) -> None:
        self.running = running
        self.study = study
        self.left = kills
        self.resume_seconds: list[float] = []
        self._random = random.Random(kills)
        self._patient: dict[int, bool] = {}
        self._due: dict[int, float] = {}
        self._waiting: dict[str, float] = {}

    def carry_out(self, *, seconds: float) -> None:
        end = time.monotonic() + seconds
        self.running.wait_until(self.running.workers)
        while self.left and time.monotonic() < end and self.running.process.poll() is None:
            for pid in self.running.workers():
                self._kill_when_due(pid)
            self._look_for_resumed()
            time.sleep(0.02)

    def _kill_when_due(self, pid: int) -> None:
        """Kill a worker up to two seconds after it was first seen, or, of three in four, after its trial went on."""
        folder = Path(f"/proc/{pid}/cwd")
        if not self.left or not folder.exists():
            return
        trial_id = folder.readlink().name
        is_patient = self._patient.setdefault(pid, self._random.random() < 0.75)
        if is_patient and trial_id in self._waiting:
            return
        due = self._due.setdefault(pid, time.time() + self._random.uniform(0, 2))
        if time.time() >= due and kill(pid):
            self.left -= 1
            self._waiting[trial_id] = time.time()

    def _look_for_resumed(self) -> None:
        for trial_id, since in list(self._waiting.items()):
            parts = self.study.glob(f"live/{trial_id}/*/iterations-*.parquet")
            times = [file.stat().st_mtime for file in parts]
            if max(times, default=0) > since:
                self.resume_seconds.append(max(times) - since)
                del self._waiting[trial_id]


def test_a_study_whose_workers_are_killed_equals_an_undisturbed_one(
    tmp_path: Path, pace: Path, start_study: StartStudy
) -> None:
    study = tmp_path / "results" / "paced"
    running = start_study(*STUDY, "--max-iterations", "2000", "--max-failures", "100")
    kills = Kills(running, study, kills=3)
    kills.carry_out(seconds=200)
    pace.unlink()
    assert running.wait() == 0, running.output
    assert kills.left == 0
    assert_same_rows(study, undisturbed(study, tmp_path))
    assert list((study / "live").iterdir()) == []
    assert "Traceback" not in running.output


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_two_hundred_kills_lose_and_double_nothing(tmp_path: Path, pace: Path, start_study: StartStudy) -> None:
    study = tmp_path / "results" / "paced"
    running = start_study(*STUDY, "--max-iterations", "60000", "--max-failures", "100000")
    kills = Kills(running, study, kills=200)
    kills.carry_out(seconds=1400)
    pace.unlink()
    assert running.wait(seconds=300) == 0, running.output
    expected = undisturbed(study, tmp_path)
    check = [sys.executable, "-m", "bs_study.store.check", str(study)]
    checked = subprocess.run(check, capture_output=True, text=True, timeout=300)
    found, wanted = (table(place, "iterations")[["trial_id", "iteration"]] for place in (study, expected))
    lost = len(wanted) - len(found.drop_duplicates())
    print(f"kills survived: {200 - kills.left}, rows lost: {lost}, rows doubled: {int(found.duplicated().sum())}")
    print(f"slowest of {len(kills.resume_seconds)} resumes: {max(kills.resume_seconds):.1f} s")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert kills.left == 0
    assert_same_rows(study, expected)
