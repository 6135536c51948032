from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from bs_study import open_study
from bs_study.config.asked import asked
from bs_study.launch.serial import serial_launcher
from bs_study.store.check.study import problems
from bs_study.store.paths import study_paths
from bs_study.training.placement import Pacing, Place

ENDINGS = {7: "failed", 11: "out_of_memory", 13: "diverged", 64: "completed", 256: "completed"}

RACE: dict[str, Any] = {
    "workload": "digits", "target": "accuracy>=0.85", "batch_sizes": (64,), "lrs": (0.02, 0.1, 0.4, 1.6),
    "max_iterations": 400, "search": "race", "local": True,
}  # fmt: skip


def run_here(study: Any) -> None:
    with serial_launcher(study.config, study.options, study.place) as launcher:
        launcher.run(study.course, study.watcher)


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


@pytest.fixture(scope="module")
def raced(tmp_path_factory: pytest.TempPathFactory, small_study: Callable[..., Any]) -> Any:
    study = small_study(tmp_path_factory.mktemp("race") / "race", **RACE)
    run_here(study)
    return study


def test_a_race_outruns_all_that_is_slower_and_leaves_a_sound_store(raced: Any) -> None:
    rows = open_study(raced.paths.root).trials()
    course = raced.course
    assert course.plan.wanted == ()
    (lane,) = course.plan.lanes
    assert lane.best_iterations is not None
    outrun = rows[rows["stop_reason"] == "outrun"]
    assert len(outrun) >= 1
    assert set(rows["stop_reason"]) == {"target", "outrun"}
    assert (outrun["bound"] >= lane.best_iterations * 1.25).all()
    assert (outrun["iterations"] >= outrun["bound"]).all()
    assert set(outrun["outrun_by"]) <= set(rows.loc[rows["stop_reason"] == "target", "trial_id"])
    assert list(problems(raced.paths)) == []


def test_a_race_names_the_lr_that_the_full_grid_names_after_as_many_iterations(
    raced: Any, tmp_path: Path, small_study: Callable[..., Any]
) -> None:
    grid = small_study(tmp_path / "grid", **RACE | {"search": "grid", "min_iterations": 0})
    run_here(grid)
    rows = open_study(grid.paths.root).trials()
    best = rows[rows["stop_reason"] == "target"].sort_values(["iterations", "lr"]).iloc[0]
    (lane,) = raced.course.plan.lanes
    assert (lane.best_lr, lane.best_iterations) == (best["lr"], best["iterations"])


def test_a_race_that_was_interrupted_in_the_middle_of_a_trial_goes_on_to_the_same_rows(
    raced: Any, tmp_path: Path, small_study: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    study = small_study(tmp_path / "broken", **RACE)
    monkeypatch.setattr("bs_study.launch.serial.pacing_of", lambda _: Pacing(1e-9, report_seconds=0))

    class Stops(type(study.watcher)):  # type: ignore[misc]
        def progressed(self, trial: Any, progress: Any) -> None:
            if len(self.began) == 2 and progress.iteration > 5:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), serial_launcher(study.config, study.options, study.place) as launcher:
        launcher.run(study.course, Stops())
    left = study.course
    assert len(left.plan.wanted) == len(RACE["lrs"]) - 1
    run_here(study)
    assert open_study(study.paths.root).trials()["attempts"].max() == 2
    columns = ["trial_id", "stop_reason", "iterations", "bound", "outrun_by"]
    whole, again = (open_study(one.paths.root).trials()[columns].sort_values("trial_id") for one in (raced, study))
    assert again.astype(str).to_numpy().tolist() == whole.astype(str).to_numpy().tolist()


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without a GPU")
def test_gpus_that_are_not_there_are_refused_before_anything_runs(tmp_path: Path) -> None:
    study = asked({"batch_sizes": (4,), "lrs": (0.1,), "max_epochs": 1, "local": True, "gpus_per_trial": 1})
    place = Place(study_paths(tmp_path), tmp_path, metrics=())
    with pytest.raises(ValueError, match="gpus_per_trial: 1"), serial_launcher(*study, place):
        pass
