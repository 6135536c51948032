"""From a YAML file and flags to what is asked for; what is wrong with either is said in one line."""

from __future__ import annotations

import contextlib
import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bs_study.cli.flags import Request
from bs_study.cli.needed import need
from bs_study.config import BUDGETS, StudyConfig
from bs_study.config.asked import FIELDS, Asked, asked
from bs_study.config.growth import resumed_settings
from bs_study.config.search import overridden
from bs_study.config.shipped import shipped_studies, there
from bs_study.config.yaml_text import MOST_BYTES, parsed
from bs_study.words import count, shortened, shown

OWN_EPOCHS = 10.0
"""The budget of a class of one's own, where no file and no flag sets one."""
ONE_TRIAL = {"batch_sizes": (1,), "lrs": (1.0,)}
"""Stands for the grid, which a check of the workload does not need."""


def what_is_asked(request: Request) -> Asked:
    """Return the study and the launch that file and flags ask for: flags override the file.

    Of a study that goes on, its store says what they leave out.

    Raises:
        ValueError: the file can't be read, or a setting is unknown or wrong.
        FileNotFoundError: the study to go on with is not there.
    """
    if request.accept_changes and request.resume is None:
        raise ValueError("accept_changes: only a study that goes on has changes to accept. Add --resume FOLDER")
    if request.all and not request.dry_run:
        raise ValueError("all: only a dry run lists trials. Add --dry-run, or leave it out")
    if request.resume is not None:
        from bs_study.store.going_on import study_to_go_on  # with pandas, which a new study need not wait for

        stored = study_to_go_on(request.resume).config
        refuse_flags_of_recipes(request.flags, stored)
        own = read_yaml(there(request.config)) if request.config else {}
        return asked(resumed_settings(stored, request.flags, file=own))
    file = there(request.config) if request.config else shipped_studies().get(request.flags.get("workload", "digits"))
    settings = overridden(read_yaml(file) if file else {}, request.flags)
    if not file and not settings.keys() & {*BUDGETS, "at"}:
        settings["max_epochs"] = None if _trains_by_itself(request.flags["workload"]) else OWN_EPOCHS
    found = asked((ONE_TRIAL if request.check else {}) | settings)
    refuse_flags_of_recipes(request.flags, found.config)
    return found


def _trains_by_itself(workload: str) -> bool:
    """Return whether a workload is a function, which ends by itself; no if it can't be found, which is told later."""
    need(["torch"], extra="[sweep]")
    from bs_study.workloads.base import load_workload
    from bs_study.workloads.black_box import BlackBox

    with contextlib.suppress(ValueError):
        return isinstance(load_workload(workload), BlackBox)
    return False


def has_grid(request: Request, config: StudyConfig) -> bool:
    """Return whether batch sizes were asked for, or one trial stands for them."""
    return bool(request.resume or "batch_sizes" in request.flags) or config.batch_sizes != ONE_TRIAL["batch_sizes"]


def refuse_flags_of_recipes(flags: Mapping[str, Any], config: StudyConfig) -> None:
    """Refuse a flag that sets for all recipes what each of them sets for itself; a list makes recipes."""
    for name, value in flags.items():
        if not isinstance(value, list) and any(name in change for change in config.recipes):
            raise ValueError(f"{name}: the study's recipes set it, each for itself. Leave it out, or start another")


def read_yaml(file: Path) -> dict[str, Any]:
    """Read the settings of a study from a YAML file."""
    name = shortened(str(file))
    try:
        with file.open("rb") as stream:
            data = stream.read(MOST_BYTES + 1)
    except OSError as error:
        raise ValueError(f"config: {name} can't be read: {error.strerror}") from error
    if len(data) > MOST_BYTES:
        raise ValueError(f"config: {name} is longer than {count(MOST_BYTES)} bytes. Give a file of settings")
    try:
        settings = parsed(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise ValueError(f"config: {name} is no YAML: it is no text in UTF-8 ({error}). Save it as UTF-8") from error
    except ValueError as error:
        raise ValueError(f"config: {name} {error}") from error
    if settings is None:
        return {}
    if not isinstance(settings, dict):
        raise ValueError(f"config: {name} holds a {type(settings).__name__}. Write one 'setting: value' per line")
    for key in settings:
        if key not in FIELDS:
            raise ValueError(f"config: unknown key {shown(key)} in {name}. {_nearest(str(key))}")
    return settings


def _nearest(key: str) -> str:
    near = difflib.get_close_matches(key.replace("-", "_"), FIELDS, n=1, cutoff=0.5)
    return f"Did you mean {near[0]!r}?" if near else f"Known keys: {', '.join(FIELDS)}"
