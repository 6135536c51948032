"""One trial in this process, with a study of its own."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from bs_study import Study, TrialConfig, open_study
from bs_study.config import StudyConfig
from bs_study.store.paths import StudyPaths
from bs_study.store.study_json import create_study
from bs_study.training.interruption import Interruption
from bs_study.training.placement import Machine, Pacing, Place
from bs_study.training.progress import Ending
from bs_study.training.trial import run_trial

METRICS = dict.fromkeys(
    ("digits", "toy_workloads:Picky", "toy_workloads:Views", "faulty_workloads:Interrupted"), ("accuracy", "loss")
) | {"toy_workloads:Flickering": ("loss", "score")}


@pytest.fixture(scope="session")
def run_in() -> Callable[..., tuple[Ending, Study]]:
    """Run a trial in this study's place and open it: digits, batch size 64, lr 0.1, seed 0, unless told otherwise."""

    def run_one(
        paths: StudyPaths,
        *,
        checkpoint_seconds: float = 60,
        loader_processes: int = 0,
        report_seconds: float = 1,
        device: str = "cpu",
        report: Any = None,
        interruption: Interruption | None = None,
        **settings: Any,
    ) -> tuple[Ending, Study]:
        trial = TrialConfig(**{"batch_size": 64, "lr": 0.1, "seed": 0} | settings)
        config = StudyConfig(batch_sizes=(trial.batch_size,), lrs=(trial.lr,), max_iterations=1)
        metrics = METRICS.get(trial.settings.workload, ("loss",))
        if trial.settings.validation_examples:
            metrics += tuple(f"test_{name}" for name in metrics)
        create_study(paths, config, metrics=metrics, train_examples=1)
        ending = run_trial(
            trial,
            Place(paths, Path(paths.root).parent, metrics),
            Machine(device, threads=1, loader_processes=loader_processes),
            pacing=Pacing(checkpoint_seconds, report_seconds),
            report=report or (lambda _: None),
            interruption=interruption,
        )
        return ending, open_study(paths.root)

    return run_one


@pytest.fixture
def run(run_in: Callable[..., tuple[Ending, Study]], paths: StudyPaths) -> Callable[..., tuple[Ending, Study]]:
    """The same in the test's own place."""
    return partial(run_in, paths)
