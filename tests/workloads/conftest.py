"""A real trial of a workload on the data of a test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest
import torch

from bs_study import StudyConfig, TrialConfig, open_study
from bs_study.store.paths import StudyPaths
from bs_study.store.study_json import create_study
from bs_study.training.data import load_data
from bs_study.training.placement import Machine, Pacing, Place
from bs_study.training.trial import run_trial
from bs_study.workloads import load_workload
from bs_study.workloads.base import examples_in
from bs_study.workloads.check_batch import look_at


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Small models gain nothing from more, and lose much where other processes want the cores."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def losses(paths: StudyPaths) -> Callable[..., pd.Series]:
    """Check a workload, train one trial of it and return the loss of each iteration."""

    def train(workload: str, data_dir: Path, **settings: object) -> pd.Series:
        usual = {"batch_size": 16, "lr": 0.1, "seed": 0, "eval_every_examples": 10**6}
        trial = TrialConfig.model_validate(usual | {"workload": workload} | settings)
        config = StudyConfig(batch_sizes=(trial.batch_size,), lrs=(trial.lr,), max_iterations=1)
        load_data.cache_clear()
        found = load_workload(workload)
        data = load_data(type(found), data_dir)
        look = look_at(found, data.train, data.held_out)
        assert look.warnings == ()
        create_study(paths, config, metrics=look.metrics, train_examples=examples_in(data.train))
        place = Place(paths, data_dir, look.metrics)
        ending = run_trial(trial, place, Machine("cpu", threads=1), pacing=Pacing(checkpoint_seconds=60))
        assert ending.status == "completed"
        return open_study(paths.root).iterations()["loss"]

    return train
