"""The file study.json: what was asked of a study, and when. It is read with care, since anyone may have edited it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

from pydantic import ValidationError

from bs_study.config import StudyConfig, one_line
from bs_study.config.asked import FIELDS, study_settings
from bs_study.metric_names import Direction
from bs_study.store.asked_kinds import refuse_deep, sound, whole_number
from bs_study.store.believed import believed
from bs_study.store.faults import reason
from bs_study.store.imported import with_imported
from bs_study.store.paths import StudyPaths
from bs_study.store.schema import SCHEMA_VERSION, table_schema
from bs_study.store.swap import swap
from bs_study.version import __version__
from bs_study.words import shown

OLDER = {"eval_spacing": None, "trial_id_digits": 6}
"""What a study has been begun with whose config says nothing of it."""


def create_study(
    paths: StudyPaths,
    config: StudyConfig,
    *,
    metrics: Sequence[str],
    train_examples: int | None,
    eval_examples: int | None = None,
    directions: Mapping[str, Direction] | None = None,
    version: Mapping[str, Any] | None = None,
    imported: Mapping[str, Any] | None = None,
) -> None:
    """Write study.json, with which a study begins. It says what is asked, and not where or how that runs.

    Args:
        paths: of the study.
        config: what it asks.
        metrics: the metric columns of evaluations; none of a function, whose metrics are known once it reports them.
        train_examples: size of the training set; None where it is not known.
        eval_examples: size of the set that trials are judged by; None where it is not known.
        directions: which way metrics are better, of those whose workload tells.
        version: the fingerprint of workload and data, the first of `versions`; None where it is not known.
        imported: of a study of runs made elsewhere, as `with_imported` takes it.

    Raises:
        ValueError: a study has begun here already; it stays as it is.
    """
    created = datetime.now(UTC).isoformat(timespec="seconds")
    asked: dict[str, Any] = {
        "study": paths.name,
        "names": [paths.name],
        "schema_version": SCHEMA_VERSION,
        "package_version": __version__,
        "created": created,
        "metrics": list(metrics),
        "train_examples": train_examples,
        "eval_examples": eval_examples,
        "directions": dict(directions or {}),
        "config": config.model_dump(mode="json"),
    }
    asked = with_imported(asked, imported)
    if version is not None:
        asked["versions"] = [{"version": 1, "since": created, **version}]

    def begun(content: bytes | None) -> bytes:
        if content is not None:
            raise ValueError(
                f"name: {paths.name!r} was begun by another process meanwhile. Choose another --name, or go on with it "
                f"by --resume {paths.uri}"
            )
        return json.dumps(asked, indent=2).encode()

    swap(paths, paths.study_json, begun)


def grow_study(paths: StudyPaths, config: StudyConfig, *, seen: Mapping[str, Any]) -> dict[str, Any]:
    """Write study.json anew, as more is asked of the study, and return it; call it under the study's lease.

    `history` then lists what was asked, the first time included, in order: `asked` (UTC), `package_version`, `config`.

    Args:
        paths: the study.
        config: all that is asked of it now.
        seen: the content of study.json that this config has grown from.

    Raises:
        ValueError: study.json says something else by now.
    """
    first = {"asked": seen.get("created"), **{name: seen.get(name) for name in ("package_version", "config")}}
    now = {
        "asked": datetime.now(UTC).isoformat(timespec="seconds"),
        "package_version": __version__,
        "config": config.model_dump(mode="json"),
    }
    before = seen.get("history")
    history = [*(before if isinstance(before, list) and before else [first]), now]
    asked = {**seen, "config": now["config"], "history": history}
    replace_asked(paths, asked, seen=seen)
    return asked


def keep_name(paths: StudyPaths) -> None:
    """Add the name that a study's folder has now to those that its trials' rows may have; call it under its lease."""

    def named(content: bytes | None) -> bytes | None:
        asked = _parsed(paths, content) if content is not None else {}
        known = asked.get("names")
        if not isinstance(known, list) or paths.name in known:
            return None
        return json.dumps({**asked, "names": [*known, paths.name]}, indent=2).encode()

    swap(paths, paths.study_json, named)


def asked_names(paths: StudyPaths, asked: Mapping[str, Any]) -> set[str] | None:
    """Return the names that the study has had, which rows may have; None where an older version did not keep them."""
    names = asked.get("names")
    return {paths.name, *map(str, names)} if isinstance(names, list) else None


def replace_asked(paths: StudyPaths, asked: Mapping[str, Any], *, seen: Mapping[str, Any]) -> None:
    """Write study.json anew, unless it is not what was seen of it any more.

    Raises:
        ValueError: it is something else by now.
    """

    def replaced(content: bytes | None) -> bytes:
        if content is None or not _says(sound(_parsed(paths, content))[0], seen):
            raise ValueError(f"name: {paths.name!r} was changed by another process at this moment. Try it again")
        return json.dumps(asked, indent=2).encode()

    swap(paths, paths.study_json, replaced)


def _says(asked: Mapping[str, Any], seen: Mapping[str, Any]) -> bool:
    return json.dumps(asked, sort_keys=True) == json.dumps(seen, sort_keys=True)  # NaN is no equal of itself


def read_asked(paths: StudyPaths) -> dict[str, Any]:
    """Return the content of study.json, without values that are not of their kind.

    Raises:
        ValueError: it is no JSON, or no object.
        OSError: it can't be read.
    """
    return read_study_json(paths)[0]


def read_study_json(paths: StudyPaths) -> tuple[dict[str, Any], list[str]]:
    """Return what `read_asked` does, and what is wrong with the values that it leaves out."""
    return sound(believed(paths, paths.study_json, partial(_parsed, paths)))


def _parsed(paths: StudyPaths, content: bytes) -> dict[str, Any]:
    try:
        asked = json.loads(content, parse_int=whole_number)
        refuse_deep(asked)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{paths.study_json} is damaged, no JSON that can be read: {reason(error)}") from error
    if not isinstance(asked, dict):
        raise ValueError(f"{paths.study_json} is damaged: it holds no object but {shown(asked)}")
    return asked


def asked_config(paths: StudyPaths, asked: Mapping[str, Any]) -> StudyConfig:
    """Return the config of a study, which means what it meant when it was written.

    Raises:
        ValueError: there is none, or none that this version understands.
    """
    stored = asked.get("config")
    if not isinstance(stored, dict):
        raise ValueError(f"{paths.study_json} is damaged: config is {shown(stored)}, no object of settings")
    try:
        # A study of an older version stored all settings that it knew: it goes on as it was begun.
        known = OLDER | study_settings(stored)
        return StudyConfig.model_validate(known)
    except ValidationError as error:
        newer = newer_version(paths, asked)
        raise ValueError(newer or f"{paths.study_json}: config is damaged: {one_line(error, known=FIELDS)}") from error


def complaints(paths: StudyPaths) -> list[str]:
    """Return what is wrong with study.json, a line each: of a newer version that alone, as the rest may follow from it.

    Raises:
        OSError: it can't be read.
    """
    told: list[str] = []
    try:
        asked, faults = read_study_json(paths)
        newer = newer_version(paths, asked)
        if newer:
            return [newer]
        told = [f"{paths.study_json}: left out, {fault}" for fault in faults]
        asked_config(paths, asked)
    except ValueError as error:
        told.append(str(error))
    return told


def newer_version(paths: StudyPaths, asked: Mapping[str, Any]) -> str | None:
    """Return a complaint if a newer version of bs-study has written the study."""
    version = asked.get("schema_version")
    if isinstance(version, int) and version > SCHEMA_VERSION:
        return f"{paths.study_json}: schema version {version} is newer than {SCHEMA_VERSION}. Upgrade bs-study"
    return None


def asked_directions(asked: Mapping[str, Any]) -> dict[str, Direction]:
    """Return which way metrics are better, of those whose workload told; older studies have none."""
    told = asked.get("directions")
    return {name: way for name, way in told.items() if way in ("max", "min")} if isinstance(told, dict) else {}


def times_asked(asked: Mapping[str, Any]) -> int:
    """Return how often more was asked of the study, the first time included."""
    history = asked.get("history")
    return max(1, len(history)) if isinstance(history, list) else 1


def is_of_function(asked: Mapping[str, Any]) -> bool:
    """Return whether a function trains by itself: no metrics are known before it reports them."""
    return asked.get("metrics") == []


def asked_metrics(asked: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the metrics that evaluations have."""
    metrics = asked.get("metrics")
    taken = set(table_schema("evaluations").names)
    names = [m for m in metrics if isinstance(m, str) and m not in taken] if isinstance(metrics, list) else []
    return tuple(dict.fromkeys(names))
