"""Recipes: the few settings beside the cell that a study compares, and how lists of them multiply."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bs_study.config.settings import TrialSettings
from bs_study.config.values import repeated
from bs_study.words import shortened, shown, typed

AXES = (
    "optimizer",
    "momentum",
    "nesterov",
    "weight_decay",
    "lr_warmup_iterations",
    "lr_warmup_epochs",
    "lr_decay",
    "lr_decay_iterations",
    "lr_decay_epochs",
    "lr_decay_factor",
    "lr_rule",
    "base_batch_size",
)
"""The settings that make a recipe: those in which the trials of one cell and seed may differ within a study."""

_UNITS = (("lr_warmup_iterations", "lr_warmup_epochs"), ("lr_decay_iterations", "lr_decay_epochs"))
"""Lengths that are given in one unit or the other."""

Change = dict[str, Any]
"""What a recipe sets, of AXES; the study's own settings hold for the rest."""


def recipe_of(settings: TrialSettings) -> dict[str, Any]:
    """Return the settings among AXES that matter beside the others: adam has no momentum, for one."""
    idle = {
        "momentum": settings.optimizer != "sgd",
        "nesterov": not settings.has_momentum,
        "lr_decay_iterations": settings.lr_decay == "none",
        "lr_decay_epochs": settings.lr_decay == "none",
        "lr_decay_factor": settings.lr_decay != "step",
        "base_batch_size": settings.lr_rule == "none",
    }
    return {name: getattr(settings, name) for name in AXES if not idle.get(name)}


def recipe_settings(settings: TrialSettings, change: Change) -> TrialSettings:
    """Return a study's settings as a recipe changes them, with Nesterov left out where there is no momentum.

    A length that the recipe gives in one unit takes the place of the study's in the other. What else does not matter
    beside the others stays: the ids of trials hold it.
    """
    replaced = {
        other: TrialSettings.model_fields[other].default
        for pair in _UNITS
        for given, other in (pair, pair[::-1])
        if change.get(given) and other not in change
    }
    changed = TrialSettings.model_validate(settings.model_dump() | replaced | change)
    return changed if changed.has_momentum else changed.model_copy(update={"nesterov": False})


def typed_recipe(change: Change) -> str:
    """Return a recipe as it is typed; a value that is no setting's, since it is too long, is shortened.

    >>> typed_recipe({"momentum": 0.9, "nesterov": True, "lr_decay": "linear", "lr_decay_epochs": None})
    '{momentum: 0.9, nesterov: true, lr_decay: linear, lr_decay_epochs: null}'
    """
    return f"{{{', '.join(f'{name}: {typed_value(value)}' for name, value in change.items())}}}"


def typed_value(value: object) -> str:
    """Return a setting of a recipe as it is typed.

    >>> typed_value(0.5), typed_value(None), typed_value("linear")
    ('0.5', 'null', 'linear')
    """
    if isinstance(value, bool | None):
        return {True: "true", False: "false", None: "null"}[value]
    return typed(value) if isinstance(value, int | float) else shortened(str(value))


def multiplied(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return flat settings in which lists among AXES have become `recipes`: each combination of their values.

    The first value of each list stays in the settings themselves.
    """
    given: Any = settings.get("recipes") or ({},)
    if not (isinstance(given, list | tuple) and all(isinstance(change, dict) for change in given)):
        return dict(settings)  # `recipes` itself is refused
    lists = {name: settings[name] for name in AXES if isinstance(settings.get(name), list | tuple)}
    for name, values in lists.items():
        _refuse_no_axis(name, values, given)
    axes = {name: values for name, values in lists.items() if len(values) > 1}
    first = {name: values[0] for name, values in lists.items()}
    if not axes:
        return {**settings, **first}
    combinations = [dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())]
    return {**settings, **first, "recipes": [{**change, **values} for change in given for values in combinations]}


def _refuse_no_axis(name: str, values: Sequence[object], recipes: Iterable[Change]) -> None:
    """Refuse a setting that is a list, but none to multiply the grid by."""
    if not values:
        raise ValueError(f"{name}: is missing. Give at least one value")
    twice = repeated(values)
    if twice:
        raise ValueError(f"{name}: {typed_value(twice[0])} is given twice. Give each value once")
    if any(name in change for change in recipes):
        raise ValueError(f"{name}: is a list, and in recipes too. Give one of them")


def distinct_changes(recipes: tuple[Change, ...]) -> tuple[Change, ...]:
    """Return the recipes, or refuse one that sets what is no axis, or that is given twice."""
    for change in recipes:
        for name, value in change.items():
            if name not in AXES:
                raise ValueError(f"{shown(name)} can't differ from recipe to recipe. These can: {', '.join(AXES)}")
            if isinstance(value, list | tuple | dict):
                raise ValueError(f"{name} is a list inside a recipe. Give one value, or {name} as a list outside")
    if repeated(recipes):
        raise ValueError("one is given twice. Give each recipe once")
    return recipes
