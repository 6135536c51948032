"""How a study grows: batch sizes, lrs, seeds and recipes are added to it, and nothing else of it changes."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from bs_study.config.asked import asked
from bs_study.config.recipe import AXES, Change, recipe_of, recipe_settings, typed_recipe, typed_value
from bs_study.config.study import StudyConfig
from bs_study.words import listing, typed

LISTS = ("batch_sizes", "lrs", "seeds")


def resumed_settings(stored: StudyConfig, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return flat settings of a study that goes on: those that are given, and the rest as stored.

    Where recipes are given, as such or as the list of an axis, they alone are returned; `grown` adds them.
    """
    settings = stored.model_dump(mode="json")
    if "recipes" in given or any(isinstance(given.get(name), list | tuple) for name in AXES):
        settings["recipes"] = ()
    return settings | dict(given)


def grown(stored: StudyConfig, given: StudyConfig, *, uri: str) -> StudyConfig:
    """Return a study with the batch sizes, lrs, seeds and recipes of another added to its own.

    Under an lr rule the lrs are those of the base batch size, as in any config. Where all is there already, the stored
    study itself is returned. Its own come first, unless its list is sorted: then the union is.

    Args:
        stored: what was asked before.
        given: what is asked now. A name or target that is left open, and no recipes at all, ask for nothing.
        uri: where the study lies, for a command in a message.

    Raises:
        ValueError: another setting differs, which would make trials that have ended those of another study.
    """
    _refuse_another(stored, given, uri=uri)
    changes: dict[str, Any] = {name: _union(getattr(stored, name), getattr(given, name)) for name in LISTS}
    more = _new_recipes(stored, given)
    if more:
        changes["recipes"] = (*(stored.recipes or ({},)), *more)
    if all(value == getattr(stored, name) for name, value in changes.items()):
        return stored
    return asked(stored.model_dump(mode="json") | changes).config


def _union(before: tuple[float, ...], more: tuple[float, ...]) -> tuple[float, ...]:
    known = {typed(value) for value in before}  # a command of ours shows 15 digits, which give back the same cell
    union = (*before, *(value for value in more if typed(value) not in known))
    return tuple(sorted(union)) if list(before) == sorted(before) else union


def _new_recipes(stored: StudyConfig, given: StudyConfig) -> list[Change]:
    """Return the recipes that are given and train otherwise than those of the study."""
    known = [recipe_of(settings) for settings in stored.each_recipe()]
    own = set(AXES).intersection(*stored.recipes) if stored.recipes else set()
    new: list[Change] = []
    for change in given.recipes:
        _refuse_open(change, own)
        effect = recipe_of(recipe_settings(stored.settings, change))
        if effect not in known:
            known.append(effect)
            new.append(change)
    return new


def _refuse_open(change: Change, own: set[str]) -> None:
    """Refuse a recipe that leaves open what each of the study's sets for itself: there is no other value to take."""
    missing = [name for name in AXES if name in own and name not in change]
    if missing:
        raise ValueError(
            f"recipes: {typed_recipe(change)} does not set {listing(missing)}, which each recipe of the study sets for "
            "itself. Add it to the recipe"
        )


def _refuse_another(stored: StudyConfig, given: StudyConfig, *, uri: str) -> None:
    before, now = stored.model_dump(mode="json"), given.model_dump(mode="json")
    in_recipes = set(AXES).intersection(*given.recipes) if given.recipes else set()
    left_open = {name for name in ("name", "target") if now[name] is None}  # which the workload gave to the study
    left_open |= {"eval_spacing"} if before["eval_spacing"] is None else set()  # an older version had another rule
    skipped = {*LISTS, "recipes", *in_recipes, *left_open}
    differing = [name for name in now if name not in skipped and now[name] != before[name]]
    if differing:
        name = differing[0]
        value, was = typed_value(now[name]), "none" if before[name] is None else typed_value(before[name])
        is_one_recipe = not (stored.recipes or given.recipes)
        change = {axis: now[axis] for axis in differing if axis in AXES} if is_one_recipe else {}
        ask = shlex.join(["python", "sweeps/report.py", uri, "--target", str(now["target"])])
        raise ValueError(
            f"{name}: {value} contradicts the study, which has {was}. {_right_way(name, change, report=ask)}"
        )


def _right_way(name: str, change: Change, *, report: str) -> str:
    """Return what to do instead of changing a setting of a study.

    Args:
        name: of the setting.
        change: the recipe that would train so, where one would.
        report: the command that judges the study's trials by the target that is asked for.
    """
    other = "leave it out, or start another study: --name in place of --resume"
    if name == "target":
        return f"Judge its trials by another target with `{report}`, {other}"
    if name in change:
        return f"Compare both with --recipes {shlex.quote(typed_recipe(change))}, {other}"
    if name in AXES:
        return f"Set it within each of the recipes that are to have it, {other}"
    return other[0].upper() + other[1:]
