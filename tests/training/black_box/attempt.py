"""One attempt at a function, in this process and in a study of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from bs_study import Study, TrialConfig, open_study
from bs_study.config import StudyConfig
from bs_study.config.black_box import UNHEEDED
from bs_study.store.paths import StudyPaths
from bs_study.store.study_json import create_study
from bs_study.training.placement import Machine, Pacing, Place
from bs_study.training.progress import Ending
from bs_study.training.trial import run_trial
from bs_study.workloads.given import give


def attempt(
    paths: StudyPaths, train: Callable[..., object], *, pacing: Pacing | None = None, heard: Any = None, **settings: Any
) -> tuple[Ending, Study]:
    """Run the trial of batch size 4, lr 0.1 and seed 3, which may end at the target at once, unless told otherwise."""
    usual = {"workload": give(train), "target": "accuracy>=0.9", "min_iterations": 0}
    trial = TrialConfig(batch_size=4, lr=0.1, seed=3, **usual | settings)
    if not paths.exists(paths.study_json):
        config = StudyConfig(batch_sizes=(4,), lrs=(0.1,), seeds=(3,), **usual | settings)
        create_study(paths, config, metrics=(), train_examples=None)
    place = Place(paths, Path(paths.root).parent, (), unheeded=UNHEEDED)
    ending = run_trial(trial, place, Machine("cpu", threads=1), pacing=pacing or Pacing(60.0), **heard or {})
    return ending, open_study(paths.root)
