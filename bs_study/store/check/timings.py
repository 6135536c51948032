"""What is wrong with one file of `timings`: a single row, whose times agree with each other."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from bs_study.config import TrialConfig
from bs_study.store.check.files import FileCheck
from bs_study.store.check.rows import exceeds
from bs_study.store.timings import timed_batch_size

STATUSES = ("completed", "out_of_memory", "failed")
MEASURED = (
    "repeats",
    "iterations",
    "iteration_seconds",
    "iteration_seconds_low",
    "iteration_seconds_high",
    "load_seconds",
    "compute_seconds",
    "examples_per_second",
)


def timing_problems(files: FileCheck, timing_id: str, grid: Mapping[str, TrialConfig] | None) -> list[str]:
    """Return what is wrong with a timing.

    Args:
        grid: the trials of the study, whose batch sizes are those that may be timed; None if they are not known.
    """
    place = files.paths.trial_file("timings", timing_id)
    batch_size = timed_batch_size(timing_id)
    if batch_size is None:
        files.report(place, "its name is none of a timing")
    elif grid is not None and batch_size not in {trial.batch_size for trial in grid.values()}:
        files.report(place, f"batch size {batch_size} does not belong to the study's grid")
    keys = {"trial_id": timing_id} | ({} if batch_size is None else {"batch_size": batch_size})
    rows = files.read(place, "timings", keys)
    if rows is not None and len(rows) != 1:
        files.report(place, f"it has {len(rows)} rows, not 1")
    for row in rows.to_pylist()[:1] if rows is not None else []:
        for problem in _row_problems(row):
            files.report(place, problem)
    return files.take()


def _row_problems(row: Mapping[str, Any]) -> Iterator[str]:
    if row["status"] not in STATUSES:
        yield f"status {row['status']!r} is unknown"
    if row["status"] != "completed":
        return
    wrong = [name for name in MEASURED if not _is_measured(row.get(name), zero=name == "load_seconds")]
    yield from (f"{name} is {row.get(name)!r}" for name in wrong)
    if wrong:
        return
    low, median, high = (float(row[f"iteration_seconds{end}"]) for end in ("_low", "", "_high"))
    if not low <= median <= high:
        yield f"iteration_seconds is {median:g}, and its repeats took {low:g} to {high:g}"
    if exceeds(row["load_seconds"] + row["compute_seconds"], high):
        yield f"load_seconds and compute_seconds are more than the {high:g} s of an iteration"


def _is_measured(value: Any, *, zero: bool) -> bool:
    return value is not None and math.isfinite(value) and (value > 0 or (zero and value == 0))
