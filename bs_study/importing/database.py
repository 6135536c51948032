"""Runs in MLflow's database, `mlflow.db`. It is read as SQLite: MLflow itself would first bring it up to date."""

from __future__ import annotations

import math
import sqlite3
from contextlib import closing
from pathlib import Path

from bs_study.importing.points import Point, sheet_of_points
from bs_study.importing.sheet import Sheet
from bs_study.words import one_line, shortened

RUNS = "SELECT run_uuid, start_time FROM runs WHERE lifecycle_stage = 'active' ORDER BY start_time, run_uuid"
PARAMS = "SELECT key, value FROM params WHERE run_uuid = ?"
METRICS = (
    "SELECT key, step, timestamp, value, is_nan FROM metrics WHERE run_uuid = ? ORDER BY key, step, timestamp, value"
)
MOST = 1.7976931348623157e308
"""An infinite number is kept as this one."""


def read_database(file: str) -> list[Sheet]:
    """Return the rows of each run, as those of a folder of MLflow.

    Raises:
        ValueError: it is no database of MLflow.
    """
    path = Path(file).expanduser()
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as database:
            return [_run(file, database, run, started) for run, started in database.execute(RUNS).fetchall()]
    except sqlite3.Error as error:
        raise ValueError(
            f"{shortened(file)}: can't be read as MLflow's database: {one_line(error)}. Give mlflow.db, or the folder "
            "mlruns"
        ) from error


def _run(file: str, database: sqlite3.Connection, run: str, started: int | None) -> Sheet:
    points = [
        Point(name, step, time / 1000, math.nan if is_nan else _number(value))
        for name, step, time, value, is_nan in database.execute(METRICS, (run,))
    ]
    return sheet_of_points(
        f"{file} run {run}",
        run,
        settings=dict(database.execute(PARAMS, (run,)).fetchall()),
        points=points,
        began=None if started is None else started / 1000,
    )


def _number(value: float) -> float:
    return math.copysign(math.inf, value) if abs(value) >= MOST else value
