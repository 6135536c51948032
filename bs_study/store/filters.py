"""What a reader's filters, column=value or column=[values], ask of the files and of their rows."""

from __future__ import annotations

import functools
import operator
from collections.abc import Collection

import pyarrow.dataset as ds


def named_trials(filters: dict[str, object]) -> Collection[str] | None:
    """Return the trials that the filters name, whose files alone need to be opened."""
    wanted = filters.get("trial_id")
    if isinstance(wanted, str):
        return {wanted}
    return set(wanted) if isinstance(wanted, list | tuple | set) else None


def expression(filters: dict[str, object]) -> ds.Expression | None:
    terms = [
        ds.field(name).isin(list(value)) if isinstance(value, list | tuple | set | range) else ds.field(name) == value
        for name, value in filters.items()
    ]
    return functools.reduce(operator.and_, terms) if terms else None
