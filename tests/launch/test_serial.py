from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from bs_study import open_study
from bs_study.config.asked import asked
from bs_study.launch.course import Course
from bs_study.launch.serial import serial_launcher
from bs_study.store.paths import study_paths
from bs_study.training.placement import Place

ENDINGS = {7: "failed", 11: "out_of_memory", 13: "diverged", 64: "completed", 256: "completed"}


def run_here(study: Any) -> None:
    with serial_launcher(study.config, study.options, study.place) as launcher:
        launcher.run(Course(study.config, study.paths), study.watcher)


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory, small_study: Callable[..., Any]) -> Any:
    study = small_study(tmp_path_factory.mktemp("store") / "serial")
    run_here(study)
    return study


def test_each_trial_ends_in_its_own_way_and_the_others_go_on(ran: Any) -> None:
    trials = open_study(ran.paths.root).trials()
    assert dict(zip(trials["batch_size"], trials["status"], strict=True)) == ENDINGS


def test_a_trial_that_fails_is_tried_again_and_then_recorded_with_its_error(ran: Any) -> None:
    row = open_study(ran.paths.root).trials(batch_size=7).iloc[0]
    assert row["attempts"] == 2
    assert "ValueError: seven is too many" in row["message"]


def test_the_watcher_is_told_of_each_trial_in_the_order_of_the_grid(ran: Any) -> None:
    assert ran.watcher.began == list(ran.watcher.endings) == [trial.trial_id for trial in ran.trials]
    assert [ending.status for ending in ran.watcher.endings.values()] == list(ENDINGS.values())


def test_nothing_stays_live_and_no_trial_says_it_ran_on_ray(ran: Any) -> None:
    assert ran.paths.names(ran.paths.live) == []
    assert open_study(ran.paths.root).trials()["ray_version"].isna().all()


def test_a_trial_has_the_threads_it_was_given(tmp_path: Path, small_study: Callable[..., Any]) -> None:
    study = small_study(tmp_path / "two", batch_sizes=(64,), cpus_per_trial=2, max_iterations=2)
    run_here(study)
    assert open_study(study.paths.root).trials()["threads"].tolist() == [2]


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without a GPU")
def test_gpus_that_are_not_there_are_refused_before_anything_runs(tmp_path: Path) -> None:
    study = asked({"batch_sizes": (4,), "lrs": (0.1,), "max_epochs": 1, "local": True, "gpus_per_trial": 1})
    place = Place(study_paths(tmp_path), tmp_path, metrics=())
    with pytest.raises(ValueError, match="gpus_per_trial: 1"), serial_launcher(*study, place):
        pass
