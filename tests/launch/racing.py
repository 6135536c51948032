"""Trials that end as a formula says, committed as a launcher's are, so that a search can be followed without training.

With lr x and seed s a trial of batch size B meets its target after so many iterations: 40 · 2^|log2(x / best)|, and a
few more by its seed, where best = 0.4 · sqrt(B / 64).
"""

from __future__ import annotations

import math
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from bs_study import open_study
from bs_study.bound import Bound
from bs_study.config import StudyConfig, TrialConfig
from bs_study.launch.course import Course
from bs_study.store.commit import commit_failed
from bs_study.store.paths import StudyPaths, study_paths
from bs_study.store.study_json import create_study
from bs_study.store.writer import TrialWriter

BUDGET = 300
METRICS = ("accuracy", "loss")
RACE: dict[str, Any] = {
    "workload": "digits", "target": "accuracy>=0.9", "batch_sizes": (64, 256), "lrs": (0.1, 0.2, 0.4, 0.8, 1.6),
    "max_iterations": BUDGET, "search": "race", "eval_every_examples": 64,
}  # fmt: skip


def racing_study(folder: Path, **settings: Any) -> tuple[StudyConfig, StudyPaths]:
    config, paths = StudyConfig.model_validate(RACE | settings), study_paths(folder)
    create_study(paths, config, metrics=METRICS, train_examples=1437)
    return config, paths


def iterations_to_target(trial: TrialConfig) -> int:
    best = 0.4 * math.sqrt(trial.batch_size / 64)
    return round(40 * 2 ** abs(math.log2(trial.lr / best))) + trial.seed


def end_by_formula(paths: StudyPaths, trial: TrialConfig, bound: Bound | None = None, *, version: int = 1) -> None:
    """Commit a trial that looks at each iteration, and ends at its target, its bound or its budget."""
    reached = iterations_to_target(trial)
    writer = TrialWriter(paths, trial, metrics=METRICS)
    for iteration in range(1, BUDGET + 1):
        one = np.array([iteration])
        writer.add_iterations(epoch=1, first_iteration=iteration, examples=one * 64, loss=np.float32(1) / one)
        writer.add_evaluation(
            epoch=1.0, iteration=iteration, examples=64 * iteration, train_seconds=1.0 * iteration, load_seconds=0.0,
            compute_seconds=1.0 * iteration, eval_seconds=0.1, accuracy=float(iteration >= reached),
            loss=1 / iteration,
        )  # fmt: skip
        outrun = bound if bound and bound.ends(trial, iteration=iteration) else None
        reason = "target" if iteration == reached else "max_iterations" if iteration == BUDGET else ""
        if reason or outrun:
            break
    now = datetime.now(UTC)
    told = {} if reason or not outrun else {"bound": outrun.iterations, "outrun_by": outrun.outrun_by}
    outcome = {"status": "completed", "stop_reason": reason or "outrun", "iterations": iteration}
    times = {"start_time": now, "end_time": now, "workload_version": version}
    writer.commit(outcome | {"examples": 64 * iteration} | times | told)


def fail(paths: StudyPaths, trial: TrialConfig) -> None:
    commit_failed(paths, trial, metrics=METRICS, message="ValueError: no", workload_version=1)


def follow(course: Course, paths: StudyPaths, *, most: int = 1000) -> list[TrialConfig]:
    """Run what a course wants, one trial after another, up to so many; return them in order."""
    ran: list[TrialConfig] = []
    while len(ran) < most and (trial := course.next()) is not None:
        end_by_formula(paths, trial, course.bound(trial))
        course.ended(trial)
        ran.append(trial)
    return ran


def answer(course: Course) -> dict[tuple[str, int], tuple[float | None, float | None]]:
    """Return the best lr and its iterations by recipe and batch size."""
    return {(lane.recipe, lane.batch_size): (lane.best_lr, lane.best_iterations) for lane in course.plan.lanes}


def best_lrs(study: Path | str) -> dict[int, tuple[Any, ...]]:
    """Return the lr with the least median of iterations, and that median, by batch size, from the rows alone."""
    rows = open_study(study).trials()
    rows["reached"] = rows["iterations"].where(rows["stop_reason"] == "target", float("inf"))
    medians = rows.groupby(["batch_size", "lr"])["reached"].median().reset_index()
    first = medians.sort_values(["reached", "lr"]).drop_duplicates("batch_size")
    return {size: (lr, reached) for size, lr, reached in first.itertuples(index=False)}
