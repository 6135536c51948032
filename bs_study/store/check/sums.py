"""What is wrong with a trial's row in `trials`: how it ended, and its sums against the other tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, get_args

import pyarrow as pa
import pyarrow.compute as pc

from bs_study.config import BUDGETS, TrialConfig
from bs_study.store.asked_trials import differences
from bs_study.store.check.rows import exceeds
from bs_study.store.schema import FUNCTION, Status, Table

REASONS: dict[Status, tuple[str, ...]] = {
    "completed": ("target", "outrun", "returned", "ended", *BUDGETS),
    "diverged": ("non_finite", "loss_limit"),
    "out_of_memory": ("out_of_memory",),
}
"""The stop reasons of each status; of `failed` it can be any."""


def row_problems(row: Mapping[str, Any], tables: Mapping[Table, pa.Table], trial: TrialConfig | None) -> Iterator[str]:
    """Yield what is wrong with a trial's row.

    Args:
        row: the row, without its keys.
        tables: the trial's other tables, those that can be read.
        trial: its config as the study's grid has it, if it does.
    """
    yield from _ending_problems(row)
    yield from _race_problems(row)
    yield from _config_problems(row, trial)
    if "iterations" in tables:
        for name, column in (("iterations", "iteration"), ("examples", "examples")):
            last = pc.max(tables["iterations"][column]).as_py() or 0
            is_short = row.get("engine_used") == FUNCTION and row.get(name, 0) > last  # it reports what it likes
            if row.get(name) != last and not is_short:
                yield f"{name} is {row.get(name)}, and the table iterations ends with {last}"
    probes = len(tables["gradients"]) if "gradients" in tables else 0
    if row.get("probes") not in (None, probes):
        yield f"probes is {row['probes']}, and the table gradients has {probes} rows"
    yield from _clock_problems(row, tables)


def _ending_problems(row: Mapping[str, Any]) -> Iterator[str]:
    status, stop_reason = row["status"], row.get("stop_reason")
    if status not in get_args(Status):
        yield f"status {status!r} is unknown"
    elif not stop_reason or (status in REASONS and stop_reason not in REASONS[status]):
        yield f"stop_reason {stop_reason!r} is none of a trial that is {status}"


def _race_problems(row: Mapping[str, Any]) -> Iterator[str]:
    """Yield a bound that a trial which was outrun lacks or had not come to, or that another has."""
    is_outrun = row.get("stop_reason") == "outrun"
    for name in ("bound", "outrun_by"):
        value = row.get(name)
        if (value is not None) != is_outrun:
            told = "missing" if value is None else repr(value)
            yield f"{name} is {told}, and stop_reason is {row.get('stop_reason')!r}"
    bound, iterations = row.get("bound"), row.get("iterations")
    if is_outrun and bound is not None and iterations is not None and iterations < bound:
        yield f"iterations is {iterations}, and the trial was outrun by its bound of {bound}"


def _config_problems(row: Mapping[str, Any], trial: TrialConfig | None) -> Iterator[str]:
    return differences(row, trial.model_dump()) if trial else iter(())


def _clock_problems(row: Mapping[str, Any], tables: Mapping[Table, pa.Table]) -> Iterator[str]:
    """Yield the clocks that are negative, or below what epochs or evaluations say has passed.

    Those of a trial that failed may be missing: its process could not tell them.
    """
    clocks = {name: value for name, value in row.items() if name.endswith("_seconds") and name != "max_train_seconds"}
    yield from (f"{name} is {value:g}" for name, value in clocks.items() if value is not None and not value >= 0)
    for name, of_epoch in (("train", "epoch"), ("load", "load"), ("compute", "compute")):
        total = clocks.get(f"{name}_seconds")
        passed = {
            "epochs": _total(tables.get("epochs"), f"{of_epoch}_seconds", "sum"),
            "evaluations": _total(tables.get("evaluations"), f"{name}_seconds", "max"),
        }
        for table, seconds in passed.items():
            is_missing = total is None and seconds > 0 and row["status"] != "failed"
            if is_missing or (total is not None and exceeds(seconds, total)):
                told = "missing" if total is None else f"{total:g}"
                yield f"{name}_seconds is {told}, and the table {table} says {seconds:g}"


def _total(rows: pa.Table | None, column: str, kind: str) -> float:
    value = None if rows is None else pc.call_function(kind, [rows[column]]).as_py()
    return float(value or 0)
