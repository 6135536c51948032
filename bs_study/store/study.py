"""The file study.json: what was asked of a study."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime

import bs_study
from bs_study.config import StudyConfig
from bs_study.store.paths import StudyPaths
from bs_study.store.schema import SCHEMA_VERSION


def create_study(paths: StudyPaths, config: StudyConfig, *, metrics: Sequence[str], train_examples: int) -> None:
    """Write study.json, with which a study begins. Where its store lies is left out, so that it can be moved."""
    asked = {
        "study": paths.name,
        "schema_version": SCHEMA_VERSION,
        "package_version": bs_study.__version__,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "metrics": list(metrics),
        "train_examples": train_examples,
        "config": config.model_dump(mode="json", exclude={"store"}),
    }
    paths.write(paths.study_json, json.dumps(asked, indent=2).encode())
