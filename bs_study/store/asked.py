"""What study.json says was asked of a study, read with care: anyone may have edited it."""

from __future__ import annotations

import json
from typing import Any

from pydantic import ValidationError

from bs_study.config import StudyConfig, one_line
from bs_study.config.asked import study_settings
from bs_study.store.faults import reason
from bs_study.store.paths import StudyPaths
from bs_study.store.schema import SCHEMA_VERSION, table_schema


def read_asked(paths: StudyPaths) -> dict[str, Any]:
    """Return the content of study.json.

    Raises:
        ValueError: it is no JSON, or no object.
        OSError: it can't be read.
    """
    try:
        asked = json.loads(paths.read(paths.study_json))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{paths.study_json} is damaged, no JSON: {reason(error)}") from error
    if not isinstance(asked, dict):
        raise ValueError(f"{paths.study_json} is damaged: it holds no object but a {type(asked).__name__}")
    return asked


def asked_config(paths: StudyPaths, asked: dict[str, Any]) -> StudyConfig:
    """Return the config of a study.

    Raises:
        ValueError: there is none, or none that this version understands.
    """
    try:
        stored = asked.get("config")
        return StudyConfig.model_validate(study_settings(stored) if isinstance(stored, dict) else stored)
    except ValidationError as error:
        newer = newer_version(paths, asked)
        raise ValueError(newer or f"{paths.study_json}: config is damaged: {one_line(error)}") from error


def newer_version(paths: StudyPaths, asked: dict[str, Any]) -> str | None:
    """Return a complaint if a newer version of bs-study has written the study."""
    version = asked.get("schema_version")
    if isinstance(version, int) and version > SCHEMA_VERSION:
        return f"{paths.study_json}: schema version {version} is newer than {SCHEMA_VERSION}. Upgrade bs-study"
    return None


def asked_metrics(asked: dict[str, Any]) -> tuple[str, ...]:
    """Return the metrics that evaluations have."""
    metrics = asked.get("metrics")
    taken = set(table_schema("evaluations").names)
    names = [m for m in metrics if isinstance(m, str) and m not in taken] if isinstance(metrics, list) else []
    return tuple(dict.fromkeys(names))
