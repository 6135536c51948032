"""The kinds of values that settings take, and how one model holds another while files and flags stay flat."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
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
    twice = repeated(values)
    if twice:
        raise ValueError(f"{typed(twice[0])} is given twice. Give each value once")
    return values


def repeated(values: Iterable[Any]) -> list[Any]:
    """Return the values that equal one before them, in one pass however many there are.

    >>> repeated([1, 2, 1.0]), repeated([{"momentum": 0.5}, {"momentum": 0.5}])
    ([1.0], [{'momentum': 0.5}])
    """
    seen: set[Hashable] = set()
    twice = []
    for value in values:
        key = hashable(value)
        if key in seen:
            twice.append(value)
        seen.add(key)
    return twice


def hashable(value: Any) -> Hashable:
    """Return what stands for a value in a set: itself; of a mapping its items, whatever their order."""
    if isinstance(value, Mapping):
        return frozenset((name, hashable(item)) for name, item in value.items())
    try:
        hash(value)
    except TypeError:  # a list, say, which no setting of a list takes
        return repr(value)
    return value  # type: ignore[no-any-return]


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
