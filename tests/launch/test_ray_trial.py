"""A worker of Tune, used as Tune does."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import ray
from ray import tune

from bs_study import open_study
from bs_study.launch.launcher import machine_given, pacing_of
from bs_study.launch.ray_bell import new_bell
from bs_study.launch.ray_bounds import Board
from bs_study.launch.ray_session import ray_session
from bs_study.launch.ray_trial import RayTrial, point_of
from bs_study.launch.ray_worker import Parcel

ANSWERS_WITHIN = 60  # seconds


@pytest.fixture
def study(tmp_path_factory: pytest.TempPathFactory, small_study: Callable[..., Any]) -> Iterator[Any]:
    """A study of one trial, while this process has joined a Ray."""
    small = small_study(tmp_path_factory.mktemp("store") / "study", batch_sizes=(64,))
    with ray_session(small.config, small.options):
        yield small


def worker_of(study: Any) -> Any:
    """Return a worker that is set up for the trial."""
    (trial,) = study.trials
    machine, pacing = machine_given(study.config, study.options, device="cpu"), pacing_of(study.options)
    workload = study.config.settings.workload
    own = {"arrays": None, "code": (), "workload": workload, "given": None}
    parcel = Parcel(study.place, machine, pacing, datetime.now(UTC), **own)
    given = tune.with_parameters(RayTrial, parcel=parcel, bell=new_bell(), board=Board().actor)
    worker = ray.remote(given).remote(point_of(trial))
    ray.get(worker.__ray_ready__.remote(), timeout=ANSWERS_WITHIN)
    return worker


def test_a_worker_that_is_set_up_trains_only_when_it_is_asked_for_a_result(study: Any) -> None:
    worker = worker_of(study)
    time.sleep(3)  # many times what the trial takes
    assert study.paths.names(study.paths.live) == study.paths.trial_ids("trials") == []
    told: dict[str, Any] = {}
    while not told.get("done"):
        told = ray.get(worker.train.remote(), timeout=ANSWERS_WITHIN)
    assert open_study(study.paths.root).trials()["status"].tolist() == ["completed"]
