"""The study that a person names before all flags: one that ships, a YAML file, or a workload."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bs_study.config.shipped import shipped_studies, there, workload_of
from bs_study.words import shortened, shown


def named_study(study: str, *, config: Path | None, flags: Mapping[str, Any]) -> tuple[Path | None, dict[str, Any]]:
    """Return the file and the flags that a study's name stands for, with those that were given.

    Args:
        study: as typed: `mnist`, `study.yaml`, `file.py:Class` or `module:Class`.
        config: the file that --config gave.
        flags: the settings that flags gave.

    Raises:
        ValueError: nothing has this name, or a flag gives another.
    """
    shipped, workload = shipped_studies(), flags.get("workload")
    if study in shipped or Path(study).suffix in (".yaml", ".yml"):
        if config is not None:
            raise ValueError(f"config: {shown(str(config))}, but {shown(study)} names the study. Give one of them")
        if study in shipped and workload not in (None, workload_of(shipped[study])):
            raise ValueError(f"workload: {shown(workload)}, but {shown(study)} names the study. Give one of them")
        return shipped.get(study, there(Path(study))), dict(flags)
    if "://" in study:
        raise ValueError(
            f"study: {shown(study)} is a place of a store. A study there goes on with --resume {shortened(study)}"
        )
    if ":" in study or study.endswith(".py"):
        if workload not in (None, study):
            raise ValueError(f"workload: {shown(workload)}, but {shown(study)} names it too. Give one of them")
        return config, {**flags, "workload": study}
    if (Path(study) / "study.json").is_file():
        raise ValueError(f"study: {shown(study)} has begun. Go on with it: --resume {shortened(study)}")
    if Path(f"{study}.py").is_file() or re.fullmatch(r"\w[\w.]*\.[A-Z]\w*", study):
        return config, {**flags, "workload": study}  # whose class is not told: the workload's own message names it
    near = difflib.get_close_matches(study, shipped, n=1)
    told = f"Did you mean {near[0]}?" if near else f"Give one of {', '.join(shipped)}, a YAML file or file.py:Class"
    raise ValueError(f"study: {shown(study)} is unknown. {told}")
