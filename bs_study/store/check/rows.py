"""What is wrong with the rows of one trial in a table: gaps, doubles, clocks that run backwards."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from bs_study.store.schema import Table

UNTOLD = ("epoch", "load_seconds", "compute_seconds", "eval_seconds")
"""Columns that a run which was made elsewhere need not have."""
Column = npt.NDArray[np.float64] | npt.NDArray[np.int64]

RELATIVE, ABSOLUTE_SECONDS = 0.01, 0.01
"""By how much the parts of a clock may exceed the whole: a GPU's events and the host tell time differently."""


def iteration_problems(rows: pa.Table, *, batch_size: int | None) -> Iterator[str]:
    """Yield what is wrong with the iterations of a trial.

    Iterations are 1, 2, ...; examples grow by 1 to batch_size; epochs start with 1 and never skip one. A function
    reports what it likes: iterations grow, and examples never shrink.
    """
    if is_reported(rows):
        yield from _steps("iteration", _column(rows, "iteration"), smallest=1, largest=None)
        yield from _steps("examples", _column(rows, "examples"), smallest=0, largest=None)
        return
    yield from _counted_from_1("iteration", _column(rows, "iteration"))
    yield from _steps("examples", _column(rows, "examples"), smallest=1, largest=batch_size)
    yield from _steps("epoch", _column(rows, "epoch"), smallest=0, largest=1)


def epoch_problems(rows: pa.Table, iterations: pa.Table | None) -> Iterator[str]:
    """Yield what is wrong with the epochs of a trial.

    Epochs are 1, 2, ...; iterations and examples grow, and agree with the trial's iterations; loading and computing
    take no longer than the epoch. No more iterations are timed than were made, and clocks that cover none are null.
    """
    yield from _counted_from_1("epoch", _column(rows, "epoch"))
    for name in ("iterations", "examples"):
        yield from _steps(name, _column(rows, name), smallest=1, largest=None)
    yield from _agreement(rows, "iterations", iterations)
    timed = _timed(rows)
    yield from _at_most("timed_iterations", timed, np.diff(_column(rows, "iterations"), prepend=0), of="the epoch")
    for name in ("epoch_seconds", "load_seconds", "compute_seconds"):
        yield from _not_negative(name, _clock(rows, name, runs=timed != 0))
    yield from _within(rows, "epoch_seconds")


def evaluation_problems(rows: pa.Table, iterations: pa.Table | None) -> Iterator[str]:
    """Yield what is wrong with the evaluations of a trial.

    Each is at a later iteration than the one before, among the trial's; no cumulative clock runs backwards, and
    one that has begun to run is never null. No more iterations are timed than were made. A function may report no
    loss of an evaluation's iteration, and tells no times but the whole.
    """
    yield from _steps("iteration", _column(rows, "iteration"), smallest=1, largest=None)
    clocks = ["train_seconds"]
    if is_reported(rows):
        yield from _steps("examples", _column(rows, "examples"), smallest=0, largest=None)
    else:
        yield from _agreement(rows, "iteration", iterations)
        yield from _steps("epoch", _column(rows, "epoch"), smallest=0, largest=None)
        clocks += ["load_seconds", "compute_seconds"]
    yield from _at_most("timed_iterations", _timed(rows), _column(rows, "iteration"), of="the trial")
    runs = np.logical_or.accumulate(~np.isnan(_column(rows, "train_seconds")))
    for name in clocks:
        yield from _steps(name, _clock(rows, name, runs=runs), smallest=0, largest=None)
    yield from _not_negative("eval_seconds", _column(rows, "eval_seconds"))
    yield from _within(rows, "train_seconds")


def gradient_problems(rows: pa.Table, iterations: pa.Table | None) -> Iterator[str]:
    """Yield what is wrong with the gradient probes of a trial: each is after a later iteration, among the trial's.

    It has two chunks at least, a chunk one example, and a cosine is between -1 and 1 but for rounding.
    """
    yield from _steps("iteration", _column(rows, "iteration"), smallest=1, largest=None)
    yield from _agreement(rows, "iteration", iterations)
    yield from _not_negative("probe_seconds", _column(rows, "probe_seconds"))
    for name, is_wrong in (
        ("chunk", _column(rows, "chunk") < 1),
        ("chunks", _column(rows, "chunks") < 2),
        ("cos_next", np.abs(_column(rows, "cos_next")) > 1 + RELATIVE),
    ):
        row = _first(is_wrong)
        if row is not None:
            yield f"{name} is {_column(rows, name)[row]:g} in row {row + 1}"


