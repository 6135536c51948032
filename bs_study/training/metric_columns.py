"""Can each metric be a column of the evaluations?"""

from __future__ import annotations

from collections.abc import Sequence

from bs_study.store.schema import table_schema

TEST = "test_"
"""What the name of a metric of the test set begins with, where the validation set judges."""

OF_ANALYSIS = ("recipe", "wall_seconds", "clean_seconds")
"""Columns that the analysis gives every evaluation."""


def refuse_bad_columns(where: str, metrics: Sequence[str], *, has_test: bool) -> None:
    """Raise unless each metric has a column of its own, for readers that tell no case, too: DuckDB is one.

    Args:
        where: they are given, as `task.metrics`.
        metrics: those of its held-out set.
        has_test: whether the same are recorded of a test set.
    """
    of_test = [TEST + name for name in metrics] if has_test else []
    for name in metrics:
        if not name.strip() or not name.isprintable():
            raise ValueError(f"{where}: {name!r} can't name a column. Give it a name that can be read")
        if name in of_test:
            raise ValueError(
                f"{where}: {name!r} is what {name.removeprefix(TEST)!r} of the test set is called with "
                f"validation_examples. Give {name!r} another name, or leave validation_examples out"
            )
    taken = {column.lower(): column for column in (*table_schema("evaluations").names, *OF_ANALYSIS)}
    own = dict(taken)
    for name in (*metrics, *of_test):
        other = own.get(name.lower())
        if other is not None and name.lower() in taken:
            raise ValueError(f"{where}: {name!r} is a column of every evaluation ({other}). {_ADVICE}")
        if other is not None:
            added = " (which is added if metrics give no loss)" if "loss" in (name, other) else ""
            raise ValueError(
                f"{where}: {other!r} and {name!r}{added} differ only in case, which DuckDB does not tell. {_ADVICE}"
            )
        own[name.lower()] = name


_ADVICE = "Choose another name"
