"""One trial in this process, whole: recorded and written as always, and timed."""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from bs_study.config import StudyConfig, TrialConfig
from bs_study.store.paths import study_paths
from bs_study.store.study_json import create_study
from bs_study.training.data import DataSets
from bs_study.training.placement import Machine, Pacing, Place
from bs_study.training.progress import Ending
from bs_study.training.run import TrialRun
from bs_study.training.trial import run_trial
from bs_study.workloads.base import examples_in
from tests.bench.loops import LR, MOMENTUM, synchronized

WARM_UP = 3


class Stopwatch:
    """Times the trainings that run within it, but for their warm-ups and evaluations."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._train = TrialRun.train

    def __enter__(self) -> Self:
        def train(run: TrialRun) -> Ending:
            clocks = run.recorder.clocks
            start, earlier = synchronized(), clocks.warmup_seconds
            ending = self._train(run)
            self.seconds += synchronized() - start - (clocks.warmup_seconds - earlier) - clocks.eval_seconds
            return ending

        TrialRun.train = train  # type: ignore[method-assign]
        return self

    def __exit__(self, *_: object) -> None:
        TrialRun.train = self._train  # type: ignore[method-assign]


@dataclass
class Timed:
    """A trial that has ended: the seconds of its training, but for warm-up and evaluations."""

    seconds: float
    ending: Ending


def timed_trial(
    trial: TrialConfig,
    data: DataSets,
    device: str,
    *,
    metrics: tuple[str, ...] = ("accuracy", "loss"),
    report: Callable[[Any], None] = lambda _: None,
) -> Timed:
    """Run a trial to its end, in a study of its own that is thrown away."""
    with tempfile.TemporaryDirectory() as store:
        paths = study_paths(f"{store}/{uuid.uuid4().hex}")
        config = StudyConfig(batch_sizes=(trial.batch_size,), lrs=(trial.lr,), max_iterations=1)
        create_study(paths, config, metrics=metrics, train_examples=examples_in(data.train))
        place, machine = Place(paths, Path(store), metrics), Machine(device, threads=1)
        with Stopwatch() as timed:
            ending = run_trial(trial, place, machine, pacing=Pacing(60), data=data, report=report)
    return Timed(timed.seconds, ending)


def iterations_of_trial(
    data: DataSets, batch_size: int, device: str, iterations: int, *, workload: str = "mnist", **settings: Any
) -> Timed:
    """Run a trial of so many iterations after its warm-up, and no evaluation between its first and its last."""
    trial = TrialConfig(
        **{"workload": workload, "batch_size": batch_size, "lr": LR, "momentum": MOMENTUM, "seed": 0} | settings,
        max_iterations=iterations + WARM_UP, min_iterations=iterations + WARM_UP, eval_every_examples=10**12,
        warmup_iterations=WARM_UP,
    )  # fmt: skip
    timed = timed_trial(trial, data, device)
    if timed.ending.iterations != iterations + WARM_UP:
        raise RuntimeError(f"{workload} at batch size {batch_size} ended early: {timed.ending}")
    return timed


def trial_seconds(data: DataSets, batch_size: int, device: str, iterations: int, **settings: Any) -> float:
    """Return the seconds of one iteration of a trial."""
    return iterations_of_trial(data, batch_size, device, iterations, **settings).seconds / iterations
