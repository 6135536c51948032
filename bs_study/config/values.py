"""The kinds of values that settings take, and how one model holds another while files and flags stay flat."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field

from bs_study.words import typed


def _number_not_bool(value: object) -> object:
    """Refuse True and False, which Python would take for 1 and 0."""
    if isinstance(value, bool):
        raise ValueError("is a truth value. Give a number")
    return value


def _odd(value: int) -> int:
    if value % 2 == 0:
        raise ValueError("is even. Give an odd number, so that the median is one of the values")
    return value


Count = Annotated[int, BeforeValidator(_number_not_bool), Field(ge=1, le=2**63 - 1)]
Index = Annotated[int, BeforeValidator(_number_not_bool), Field(ge=0, le=2**31 - 1)]
Odd = Annotated[Count, AfterValidator(_odd)]
Positive = Annotated[float, BeforeValidator(_number_not_bool), Field(gt=0, allow_inf_nan=False)]
NonNegative = Annotated[float, BeforeValidator(_number_not_bool), Field(ge=0, allow_inf_nan=False)]


def distinct(values: tuple[float, ...]) -> tuple[float, ...]:
    """Return the values, or refuse one that is given twice."""
    twice = [value for value in values if values.count(value) > 1]
    if twice:
        raise ValueError(f"{typed(twice[0])} is given twice. Give each value once")
    return values


def nested(given: Any, part: type[BaseModel], *, name: str) -> Any:
    """Return flat settings with those of a part gathered under its name; anything else as it is."""
    if not isinstance(given, Mapping):
        return given
    own = {key: value for key, value in given.items() if key in part.model_fields}
    if name in given:
        if own:
            raise ValueError(f"{name}: is no setting beside {next(iter(own))}. Leave it out")
        return given
    return {key: value for key, value in given.items() if key not in own} | {name: own}


def flat(dumped: dict[str, Any], *, name: str) -> dict[str, Any]:
    """Return dumped settings with those of a part first and beside the others: the inverse of `nested`.

    >>> flat({"settings": {"momentum": 0.5}, "lr": 0.1}, name="settings")
    {'momentum': 0.5, 'lr': 0.1}
    """
    return {**dumped.get(name, {}), **{key: value for key, value in dumped.items() if key != name}}
