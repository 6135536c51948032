"""From rows to runs: which rows are of one run, and of which form they are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from bs_study.importing.columns import (
    OF_LOOK,
    OF_TARGET,
    Columns,
    missing,
    proposed,
    read_columns,
    refuse_unknown_columns,
)
from bs_study.importing.looks import run_of_looks
from bs_study.importing.record import Cell, Row, Run, run_cell
from bs_study.importing.sheet import Sheet
from bs_study.importing.times import run_of_time
from bs_study.target import Target
from bs_study.words import cell as cell_words
from bs_study.words import counted, listing, shortened, shown


@dataclass(frozen=True)
class Imported:
    """What files hold.

    Attributes:
        runs: each of a cell and seed of its own.
        metrics: of their looks.
        notes: what was read, left out and completed, a line each.
    """

    runs: Sequence[Run]
    metrics: Sequence[str]
    notes: Sequence[str]


def read_runs(
    sheets: Sequence[Sheet], *, mapped: Mapping[str, str], target: Target, of_runs: Sheet | None = None
) -> Imported:
    """Return the runs of some sheets.

    Args:
        mapped: the column of fields and metrics that do not have their names.
        target: by which runs are judged.
        of_runs: a table with batch size, lr and seed of each run.

    Raises:
        ValueError: a column that is needed is not there, or a row can't be; the message names the place.
    """
    refuse_unknown_columns([*sheets, *([of_runs] if of_runs else [])], mapped)
    found = [read_columns(sheet, mapped=mapped, metric=target.metric) for sheet in sheets]
    are_looks = [not _is_of_times(sheet, columns) for sheet, columns in zip(sheets, found, strict=True)]
    if any(are_looks) and not any(target.metric in columns.metrics for columns in found):
        first = are_looks.index(True)
        raise missing(sheets[first], target.metric, found[first])
    groups = _groups(sheets, found)
    table = _table_of_runs(of_runs, mapped, target) if of_runs is not None else None
    runs = []
    for name, rows in groups.items():
        own = run_cell(name, rows, table)
        if not any(row.has(field) for row in rows for field in OF_TARGET):
            runs.append(run_of_looks(name, own, rows))
        elif len(rows) > 1:
            raise ValueError(
                f"run: {shown(name)} has two rows ({rows[0].place}, {rows[1].place}). A time to the target is one row "
                "a run"
            )
        else:
            runs.append(run_of_time(name, own, rows[0], target))
    metrics = dict.fromkeys(name for columns in found for name in columns.metrics) | {target.metric: None}
    return Imported(_with_seeds(runs, groups), tuple(metrics), tuple(_notes(sheets, found, runs, groups)))


def _is_of_times(sheet: Sheet, columns: Columns) -> bool:
    """Return whether a row is a run with its time to the target, and not a look at a run."""
    times = [name for name in OF_TARGET if name in columns.names]
    looks = [name for name in OF_LOOK if name in columns.names]
    if times and looks:
        raise ValueError(
            f"{looks[0]}: {shortened(sheet.source)} has {times[0]} too. Rows with {times[0]} are a run each, rows with "
            f"{looks[0]} are looks at one. Leave one of the columns out"
        )
    if not times and not looks:
        wanted = "iterations_to_target" if proposed(sheet, "iteration") is None else "iteration"
        told = missing(sheet, wanted, columns)
        raise ValueError(f"{told}. Rows need iteration or examples, or else iterations_to_target or examples_to_target")
    return bool(times)


def _groups(sheets: Sequence[Sheet], found: Sequence[Columns]) -> dict[str, list[Row]]:
    """Return the rows of each run by its name, in order."""
    groups: dict[str, list[Row]] = {}
    for sheet, columns in zip(sheets, found, strict=True):
        for at in range(len(sheet.numbers)):
            row = Row(sheet, columns, at)
            given = row.value("run")
            if columns.names.get("run") and given is None:
                raise ValueError(f"{row.named('run')}: is missing ({row.place}). Give each row the name of its run")
            groups.setdefault(str(given) if given is not None else sheet.run or row.place, []).append(row)
    return groups


def _table_of_runs(sheet: Sheet, mapped: Mapping[str, str], target: Target) -> dict[str, Row]:
    columns = read_columns(sheet, mapped=mapped, metric=target.metric)
    if "run" not in columns.names:
        raise missing(sheet, "run", columns)
    found: dict[str, Row] = {}
    for at in range(len(sheet.numbers)):
        row = Row(sheet, columns, at)
        name = str(row.value("run"))
        if name in found:
            raise ValueError(f"run: {shown(name)} has two rows ({found[name].place}, {row.place}). Leave one")
        found[name] = row
    return found


def _with_seeds(runs: Sequence[Run], groups: Mapping[str, Sequence[Row]]) -> list[Run]:
    """Return runs of which each is alone in its cell and seed; without a column of seeds the only run has seed 0."""
    known: dict[Cell, Run] = {}
    for run in runs:
        first = known.setdefault(run.cell, run)
        if first is run:
            continue
        places = f"({first.place}, {run.place})"
        where = cell_words(run.cell.batch_size, run.cell.lr)
        if run.cell.seed is not None:
            raise ValueError(f"seed: two runs of {where} have seed {run.cell.seed} {places}. Give each another")
        sheet = groups[run.name][0].sheet
        raise ValueError(
            f"seed: {where} has two runs and no seed {places}. Map it: --map seed={proposed(sheet, 'seed') or 'COLUMN'}"
            + (
                ""
                if "run" in groups[run.name][0].columns.names
                else ". Rows of one run need its name: --map run=COLUMN"
            )
        )
    return [replace(run, cell=replace(run.cell, seed=run.cell.seed or 0)) for run in runs]


def _notes(
    sheets: Sequence[Sheet], found: Sequence[Columns], runs: Sequence[Run], groups: Mapping[str, Sequence[Row]]
) -> Iterator[str]:
    names = {name for columns in found for name in columns.names}
    rows = sum(len(own) for own in groups.values())
    by_time = sum(run.is_target_its_end for run in runs)
    form = "a time to the target each" if names & set(OF_TARGET) else f"{counted(rows, 'row')}, each a look at a run"
    yield f"read: {counted(len(runs), 'run')}, {form}"
    if by_time:
        yield "a time to the target is taken as it is told: not met one iteration earlier"
    metrics = dict.fromkeys((name, columns.names[name]) for columns in found for name in columns.metrics)
    if metrics:
        told = [name if name == column else f"{name} ({shortened(column)})" for name, column in metrics]
        yield f"{'metric' if len(told) == 1 else 'metrics'}: {listing(told)}"
    if not names & {"examples", "examples_to_target"}:
        yield "examples: iterations × batch size, as no column says them"
    elif not names & {"iteration", "iterations_to_target"}:
        yield "iterations: examples / batch size, as no column says them"
    if not names & {"seconds", "seconds_to_target"}:
        yield "seconds: not known, as no column says them"
    if "seed" not in names and all(run.cell.seed is None for run in runs):
        yield "seed: 0 of each run, as no column says it"
    left = dict.fromkeys(name for sheet, columns in zip(sheets, found, strict=True) for name in columns.left_out(sheet))
    if left:
        few = [shortened(name) for name in list(left)[:5]]
        more = [f"{len(left) - 5} more"] if len(left) > 5 else []
        yield f"left out: {counted(len(left), 'column')} ({listing([*few, *more])})"
