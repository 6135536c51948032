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
from bs_study.store.study import create_study
from bs_study.training.standing import Ending
from bs_study.training.surroundings import Surroundings
from bs_study.training.trial import run_trial

METRICS = dict.fromkeys(("digits", "toy_workloads:Picky", "faulty_workloads:Interrupted"), ("accuracy", "loss"))


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
        **settings: Any,
    ) -> tuple[Ending, Study]:
        trial = TrialConfig(**{"batch_size": 64, "lr": 0.1, "seed": 0} | settings)
        config = StudyConfig(batch_sizes=(trial.batch_size,), lrs=(trial.lr,), max_iterations=1)
        metrics = METRICS.get(trial.workload, ("loss",))
        if trial.validation_examples:
            metrics += tuple(f"test_{name}" for name in metrics)
        create_study(paths, config, metrics=metrics, train_examples=1)
        surroundings = Surroundings(
            study=paths.uri,
            data_dir=Path(paths.root).parent,
            metrics=metrics,
            device=device,
            threads=1,
            checkpoint_seconds=checkpoint_seconds,
            loader_processes=loader_processes,
            report_seconds=report_seconds,
        )
        ending = run_trial(trial, surroundings, report=report or (lambda _: None))
        return ending, open_study(paths.root)

    return run_one


@pytest.fixture
def run(run_in: Callable[..., tuple[Ending, Study]], paths: StudyPaths) -> Callable[..., tuple[Ending, Study]]:
    """The same in the test's own place."""
    return partial(run_in, paths)
