"""What is wrong with one trial: its files against each other, against its row, against the study's grid."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from bs_study.config import TrialConfig
from bs_study.store.check.files import FileCheck
from bs_study.store.check.rows import (
    epoch_problems,
    evaluation_problems,
    gradient_problems,
    iteration_problems,
    told_tables,
)
from bs_study.store.check.sums import row_problems
from bs_study.store.faults import reason
from bs_study.store.listing import running_parts
from bs_study.store.schema import ROW_TABLES, SPARSE_TABLES, Table, table_schema

Grid = Mapping[str, TrialConfig]
Tables = dict[Table, pa.Table]


def ended_problems(files: FileCheck, trial_id: str, grid: Grid | None) -> list[str]:
    """Return what is wrong with a trial that has a row in `trials`."""
    paths = files.paths
    place = paths.trial_file("trials", trial_id)
    _check_membership(files, place, trial_id, grid)
    rows = files.read(place, "trials", _keys(trial_id, grid))
    if rows is not None and len(rows) != 1:
        files.report(place, f"it has {len(rows)} rows, not 1")
    row = rows.to_pylist()[0] if rows is not None and len(rows) else None
    if row and row["status"] == "failed" and paths.exists(paths.live_trial(trial_id)):
        return files.take()  # it is being tried again, and its files are replaced one by one
    version = row.get("workload_version") if row else None
    if version is not None and files.of_versions and version not in files.of_versions:
        files.report(place, f"workload_version is {version}, and study.json tells of no such version")
    files = files.at_version(version)
    tables: Tables = {}
    for table in ROW_TABLES:
        file = paths.trial_file(table, trial_id)
        try:
            found = files.read(file, table, _keys(trial_id, grid))
        except FileNotFoundError:
            if table not in SPARSE_TABLES or (row and row.get("probes")):
                files.report(file, "it is not there, and the trial has a row in trials")
        else:
            tables |= {} if found is None else {table: found}
    if files.is_imported:
        tables = told_tables(tables)
    _check_tables(files, {table: paths.trial_file(table, trial_id) for table in tables}, tables, trial_id, grid)
    if row:
        for problem in row_problems(row, tables, grid.get(trial_id) if grid else None):
            files.report(place, problem)
    return files.take()


def live_problems(files: FileCheck, trial_id: str, grid: Grid | None) -> list[str]:
    """Return what is wrong with the newest parts of a trial that has no row in `trials`."""
    paths = files.paths
    folder = paths.live_trial(trial_id)
    _check_membership(files, folder, trial_id, grid)
    tables: Tables = {}
    try:
        # Listed once for all tables: a running trial adds parts meanwhile.
        parts = running_parts(paths, trial_id)
        for table in ROW_TABLES:
            of_parts = [f"{folder}/{part.file(table)}" for part in parts]
            there = [file for file in of_parts if table not in SPARSE_TABLES or paths.exists(file)]
            found = [files.read(file, table, _keys(trial_id, grid)) for file in there]
            if found and all(rows is not None for rows in found):
                tables[table] = pa.concat_tables(found)
    except FileNotFoundError as error:
        files.report(folder, f"a part that the newest attempt stands on is gone ({reason(error)})")
    except ValueError as error:
        files.report(folder, str(error))
    _check_tables(files, dict.fromkeys(tables, folder), tables, trial_id, grid)
    problems = files.take()
    # Its live files go once its row is there: what was found meanwhile is no damage.
    return [] if problems and paths.exists(paths.trial_file("trials", trial_id)) else problems


def _keys(trial_id: str, grid: Grid | None) -> dict[str, Any]:
    trial = grid.get(trial_id) if grid else None
    cell = {"batch_size": trial.batch_size, "lr": trial.lr, "seed": trial.seed} if trial else {}
    return {"trial_id": trial_id} | cell


def _check_membership(files: FileCheck, file: str, trial_id: str, grid: Grid | None) -> None:
    if grid is not None and trial_id not in grid:
        files.report(file, "the trial does not belong to the study's grid")


def _check_tables(
    files: FileCheck, places: Mapping[Table, str], tables: Tables, trial_id: str, grid: Grid | None
) -> None:
    """Check the rows of each table, and of the others against the iterations."""
    iterations = tables.get("iterations", None if files.is_imported else table_schema("iterations").empty_table())
    batch_size = grid[trial_id].batch_size if grid and trial_id in grid else None
    checks = {
        "iterations": lambda rows: iteration_problems(rows, batch_size=batch_size),
        "epochs": lambda rows: epoch_problems(rows, iterations),
        "evaluations": lambda rows: evaluation_problems(rows, iterations),
        "gradients": lambda rows: gradient_problems(rows, iterations),
    }
    for table, rows in tables.items():
        for problem in checks[table](rows):
            files.report(places[table], problem)
