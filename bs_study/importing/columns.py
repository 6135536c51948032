"""Which column is which: by the exact names of fields, and by what `--map` says. Nothing is guessed."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bs_study.importing.sheet import Sheet, Values
from bs_study.importing.wide import RUN
from bs_study.store.schema import table_schema
from bs_study.words import listing, shortened, shown

FIELDS = {
    "run": "name of the run, where a run has several rows",
    "batch_size": "examples of an update",
    "lr": "learning rate",
    "seed": "a whole number; 0 where no column says it and each cell has one run",
    "iteration": "updates so far, at this look at the run",
    "examples": "examples seen so far, at this look",
    "seconds": "training time so far, at this look",
    "train_loss": "training loss of the batch of this iteration",
    "iterations_to_target": "updates until the target was met; empty where it never was",
    "examples_to_target": "examples until the target was met",
    "seconds_to_target": "training time until the target was met",
    "iterations": "updates of the whole run, where it did not meet the target",
}
"""What a column may be, beside a metric."""
OF_RUN = ("batch_size", "lr", "seed")
OF_TARGET = ("iterations_to_target", "examples_to_target")
OF_LOOK = ("iteration", "examples")
USUAL = {
    "run": ("run_id", "run_name", "name", "id", "trial", "trial_id"),
    "batch_size": ("bs", "batch", "batchsize", "global_batch_size", "train_batch_size", "B"),
    "lr": ("learning_rate", "learningrate", "eta", "step_size", "peak_lr"),
    "seed": ("random_seed", "rng_seed"),
    "iteration": ("step", "_step", "global_step", "iter", "steps", "updates", "trainer/global_step"),
    "iterations_to_target": ("steps", "steps_to_target", "iterations"),
}
"""Names that a refusal may propose. No column is taken by one of them."""


@dataclass(frozen=True)
class Columns:
    """The fields and metrics of a sheet, each with the column that it is read from.

    Attributes:
        names: of fields and metrics; the value is the column's name in the file.
        metrics: which of these names are metrics.
    """

    names: Mapping[str, str]
    metrics: tuple[str, ...]

    def left_out(self, sheet: Sheet) -> list[str]:
        """Return the columns of a sheet that are not read."""
        return [name for name in sheet.columns if name.strip() and name not in self.names.values()]

    def values(self, sheet: Sheet, name: str) -> Values | None:
        """Return the values of a field; None where no column says it."""
        return sheet.columns.get(self.names.get(name, ""))


def read_map(words: Sequence[str]) -> dict[str, str]:
    """Return the column of each field and metric that `--map` names.

    >>> read_map(["batch_size=bs", "accuracy=val/acc"])
    {'batch_size': 'bs', 'accuracy': 'val/acc'}

    Raises:
        ValueError: a word is no `field=column`, names a field twice, or one that seems mistyped.
    """
    found: dict[str, str] = {}
    for word in words:
        name, mark, column = (part.strip() for part in word.partition("="))
        if not (mark and name and column):
            raise ValueError(f"--map: {shown(word)} maps nothing. Write field=column, as batch_size=bs")
        if name in found:
            raise ValueError(f"--map: {name} is mapped twice. Give it one column")
        found[name] = column
    return found


def refuse_unfit_map(mapped: Mapping[str, str]) -> None:
    """Refuse names that evaluations keep for themselves, that seem mistyped, and a column that is two things."""
    taken = set(table_schema("evaluations").names) - set(FIELDS)
    for name, column in mapped.items():
        near = difflib.get_close_matches(name, FIELDS, n=1, cutoff=0.75) if name not in FIELDS else []
        if near:
            raise ValueError(f"--map: {shown(name)} is no field. Did you mean {near[0]}={shortened(column)}?")
        if name in taken or not name.isprintable():
            raise ValueError(f"--map: {shown(name)} can't name a metric. Choose another name")
        twice = [other for other, of in mapped.items() if of == column]
        if len(twice) > 1:
            raise ValueError(f"--map: {listing(twice)} are both {shown(column)}. Give each a column of its own")


def refuse_unknown_columns(sheets: Sequence[Sheet], mapped: Mapping[str, str]) -> None:
    """Refuse a column that is mapped and that no sheet has: of several, one may lack what others have."""
    known = {name for sheet in sheets for name in sheet.columns}
    for name, column in mapped.items():
        if column not in known:
            raise ValueError(
                f"--map: {shortened(sheets[0].source)} has no column {shown(column)} for {name}. "
                f"{_there(sheets[0], column)} Map one of these"
            )


def read_columns(sheet: Sheet, *, mapped: Mapping[str, str], metric: str) -> Columns:
    """Return which column of a sheet is which.

    A column is a field if it has its name, or is mapped to it. It is a metric if it is mapped to one that is no field,
    is named `loss`, or as the target's metric.

    Args:
        mapped: as `read_map` returns it.
        metric: the target's.
    """
    names = {name: column for name, column in mapped.items() if column in sheet.columns}
    free = set(sheet.columns) - set(names.values())
    given = set(mapped) - ({"run"} - set(names))  # the table of runs alone may call it something else
    names |= {name: name for name in (*FIELDS, "loss", metric) if name in free and name not in given}
    return Columns(names, tuple(name for name in names if name not in FIELDS))


def missing(sheet: Sheet, field: str, columns: Columns) -> ValueError:
    """Return the refusal of a sheet without a column that is needed: what the file has, and the line that maps one."""
    taken = next((name for name, column in columns.names.items() if column == field), None)
    if taken:
        return ValueError(
            f"{field}: --map gives the column {shown(field)} to {taken}. Write field=column, as "
            f"{_word(field, 'COLUMN')}"
        )
    return ValueError(
        f"{field}: {shortened(sheet.source)} has no column {shown(field)}. {_there(sheet, field)} "
        f"Map it: --map {_word(field, proposed(sheet, field) or 'COLUMN')}"
    )


def proposed(sheet: Sheet, field: str) -> str | None:
    """Return a column that may be a field: one of a usual name, that ends with it, or is written alike."""
    by_low = {name.lower(): name for name in sheet.columns}
    usual = (by_low.get(name.lower()) for name in USUAL.get(field, ()))
    part = (name for low, name in by_low.items() if field.lower() in low.replace(".", "/").split("/"))
    tails = (name.rpartition(" - ") for name in sheet.columns)  # of a panel of W&B, in which each column is a run
    wide = (f"{RUN} - {tail}" for _, mark, tail in tails if mark and field.lower() in tail.lower().split("/"))
    near = (by_low[low] for low in difflib.get_close_matches(field.lower(), by_low, n=1, cutoff=0.6))
    return next((name for name in (*usual, *part, *wide, *near) if name and name not in FIELDS), None)


def _there(sheet: Sheet, wanted: str) -> str:
    names = [name for name in sheet.columns if name.strip()]
    near = difflib.get_close_matches(wanted, names, n=3, cutoff=0.5)
    named = near + [name for name in names if name not in near]
    more = f" and {len(named) - 8} more" if len(named) > 8 else ""
    return f"It has {', '.join(map(shortened, named[:8]))}{more}."


def _word(field: str, column: str) -> str:
    word = f"{field}={column}"
    return word if not set(word) & set(" '\"$&|<>();*?") else f"'{word}'"
