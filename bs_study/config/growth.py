"""How a study grows: batch sizes, lrs, seeds and recipes are added to it, and nothing else of it changes."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from bs_study.config.asked import asked
from bs_study.config.recipe import AXES, Change, recipe_of, recipe_settings, typed_recipe, typed_value
from bs_study.config.search import OF_GRID, OWN, overridden
from bs_study.config.settings import KEPT
from bs_study.config.study import StudyConfig
from bs_study.config.values import hashable
from bs_study.door import command
from bs_study.words import listing, shortened, typed

LISTS = ("batch_sizes", "lrs")
ADDING = (*LISTS, "seeds", "max_seeds", "refine", "recipes", "targets")
"""What may be given anew: it adds to the study, and takes nothing from it."""
STAYS = "A study only grows. Leave it out"
_ASK_REPORT = "Ask it of the trials that there are with --question and --at of the command report"
OTHER = "leave it out, or start another study: --name in place of --resume"


def resumed_settings(
    stored: StudyConfig, given: Mapping[str, Any], *, file: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return flat settings of a study that goes on: those that are given, and the rest as stored.

    Where recipes are given, as such or as the list of an axis, they alone are returned; `grown` adds them. A file means
    what it means where a study begins with it: the lrs of a bracket say where it starts. Lrs that are given as flags
    are added to the bracket.

    Args:
        stored: what was asked before.
        given: by flags.
        file: what a file says beneath them.

    Raises:
        ValueError: another search is asked for, or a list of seeds in place of auto.
    """
    _refuse_fixed(stored, given)
    if file:
        search = {} if "search" in file else {"search": stored.search}
        given = overridden(file, search | dict(given))
    search, seeds = (given.get(name, getattr(stored, name)) for name in ("search", "seeds"))
    _refuse_another_search(stored, search=search, seeds=seeds)
    settings = stored.model_dump(mode="json")
    if "recipes" in given or any(isinstance(given.get(name), list | tuple) for name in AXES):
        settings["recipes"] = ()
    return settings | dict(given)


def grown(stored: StudyConfig, given: StudyConfig, *, uri: str) -> StudyConfig:
    """Return a study with the batch sizes, lrs, seeds, recipes and further targets of another added to its own.

    Under an lr rule the lrs are those of the base batch size, as in any config. Where all is there already, the stored
    study itself is returned. Its own come first, unless its list is sorted: then the union is. Nothing is taken back:
    of two `max_seeds` the larger holds, and a bracket that refines goes on to. Seeds 0, 1, 2 may become auto.

    Args:
        stored: what was asked before.
        given: what is asked now. A name or target that is left open, and no recipes at all, ask for nothing.
        uri: where the study lies, for a command in a message.

    Raises:
        ValueError: another setting differs, which would make trials that have ended those of another study.
    """
    _refuse_another(stored, given, uri=uri)
    changes: dict[str, Any] = {name: _union(getattr(stored, name), getattr(given, name)) for name in LISTS}
    changes |= _seeds(stored, given) | {"refine": stored.refine or given.refine}
    changes["targets"] = tuple(dict.fromkeys((*stored.targets, *given.targets)))
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


def _seeds(stored: StudyConfig, given: StudyConfig) -> dict[str, Any]:
    """Return `seeds` and `max_seeds` of both: auto once it is asked for, with no fewer seeds than there are."""
    if stored.seeds != "auto" and given.seeds != "auto":
        return {"seeds": _union(stored.seeds, given.seeds)}
    if stored.seeds == "auto":
        return {"max_seeds": max(stored.max_seeds, given.max_seeds)}
    return {"seeds": "auto", "max_seeds": max(given.max_seeds, len(stored.seeds))}


def _new_recipes(stored: StudyConfig, given: StudyConfig) -> list[Change]:
    """Return the recipes that are given and train otherwise than those of the study."""
    known = {hashable(recipe_of(settings)) for settings in stored.each_recipe()}
    own = set(AXES).intersection(*stored.recipes) if stored.recipes else set()
    new: list[Change] = []
    for change in given.recipes:
        _refuse_open(change, own)
        effect = hashable(recipe_of(recipe_settings(stored.settings, change)))
        if effect not in known:
            known.add(effect)
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