def is_reported(rows: pa.Table) -> bool:
    """Return whether rows are what a function reported, whose epochs are not known."""
    return len(rows) > 0 and rows["epoch"].null_count == len(rows)


def told_tables(tables: Mapping[Table, pa.Table]) -> dict[Table, pa.Table]:
    """Return the tables of an imported trial as far as its run tells: what it never recorded is no problem.

    Without losses of its iterations it has no such table. A column that is null in all rows is 0 in place of it.
    """
    return {table: _without_untold(rows) for table, rows in tables.items() if table != "iterations" or len(rows)}


def _without_untold(rows: pa.Table) -> pa.Table:
    for at, name in enumerate(rows.column_names):
        if name in UNTOLD and len(rows) and rows[name].null_count == len(rows):
            rows = rows.set_column(at, name, pc.fill_null(rows[name], 0))
    return rows


def exceeds(part: Column | float, whole: Column | float) -> npt.NDArray[np.bool_]:
    """Return where a part of a clock is longer than the whole; never where one of them is NaN."""
    return np.asarray(part > np.asarray(whole) * (1 + RELATIVE) + ABSOLUTE_SECONDS)


def _column(rows: pa.Table, name: str) -> Column:
    column: Column = rows[name].to_numpy()
    return column


def _timed(rows: pa.Table) -> Column:
    is_told = "timed_iterations" in rows.column_names  # not by version 0.1.0
    return _column(rows, "timed_iterations") if is_told else np.full(len(rows), np.nan)


def _clock(rows: pa.Table, name: str, *, runs: npt.NDArray[np.bool_]) -> Column:
    """Return a clock, with 0 for null where it does not run."""
    values = _column(rows, name)
    return np.where(np.isnan(values) & ~runs, 0.0, values)


def _first(is_wrong: npt.NDArray[np.bool_]) -> int | None:
    return int(np.argmax(is_wrong)) if is_wrong.any() else None


def _counted_from_1(name: str, values: Column) -> Iterator[str]:
    row = _first(values != np.arange(1, len(values) + 1))
    if row is not None:
        yield f"{name} is {values[row]:g} in row {row + 1}, not {row + 1}"


def _steps(name: str, values: Column, *, smallest: int, largest: int | None) -> Iterator[str]:
    """Yield the first value that does not grow from the one before, at first 0, by at least so much and at most so."""
    step = np.diff(values, prepend=0)
    row = _first(~(step >= smallest) | (step > (np.inf if largest is None else largest)))
    if row is not None:
        before = f"{values[row - 1]:g}" if row else "0"
        yield f"{name} goes from {before} to {values[row]:g} in row {row + 1}"


def _not_negative(name: str, values: Column) -> Iterator[str]:
    row = _first(~(values >= 0))
    if row is not None:
        yield f"{name} is {values[row]:g} in row {row + 1}"


def _at_most(name: str, values: Column, most: Column, *, of: str) -> Iterator[str]:
    row = _first((values < 0) | (values > most))
    if row is not None:
        yield f"{name} is {values[row]:g} in row {row + 1}, and {of} has {most[row]:g} iterations"


def _within(rows: pa.Table, whole: str) -> Iterator[str]:
    parts = _column(rows, "load_seconds") + _column(rows, "compute_seconds")
    row = _first(exceeds(parts, _column(rows, whole)))
    if row is not None:
        yield f"load_seconds + compute_seconds are {parts[row]:g}, above {whole}, in row {row + 1}"


def _agreement(rows: pa.Table, name: str, iterations: pa.Table | None) -> Iterator[str]:
    """Yield the first row whose iteration is none of the trial's, or has seen other examples than that one.

    Args:
        iterations: None where no iteration was recorded.
    """
    if iterations is None:
        return
    at, seen = _column(rows, name).astype(np.int64), _column(iterations, "examples")
    outside = _first((at < 1) | (at > len(seen)))
    if outside is not None:
        yield f"{name} is {at[outside]} in row {outside + 1}, and the trial has {len(seen)} iterations"
        return
    row = _first(_column(rows, "examples") != seen[at - 1]) if len(at) else None
    if row is not None:
        examples = _column(rows, "examples")[row]
        yield f"examples are {examples} in row {row + 1}, and {seen[at[row] - 1]} at iteration {at[row]}"
