"""A race of which a process is killed in the middle of a trial comes to the answer of an unbroken one."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

from bs_study import open_study
from bs_study.answer import analyse
from bs_study.store.check.study import problems
from bs_study.store.paths import study_paths
from tests.faults.conftest import Ended, StartStudy
from tests.faults.running_study import kill
from tests.launch.racing import best_lrs

FLAGS = (
    "--local", "--workload", "digits", "--search", "race", "--batch-sizes", "16", "64", "--lrs", "0.02", "0.1", "0.4",
    "1.6", "--seeds", "0", "1", "2", "--max-epochs", "30", "--target", "accuracy>=0.9", "--checkpoint-seconds", "0.05",
)  # fmt: skip


def test_a_race_that_is_killed_twice_comes_to_the_same_answer_and_trains_nothing_twice(
    tmp_path: Path, start_study: StartStudy, grid: Callable[..., Ended]
) -> None:
    broken = tmp_path / "results" / "broken"
    flags = (*FLAGS, "--name", "broken")
    for ended in (2, 7):
        running = start_study(*flags)
        running.wait_until(lambda ended=ended: len(list(broken.glob("trials/*.parquet"))) >= ended)
        running.wait_until(lambda: any(broken.glob("live/*/*/checkpoint.pt")))
        running.process.send_signal(signal.SIGKILL)
        running.wait()
        before = {file.name: file.read_bytes() for file in broken.glob("trials/*.parquet")}
        flags = ("--local", "--resume", str(broken), "--checkpoint-seconds", "0.05")
    assert grid(*flags).status == 0
    assert all((broken / "trials" / name).read_bytes() == content for name, content in before.items())
    assert grid(*FLAGS, "--name", "unbroken").status == 0
    assert best_lrs(broken) == best_lrs(tmp_path / "results" / "unbroken")
    assert "outrun" in set(open_study(broken).trials()["stop_reason"])
    assert analyse(open_study(broken)).recommendation.state.left == 0
    assert list(problems(study_paths(broken))) == []


ON_RAY = (
    "--workload", "faulty_workloads:PacedDigits", "--search", "race", "--batch-sizes", "32", "64", "--lrs", "0.02",
    "0.1", "0.4", "1.6", "--seeds", "0", "1", "--max-iterations", "400", "--target", "accuracy>=0.85",
    "--eval-every-examples", "640",
)  # fmt: skip


def test_a_race_on_ray_whose_worker_and_then_driver_is_killed_comes_to_the_answer_of_the_full_grid(
    tmp_path: Path, pace: Path, start_study: StartStudy, grid: Callable[..., Ended]
) -> None:
    pace.write_text("0.02")
    broken = tmp_path / "results" / "broken"
    often = ("--checkpoint-seconds", "0.05", "--max-failures", "3")
    running = start_study(*ON_RAY, *often, "--name", "broken")
    for ended, harm in ((1, lambda: kill(running.workers()[0])), (3, running.kill)):
        running.wait_until(lambda ended=ended: len(list(broken.glob("trials/*.parquet"))) >= ended)
        running.wait_until(lambda: running.workers() and any(broken.glob("live/*/*/checkpoint.pt")))
        before = {file.name: file.read_bytes() for file in broken.glob("trials/*.parquet")}
        harm()
    running.end()
    pace.unlink()
    resumed = start_study("--resume", str(broken), *often)
    assert resumed.wait() == 0, resumed.output
    assert all((broken / "trials" / name).read_bytes() == content for name, content in before.items())
    rows = open_study(broken).trials()
    assert rows["trial_id"].is_unique
    assert set(rows["stop_reason"]) == {"target", "outrun"}
    assert list(problems(study_paths(broken))) == []
    full = [flag if flag != "race" else "grid" for flag in ON_RAY]
    assert grid(*full, "--min-iterations", "0", "--local", "--name", "full").status == 0
    assert best_lrs(broken) == best_lrs(tmp_path / "results" / "full")
