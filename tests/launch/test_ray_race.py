"""Races on a Ray of this machine: workers hear of bounds while they train, and the answer is that of the full grid."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bs_study import open_study
from bs_study.launch.ray_tune import ray_launcher
from bs_study.launch.serial import serial_launcher
from bs_study.store.check.study import problems
from tests.launch.racing import best_lrs

RACE: dict[str, Any] = {
    "workload": "digits", "target": "accuracy>=0.85", "batch_sizes": (16, 64), "lrs": (0.02, 0.1, 0.4, 1.6),
    "max_iterations": 400,
}  # fmt: skip


def on_ray(study: Any) -> None:
    with ray_launcher(study.config, study.options, study.place) as launcher:
        launcher.run(study.course, study.watcher)


@pytest.mark.parametrize("more", [{}, {"seeds": (0, 1, 2)}], ids=["a-seed", "three-seeds"])
def test_a_race_on_ray_names_the_lrs_that_the_full_grid_names_and_trains_less(
    tmp_path: Path, small_study: Callable[..., Any], more: dict[str, Any]
) -> None:
    race = small_study(tmp_path / "race", **RACE | more, search="race")
    on_ray(race)
    grid = small_study(tmp_path / "grid", **RACE | more, search="grid", min_iterations=0, local=True)
    with serial_launcher(grid.config, grid.options, grid.place) as launcher:
        launcher.run(grid.course, grid.watcher)
    assert best_lrs(race.paths.root) == best_lrs(grid.paths.root)
    assert race.course.is_over
    assert race.course.plan.wanted == ()
    assert list(problems(race.paths)) == []
    rows, full = (open_study(study.paths.root).trials() for study in (race, grid))
    assert rows["trial_id"].is_unique
    assert rows["iterations"].sum() < full["iterations"].sum()
    assert set(race.watcher.told) == set(rows["trial_id"])


def test_a_slow_lr_is_outrun_while_it_runs_beside_a_fast_one(
    tmp_path: Path, small_study: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    pace = tmp_path / "pace"
    pace.write_text("0.02")
    monkeypatch.setenv("BS_STUDY_TEST_PACE", str(pace))
    paced = {"workload": "faulty_workloads:PacedDigits", "batch_sizes": (64,), "lrs": (1e-5, 0.4)}
    study = small_study(
        tmp_path / "race", **RACE | paced | {"max_iterations": 20_000}, search="race", eval_every_examples=640
    )
    on_ray(study)
    rows = open_study(study.paths.root).trials().set_index("lr")
    slow, fast = rows.loc[1e-5], rows.loc[0.4]
    assert (fast["stop_reason"], slow["stop_reason"]) == ("target", "outrun")
    assert slow["outrun_by"] == fast["trial_id"]
    assert slow["start_time"] < fast["end_time"] < slow["end_time"]
    assert slow["bound"] <= slow["iterations"] < 1000  # at 20 ms an iteration, what separates their starts
