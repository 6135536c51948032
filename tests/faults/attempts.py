"""Attempts of trials in processes of their own, started within milliseconds, so that many can be killed."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from bs_study import TrialConfig, open_study
from bs_study.config import StudyConfig
from bs_study.grid import study_trials
from bs_study.store.paths import StudyPaths, study_paths
from bs_study.store.study_json import create_study
from bs_study.training.placement import Machine, Pacing, Place
from bs_study.training.progress import Ending
from bs_study.training.trial import run_trial

# Children of a server that has imported torch already, and that has no threads which a fork would lose.
_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(["bs_study.training.trial", "tests.faults.attempts", "sklearn.datasets"])


def begin_study(paths: StudyPaths, *, metrics: tuple[str, ...] = ("loss",)) -> Place:
    """Let a study begin; return where its trials read and write."""
    if not paths.exists(paths.study_json):
        config = StudyConfig(batch_sizes=(1,), lrs=(1,), max_iterations=1)
        create_study(paths, config, metrics=metrics, train_examples=1)
    return Place(paths, Path("/"), metrics)


def train_here(trial: TrialConfig, place: Place, *, checkpoint_seconds: float) -> Ending:
    """Train a trial in this process, on one thread of its CPU."""
    return run_trial(trial, place, Machine("cpu", threads=1), pacing=Pacing(checkpoint_seconds))


def undisturbed(study: str | os.PathLike[str], folder: Path) -> str:
    """Train the trials of a study again, in this process and with nothing in their way; return the new study."""
    asked = open_study(study)
    paths = study_paths(folder / "undisturbed" / asked.name)
    place = begin_study(paths, metrics=tuple(asked.asked["metrics"]))
    for trial in study_trials(asked.config):
        train_here(trial, place, checkpoint_seconds=60)
    return paths.root


def start_attempt(trial: TrialConfig, place: Place, *, checkpoint_seconds: float = 0.05) -> BaseProcess:
    """Start an attempt of a trial. Its exit status is 0 if it ends without an error."""
    arguments = (trial.model_dump(), place, checkpoint_seconds, dict(os.environ))
    process = _processes.Process(target=_attempt, args=arguments, daemon=True)
    process.start()
    return process


def _attempt(trial: dict[str, Any], place: Place, checkpoint_seconds: float, environment: dict[str, str]) -> None:
    os.environ.clear()  # the server has that of the moment at which it started
    os.environ.update(environment)
    train_here(TrialConfig(**trial), place, checkpoint_seconds=checkpoint_seconds)


def wait_until(is_so: Callable[[], object], *, seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end, f"not so after {seconds:g} s"
        time.sleep(0.01)