def _refuse_another_search(stored: StudyConfig, *, search: object, seeds: object) -> None:
    """Refuse another search, a list of seeds in place of auto, and auto where the study has other seeds than 0, 1, ...

    They are told before all else, since other settings follow from them.
    """
    if search != stored.search:
        raise ValueError(
            f"search: {shortened(str(search))} contradicts the study, which has {stored.search}. {_sentence(OTHER)}"
        )
    if stored.seeds == "auto" and seeds != "auto":
        raise ValueError(
            f"seeds: {_words(seeds)} contradicts the study, which has auto, and takes up to {stored.max_seeds} where "
            f"they decide. Let it take more with --max-seeds, {OTHER}"
        )
    if stored.seeds != "auto" and seeds == "auto" and sorted(stored.seeds) != list(range(len(stored.seeds))):
        raise ValueError(
            f"seeds: auto takes 0, 1, 2 and so on, and contradicts the study, which has {_words(stored.seeds)}. "
            f"Give the seeds that are to be added, {OTHER}"
        )


def _refuse_fixed(stored: StudyConfig, flags: Mapping[str, Any]) -> None:
    """Refuse flags that set the study's search otherwise, or that would take seeds or half steps back from it."""
    before = stored.model_dump(mode="json")
    for name in ("question", "at"):
        if name in flags and str(flags[name]) != str(before[name]):
            has = f"which has {before[name] or 'none'}"
            raise ValueError(f"{name}: {flags[name]} contradicts the study, {has}. {_ASK_REPORT}, {OTHER}")
    for name in [name for name in (*OWN, *OF_GRID, "max_seeds") if name in flags]:
        value, was = flags[name], before[name]
        is_less = isinstance(value, int) and name in ADDING and value < was
        if is_less and (name != "max_seeds" or stored.seeds == "auto"):
            raise ValueError(f"{name}: {typed_value(value)} is less than the study has, {typed_value(was)}. {STAYS}")
        is_idle = name == "refine" and stored.search != "bracket"
        if (name not in ADDING or is_idle) and typed_value(value) != typed_value(was):
            has = "none" if was is None else typed_value(was)
            raise ValueError(f"{name}: {typed_value(value)} contradicts the study, which has {has}. {_sentence(OTHER)}")


def _words(seeds: object) -> str:
    return shortened(" ".join(map(str, seeds)) if isinstance(seeds, list | tuple) else str(seeds))


def _sentence(way: str) -> str:
    return way[0].upper() + way[1:]


def _refuse_another(stored: StudyConfig, given: StudyConfig, *, uri: str) -> None:
    _refuse_another_search(stored, search=given.search, seeds=given.seeds)
    before, now = stored.model_dump(mode="json"), given.model_dump(mode="json")
    in_recipes = set(AXES).intersection(*given.recipes) if given.recipes else set()
    left_open = {name for name in ("name", "target") if now[name] is None}  # which the workload gave to the study
    left_open |= {"eval_spacing"} if before["eval_spacing"] is None else set()  # an older version had another rule
    skipped = {*ADDING, *KEPT, *in_recipes, *left_open}
    differing = [name for name in now if name not in skipped and now[name] != before[name]]
    if differing:
        name = differing[0]
        value, was = typed_value(now[name]), "none" if before[name] is None else typed_value(before[name])
        is_one_recipe = not (stored.recipes or given.recipes)
        change = {axis: now[axis] for axis in differing if axis in AXES} if is_one_recipe else {}
        ask = f"{command('report')} {shlex.join([uri, '--target', str(now['target'])])}"
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
    if name == "target":
        return f"Judge its trials by another target with `{report}`, {OTHER}"
    if name in change:
        return f"Compare both with --recipes {shlex.quote(typed_recipe(change))}, {OTHER}"
    if name in AXES:
        return f"Set it within each of the recipes that are to have it, {OTHER}"
    return _sentence(OTHER)
