"""One trial in this process, with a study of its own."""

from __future__ import annotations

import importlib
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from bs_study import Study, TrialConfig, open_study
from bs_study.config import StudyConfig
from bs_study.store.paths import StudyPaths, study_paths
from bs_study.store.study_json import create_study
from bs_study.training.interruption import Interruption
from bs_study.training.placement import Machine, Pacing, Place, Probing
from bs_study.training.progress import Ending
from bs_study.training.run import NewestBound
from bs_study.training.trial import run_trial
from tests.training.interrupted import TRIAL, Run

METRICS = dict.fromkeys(
    ("digits", "toy_workloads:Picky", "toy_workloads:Views", "faulty_workloads:Interrupted"), ("accuracy", "loss")
) | {"toy_workloads:Flickering": ("loss", "score")}


@pytest.fixture(scope="session")
def run_in() -> Callable[..., tuple[Ending, Study]]:
    """Run a trial in this study's place and open it: digits, batch size 64, lr 0.1, seed 0, unless told otherwise.

    Without probes, so that each loss in training mode is of an update.
    """

    def run_one(
        paths: StudyPaths,
        *,
        checkpoint_seconds: float = 60,
        loader_processes: int = 0,
        report_seconds: float = 1,
        device: str = "cpu",
        report: Any = None,
        interruption: Interruption | None = None,
        bound: NewestBound = lambda: None,
        probes: bool = False,
        curvature: bool = False,
        **settings: Any,
    ) -> tuple[Ending, Study]:
        trial = TrialConfig(**{"batch_size": 64, "lr": 0.1, "seed": 0} | settings)
        config = StudyConfig(batch_sizes=(trial.batch_size,), lrs=(trial.lr,), max_iterations=1)
        metrics = METRICS.get(trial.settings.workload, ("loss",))
        if trial.settings.validation_examples:
            metrics += tuple(f"test_{name}" for name in metrics)
        if not paths.exists(paths.study_json):
            create_study(paths, config, metrics=metrics, train_examples=1)
        ending = run_trial(
            trial,
            Place(paths, Path(paths.root).parent, metrics),
            Machine(device, threads=1, loader_processes=loader_processes),
            pacing=Pacing(checkpoint_seconds, report_seconds, probing=Probing(probes, curvature)),
            report=report or (lambda _: None),
            interruption=interruption,
            bound=bound,
        )
        return ending, open_study(paths.root)

    return run_one


@pytest.fixture
def run(run_in: Callable[..., tuple[Ending, Study]], paths: StudyPaths) -> Callable[..., tuple[Ending, Study]]:
    """The same in the test's own place."""
    return partial(run_in, paths)


@pytest.fixture(scope="module")
def unbroken(run_in: Run, tmp_path_factory: pytest.TempPathFactory) -> list[float]:
    """The losses of the trial when nothing happens to it."""
    paths = study_paths(tmp_path_factory.mktemp("unbroken") / "study")
    losses: list[float] = run_in(paths, **TRIAL)[1].iterations()["loss"].tolist()
    return losses


@pytest.fixture(scope="module")
def interrupted(run_in: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a study whose trial was interrupted after 40 iterations."""
    paths = study_paths(tmp_path_factory.mktemp("interrupted") / "study")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(importlib.import_module("faulty_workloads").Interrupted, "after", 40)
        with pytest.raises(RuntimeError, match="interrupted by the test"):
            run_in(paths, **TRIAL)
    return Path(paths.root)


@pytest.fixture
def folder(interrupted: Path, paths: StudyPaths) -> Path:
    """The folder of the attempt that was interrupted, in a study of the test's own, with two checkpoints."""
    shutil.copytree(interrupted, paths.root)
    (attempt,) = Path(paths.live).glob("*/*")
    assert {"checkpoint.pt", "checkpoint-previous.pt"} <= {file.name for file in attempt.iterdir()}
    return attempt
