"""A race whose process is killed in the middle of a trial: `--resume` comes to the answer of an unbroken one."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bs_study import open_study
from bs_study.store.check import problems
from bs_study.store.paths import study_paths
from tests.faults.conftest import Ended, StartStudy

FLAGS = (
    "--local", "--workload", "digits", "--search", "race", "--batch-sizes", "16", "64", "--lrs", "0.02", "0.1", "0.4",
    "1.6", "--seeds", "0", "1", "2", "--max-epochs", "30", "--target", "accuracy>=0.9", "--checkpoint-seconds", "0.05",
)  # fmt: skip


def best(study: Path) -> dict[int, tuple[Any, ...]]:
    """Return the lr with the least median of iterations, and that median, by batch size."""
    rows = open_study(study).trials()
    rows["reached"] = rows["iterations"].where(rows["stop_reason"] == "target", float("inf"))
    medians = rows.groupby(["batch_size", "lr"])["reached"].median().reset_index()
    first = medians.sort_values(["reached", "lr"]).drop_duplicates("batch_size")
    return {size: (lr, reached) for size, lr, reached in first.itertuples(index=False)}


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
    assert best(broken) == best(tmp_path / "results" / "unbroken")
    assert "outrun" in set(open_study(broken).trials()["stop_reason"])
    assert list(problems(study_paths(broken))) == []
