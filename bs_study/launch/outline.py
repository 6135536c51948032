"""A study before anything of its workload is looked at: what is asked, where it lies, and what is wanted of it.

Nothing here loads torch, so that a dry run of a built-in workload does without.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from bs_study.config import LaunchOptions, StudyConfig
from bs_study.config.asked import asked
from bs_study.config.growth import grown
from bs_study.config.launch import resume_command
from bs_study.config.python_call import as_typed
from bs_study.grid import is_full_grid, refuse_shared_ids
from bs_study.search.full_grid import full_grid
from bs_study.search.record import Plan
from bs_study.store.going_on import study_to_go_on
from bs_study.store.own_trials import answered_trials
from bs_study.store.paths import StudyPaths, store_uri, study_paths
from bs_study.store.reader import Study
from bs_study.target import OpenTarget, definite
from bs_study.words import count, listing, one_line, shown
from bs_study.workloads.built_in import Known

MOST_NAMED = 5  # trials in a line

if TYPE_CHECKING:
    from bs_study.workloads.base import Workload
    from bs_study.workloads.black_box import BlackBox


def completed(config: StudyConfig, workload: Workload | BlackBox | Known) -> StudyConfig:
    """Return the config with the name and the target that it leaves to the workload."""
    return with_settings(config, name=config.name or workload.name, target=config.settings.target or workload.target)


def with_settings(config: StudyConfig, **settings: object) -> StudyConfig:
    """Return the config with other settings, looked at anew."""
    return asked(config.model_dump() | settings).config


class Resumed(NamedTuple):
    """A study to go on with: what is asked of it now, where it lies, and what study.json says if that is less."""

    config: StudyConfig
    paths: StudyPaths | None = None
    grows_from: Mapping[str, Any] | None = None


def resumed(config: StudyConfig, resume: str) -> Resumed:
    """Return the study to go on with, grown by what is asked, under the name that its folder has now."""
    study = study_to_go_on(resume)
    if isinstance(config.settings.target, OpenTarget):
        config = with_settings(config, target=definite(config.settings.target, study.directions))
    whole = grown(study.config, config, uri=study.paths.uri)
    refuse_shared_ids(whole)
    return Resumed(
        whole.model_copy(update={"name": study.name}),
        study_paths(study.paths.uri, patience_seconds=0),
        study.asked if whole != study.config else None,
    )


def existing(paths: StudyPaths, options: LaunchOptions, *, workload: str) -> str | None:
    """Return that a study lies at this place, and how to go on with it; None where there is none.

    Raises:
        ValueError: other files lie there, or the store can't be read.
    """
    try:
        is_study = paths.exists(paths.study_json)
        others = set(paths.names(paths.root)) - {"lease.json", "live"}  # which a start that was cut short leaves
    except OSError as error:
        raise ValueError(f"store: {paths.uri} can't be read: {error}") from error
    if others and not is_study:
        raise ValueError(f"name: {paths.uri} holds other files. Choose another --name")
    if not is_study:
        return None
    try:
        _ = study_to_go_on(paths.uri).config
    except ValueError as error:
        raise ValueError(
            f"name: {paths.uri} holds a study that can't go on: {error}. Mend it, or choose another --name"
        ) from error
    typed = as_typed(resume_command(paths.uri, options), workload=workload)
    return (
        f"name: {paths.name!r} exists already in {store_uri(paths)}. Continue it with `{typed}` (--seeds, --lrs, "
        "--batch-sizes or --recipes after that are added to it), or choose another --name"
    )


def wanted_plan(config: StudyConfig, study: Study) -> Plan:
    """Return what is wanted of a study, by the trials of its store that have ended."""
    try:
        if is_full_grid(config):
            return full_grid(config, answered=answered_trials(study, config=config))
        from bs_study.launch.course import Course  # with scipy, which a full grid does not wait for

        return Course(config, study).plan
    except OSError as error:
        raise ValueError(f"store: {study.paths.uri} can't be read: {one_line(error)}") from error


def trained_again(plan: Plan, study: Study) -> list[str]:
    """Return which trials are trained again, as a file of theirs was left out, in a line or none."""
    owners = {study.paths.owner(file) for file in study.left_out}
    again = [one.trial.trial_id for one in plan.wanted if one.trial.trial_id in owners] if owners else []
    named = listing(again) if len(again) <= MOST_NAMED else f"{again[0]} and {count(len(again) - 1)} others"
    return [f"{named}: trained again, since a file is left out"] if again else []


def refuse_large_batches(config: StudyConfig, examples: int) -> None:
    for batch_size in config.batch_sizes:
        if batch_size > examples:
            raise ValueError(
                f"batch_sizes: {batch_size} is larger than the training set of {shown(config.settings.workload)} "
                f"({examples} examples). Use batch sizes up to {examples}"
            )
