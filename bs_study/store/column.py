"""A column of a table: its name, type, meaning and unit; and how a setting of the config is one."""

from __future__ import annotations

from types import UnionType
from typing import Annotated, Any, NamedTuple, Union, get_args, get_origin

import pyarrow as pa

UNIT_NAMES = ("epochs", "iterations", "examples", "seconds", "bytes")
"""Where the last word of a column's name is one of these, it is the unit."""

TEXT, COUNT, NUMBER, TIME = pa.string(), pa.int64(), pa.float64(), pa.timestamp("us", tz="UTC")


class Column(NamedTuple):
    """A column of a table. Give its unit where the name does not end with it."""

    name: str
    type: pa.DataType
    meaning: str
    own_unit: str | None = None

    @property
    def unit(self) -> str | None:
        """What a number counts or measures; None for a text, an index, or a number without a unit."""
        last_word = self.name.rpartition("_")[2]
        return self.own_unit or (last_word if last_word in UNIT_NAMES else None)

    @property
    def field(self) -> pa.Field:
        """The Arrow field, with meaning and unit as metadata."""
        metadata = {"meaning": self.meaning} | ({"unit": self.unit} if self.unit else {})
        return pa.field(self.name, self.type, metadata=metadata)


def setting_column(name: str, *, annotation: Any, description: str) -> Column:
    return Column(name, _arrow_type(annotation), description, _SETTING_UNITS.get(name))


def _arrow_type(annotation: Any) -> pa.DataType:
    """Return how a setting is stored: numbers and truth values as such, all else as text."""
    kinds = _kinds(annotation)
    return next((arrow for kind, arrow in ((bool, pa.bool_()), (int, COUNT), (float, NUMBER)) if kind in kinds), TEXT)


def _kinds(annotation: Any) -> set[Any]:
    """Return what an annotation stands for, without limits and alternatives: of `Count | None`, int and NoneType."""
    if get_origin(annotation) is Annotated:
        return _kinds(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return set().union(*(_kinds(alternative) for alternative in get_args(annotation)))
    return {annotation}


_SETTING_UNITS = {
    "base_batch_size": "examples",
    "eval_batch_size": "examples",
    "max_eval_share": "fraction",
    "target_window": "evaluations",
    "loss_limit": "nats per example",
    "micro_batch": "examples",
}
