"""Which versions of its workload and data a study has had: `versions` in study.json, the one in force last.

Each has its number (`version`), since when it is in force (`since`, UTC) and its fingerprint: `source`, `data` and
`metrics`. A trial's row says by `workload_version` which one it was trained with.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from bs_study.store.paths import StudyPaths
from bs_study.store.study_json import asked_metrics, replace_asked

Version = Mapping[str, Any]


def known_versions(asked: Mapping[str, Any]) -> list[Version]:
    """Return the versions that study.json tells of, in order of time; none of a study that an older bs_study began."""
    versions = asked.get("versions")
    found = [one for one in versions if isinstance(one, dict)] if isinstance(versions, list) else []
    return [one for one in found if isinstance(one.get("version"), int) and one["version"] > 0]


def version_in_force(asked: Mapping[str, Any]) -> Version:
    """Return the newest version; of a study that an older bs_study began what study.json says anyway, as version 1."""
    versions = known_versions(asked)
    return versions[-1] if versions else _before_any(asked)


def _before_any(asked: Mapping[str, Any]) -> Version:
    sizes = {"train": asked.get("train_examples"), "held_out": asked.get("eval_examples")}
    data = {name: {"examples": size} for name, size in sizes.items() if isinstance(size, int)}
    return {"version": 1, "since": asked.get("created"), "data": data, "metrics": list(asked_metrics(asked))}


def metrics_of(asked: Mapping[str, Any], version: int | None) -> tuple[str, ...]:
    """Return the metrics that the evaluations of trials of a version have."""
    own = [one for one in known_versions(asked) if one["version"] == version]
    return asked_metrics(own[-1] if own and own[-1].get("metrics") else asked)


def add_version(paths: StudyPaths, version: Version, *, seen: Mapping[str, Any]) -> None:
    """Write study.json anew with a version that is in force from now on; call it under the study's lease.

    Args:
        paths: the study.
        version: its number and its fingerprint.
        seen: the content of study.json that was looked at.

    Raises:
        ValueError: study.json says something else by now.
    """
    before = known_versions(seen) or ([_before_any(seen)] if version["version"] > 1 else [])
    examples = {
        name: _examples(version, of) for name, of in (("train_examples", "train"), ("eval_examples", "held_out"))
    }
    dated = {"version": version["version"], "since": datetime.now(UTC).isoformat(timespec="seconds")} | dict(version)
    asked = {**seen, "metrics": version.get("metrics", ()), **examples, "versions": [*before, dated]}
    replace_asked(paths, asked, seen=seen)


def _examples(version: Version, data: str) -> int | None:
    """Return how many examples a set has; None where it is not known, as of a function that reads its data itself."""
    return int(version["data"][data]["examples"]) if "data" in version else None
