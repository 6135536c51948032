"""Studies of a few small trials, without a terminal."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from bs_study import StudyConfig, TrialConfig
from bs_study.config import LaunchOptions
from bs_study.config.asked import asked
from bs_study.grid import study_trials
from bs_study.launch.course import Course
from bs_study.store.paths import StudyPaths, study_paths
from bs_study.store.reader import Study
from bs_study.store.study_json import create_study
from bs_study.training.placement import Place
from bs_study.training.progress import Ending, Progress


@dataclass
class Record:
    """A watcher that remembers what it is told."""

    began: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    endings: dict[str, Ending] = field(default_factory=dict)

    def started(self, trial: TrialConfig) -> None:
        self.began.append(trial.trial_id)

    def progressed(self, trial: TrialConfig, progress: Progress) -> None:
        pass

    def ended(self, trial: TrialConfig, ending: Ending) -> None:
        self.told.append(trial.trial_id)  # what is raised here, a callback of Tune passes over
        self.endings[trial.trial_id] = ending


@dataclass(frozen=True)
class SmallStudy:
    config: StudyConfig
    options: LaunchOptions
    paths: StudyPaths
    trials: list[TrialConfig]
    place: Place
    watcher: Record

    @property
    def course(self) -> Course:
        """Its way from here."""
        return Course(self.config, Study(self.paths))


def _small_study(folder: Path, *, metrics: tuple[str, ...] = ("accuracy", "loss"), **settings: Any) -> SmallStudy:
    """Return a study of which one trial fails, one runs out of memory, one diverges and two complete."""
    given = {
        "workload": "toy_workloads:Picky",
        "batch_sizes": (7, 11, 13, 64, 256),
        "lrs": (0.1,),
        "max_iterations": 30,
        "address": None if settings.get("local") else "local",
    }
    config, options = asked(given | {"max_failures": 1} | settings)
    paths = study_paths(folder)
    create_study(paths, config, metrics=metrics, train_examples=1437)
    return SmallStudy(config, options, paths, study_trials(config), Place(paths, folder, metrics), Record())


@pytest.fixture(scope="session")
def small_study() -> Any:
    return _small_study
