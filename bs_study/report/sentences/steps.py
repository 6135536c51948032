"""What would settle a doubt: in words, and as a command that can be typed."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping
from typing import Any

from bs_study import door
from bs_study.analysis.step import Step
from bs_study.analysis.study import Analysis
from bs_study.config import BUDGETS, LaunchOptions, StudyConfig
from bs_study.config.python_call import as_typed, report_as_typed
from bs_study.config.study import STUDY_NAME
from bs_study.target import Target
from bs_study.words import MOST_NAMED, counted, goal, listing, setting, some_sizes, typed

LARGER = 4  # times the budget that a new study has


def step(record: Step, found: Analysis) -> str:
    """Return a step in a sentence."""
    what = _what(record, found)
    at = f", because of {some_sizes(record.at)}" if record.at else ""
    cost = f": {_cost(record, found)}" if record.trials and record.kind != "finish" else ""
    return f"{what}{at}{cost}.{_rule(record, found)}"


def _what(record: Step, found: Analysis) -> str:
    trials = counted(record.trials, "trial")
    if record.kind == "finish":
        left = found.recommendation.state.left
        which = f"{trials} that {_has(record.trials)} not ended" if left else f"{trials} that failed"
        return f"Finish the {which}" if left else f"Try the {which} again"
    if record.kind == "target":
        return f"Ask for another target, {goal(record.target)}" if record.target else "Ask for a target"
    if record.kind == "harder_target":
        than = f", {goal(record.target)}" if record.target else f" than {goal(found.recommendation.target)}"
        return f"Ask for a harder target{than}, in a study of its own"
    if record.kind == "own_study":
        return f"Train to {goal(record.target)} in a study of its own, as this one trains to another target"
    if record.kind == "timing":
        return "Time each batch size alone, in a timing pass"
    if record.kind == "curvature":
        return "Begin a study that measures the curvature of the loss"
    if record.kind == "budget":
        harder = f" and the target {goal(record.target)}" if record.target else ""
        if found.config and not any(getattr(found.config.settings, name) for name in BUDGETS):
            return f"Begin a study in which the function trains longer{harder}"
        return f"Begin a study with {LARGER} times the budget{harder}"
    if record.is_auto:
        return "Add seeds where they decide (seeds auto), round by round"
    if record.max_seeds:
        return f"Allow up to {record.max_seeds} seeds where they decide, round by round"
    noun, values = _added(record)
    if len(values) > MOST_NAMED:
        return f"Add {counted(len(values), noun)} ({setting(min(values))} to {setting(max(values))})"
    return f"Add {noun if len(values) == 1 else f'{noun}s'} {listing([setting(value) for value in values])}"


def _cost(record: Step, found: Analysis) -> str:
    """Return how many trials a step takes, as far as that is known: a search trains what it needs."""
    trials, config = counted(record.trials, "trial"), found.config
    if record.is_auto:
        return f"about {trials} in the first of them"
    if record.max_seeds:
        return f"about {trials} a round, as far as is known"
    if config is None:
        return trials
    if config.seeds == "auto":
        return f"about {trials}, then more seeds where they decide"
    at_most = {"grid": "", "race": "at most ", "bracket": "about "}
    return f"{at_most[config.search]}{trials}"


def _has(trials: int) -> str:
    return "has" if trials == 1 else "have"


def _added(record: Step) -> tuple[str, tuple[float, ...]]:
    by_kind = {"seeds": record.seeds, "lrs": record.lrs, "batch_sizes": record.batch_sizes}
    return record.kind.removesuffix("s").replace("_", " "), by_kind[record.kind]


def _rule(record: Step, found: Analysis) -> str:
    """Say that lrs are those of the base batch size, where a rule makes others of them."""
    recipes = found.config.each_recipe() if found.config else []
    has_rule = any(settings.lr_rule != "none" for settings in recipes)
    return " They are those of the base batch size, as they are typed." if record.lrs and has_rule else ""


def command(record: Step, found: Analysis, *, start: str | None = None) -> str:
    """Return the command that takes a step; empty where none can.

    Args:
        start: the command that runs studies, with flags that say how they are launched; None for that of this process.
    """
    start = start or door.start()
    if record.kind == "target":
        if record.target is None:
            return ""
        return report_as_typed(found.uri, record.target.typed)
    if found.config is None or record.kind in ("harder_target", "own_study"):
        return ""
    if record.kind == "budget":
        flags = _longer_study(found, found.config, record.target)
    elif record.kind == "curvature":
        flags = _new_study(found, found.config, name="curvature", changes={})
        flags += ["--curvature"] if flags else []
    else:
        flags = ["--resume", found.uri, *_flags_of_step(record)]
    return as_typed(f"{start} {shlex.join(flags)}", workload=found.config.settings.workload) if flags else ""


def _flags_of_step(record: Step) -> list[str]:
    if record.kind == "finish":
        return []
    if record.kind == "timing":
        return ["--timing"]
    if record.is_auto:
        return ["--seeds", "auto"]
    if record.max_seeds:
        return ["--max-seeds", str(record.max_seeds)]
    _, values = _added(record)
    return [f"--{record.kind.replace('_', '-')}", *map(_exact, values)]


def _longer_study(found: Analysis, config: StudyConfig, target: Target | None) -> list[str]:
    """Return the flags of a study like this one but for its name, its budget and, where it is given, its target."""
    budgets = {name: value for name in BUDGETS if (value := getattr(config.settings, name))}
    if not budgets:  # a function ends by itself, and no flag tells it when
        return []
    changes: dict[str, Any] = {name: value * LARGER for name, value in budgets.items()}
    return _new_study(found, config, name="longer", changes=changes | ({"target": target} if target else {}))


def _new_study(found: Analysis, config: StudyConfig, *, name: str, changes: Mapping[str, Any]) -> list[str]:
    """Return the flags of a study like this one but for the end of its name and some settings.

    None where flags can't say it: recipes may set what a flag sets for all of them.
    """
    name = f"{found.name[:80]}-{name}"
    if config.recipes or not STUDY_NAME.fullmatch(name):
        return []
    settings = config.model_dump(exclude_defaults=True, exclude={"name", "recipes"})
    asked = {"target": config.settings.target} if config.settings.target else {}
    settings |= asked | dict(changes)
    workload = config.settings.workload
    # A built-in workload has a study that ships, whose settings would hold where a flag is left out.
    no_file = ["--config", os.devnull] if re.fullmatch(r"\w+", workload) else []
    flags = ["--name", name, "--workload", workload, *no_file]
    for setting_name, value in settings.items():
        if setting_name != "workload":
            flags += _flag(setting_name, value)
    return [*flags, *_store(found.uri)]


def _flag(name: str, value: Any) -> list[str]:
    flag = name.replace("_", "-")
    if isinstance(value, bool):
        return [f"--{'' if value else 'no-'}{flag}"]
    if isinstance(value, Target):
        return [f"--{flag}", value.typed]
    return [f"--{flag}", *map(_exact, value if isinstance(value, tuple) else (value,))]


def _exact(value: object) -> str:
    """Return a value as it is typed, so that it reads back as the same."""
    if value is None:
        return "null"
    if not isinstance(value, float):
        return str(value)
    return typed(value) if float(typed(value)) == value else repr(value)


def _store(uri: str) -> list[str]:
    """Return the flag that puts a study beside another, where that isn't in the store that a study has anyway."""
    folder, mark, options = uri.partition("?")
    store = folder.rstrip("/").rpartition("/")[0] or "."
    return [] if store == LaunchOptions().store else ["--store", f"{store}{mark}{options}"]
