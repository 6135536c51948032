"""Updates by a hyperbola and times by a line: a store of which the costs are known in closed form."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from bs_study.analysis.machine_times import machine_times
from bs_study.analysis.scaling_curve import CURVE
from bs_study.store.schema import table_schema

A, B, KNEE, MIN_ITERATIONS = 0.004, 1e-5, 1000.0, 2000.0
SIZES = (64, 128, 256, 512, 1024, 2048, 4096)


def iterations(size: float) -> float:
    return MIN_ITERATIONS * (1 + KNEE / size)


def curve(sizes: Sequence[int] = SIZES, *, missed: Sequence[int] = (), **columns: Any) -> pd.DataFrame:
    """Return a scaling curve whose S follows the hyperbola, its interval from 0.9 S to 1.2 S."""
    table = pd.DataFrame(index=range(len(sizes)), columns=CURVE, dtype=float)
    updates = np.array([np.nan if size in missed else iterations(size) for size in sizes])
    found = {"recipe": "", "batch_size": list(sizes), "lr": 0.1, "examples_per_iteration": np.array(sizes, float)}
    found |= {"iterations_to_target": updates, "iterations_to_target_low": 0.9 * updates}
    found |= {"iterations_to_target_high": 1.2 * updates, "is_at_most": False}
    return table.assign(**found | columns)


def timing(size: int, name: str = "abacus", *, speed: float = 1.0, **columns: Any) -> dict[str, Any]:
    seconds = (A + B * size) / speed
    row = {"batch_size": size, "device_name": name, "threads": 1, "status": "completed", "repeats": 3}
    row |= {"iteration_seconds": seconds, "iteration_seconds_low": 0.95 * seconds, "parameters": 10**6}
    row |= {"iteration_seconds_high": 1.1 * seconds, "end_time": pd.Timestamp(0, tz="UTC")}
    return row | columns


def timings(*rows: dict[str, Any]) -> pd.DataFrame:
    return pd.DataFrame(list(rows), columns=table_schema("timings").names)


def trials(*names: str, sizes: Sequence[int] = SIZES) -> pd.DataFrame:
    """Return a trial of each batch size on each machine."""
    rows = [
        {"recipe": "", "trial_id": f"{name}-{size}", "batch_size": size, "device_name": name, "threads": 1}
        | {"status": "completed", "iterations": 1000.0, "examples": 1000.0 * size, "timed_iterations": 1000.0}
        | {"train_seconds": 2000 * (A + B * size), "load_seconds": 0.0, "compute_seconds": 1.0}
        | {"warmup_iterations": 0, "warmup_seconds": 0.0}
        for name in names
        for size in sizes
    ]
    return pd.DataFrame(rows)


NO_EPOCHS = pd.DataFrame(
    columns=[
        *("recipe", "trial_id", "batch_size", "epoch", "iterations", "examples", "timed_iterations"),
        *("epoch_seconds", "load_seconds", "compute_seconds", "peak_memory_bytes"),
    ]
)


def times(
    *rows: dict[str, Any], on: Sequence[str] = ("abacus",), sizes: Sequence[int] = SIZES, recipes: Sequence[str] = ("",)
) -> pd.DataFrame:
    """Return the times of each machine that has rows of `timings`, or on which trials ran."""
    return machine_times(timings(*rows), trials(*on, sizes=sizes), NO_EPOCHS, recipes=recipes)
