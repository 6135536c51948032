"""What a dry run prints: the trials that a study would train, or of many a summary, and nothing is started."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from bs_study.config import LaunchOptions, StudyConfig
from bs_study.config.recipe_names import named_recipes
from bs_study.grid import is_full_grid
from bs_study.launch.data_folder import refuse_missing_data
from bs_study.launch.outline import Resumed, completed, existing, refuse_large_batches, resumed, wanted_plan
from bs_study.launch.outlook import search_rules, trials_ahead
from bs_study.launch.versions import version_now
from bs_study.search.full_grid import full_grid
from bs_study.search.record import Plan, Wanted
from bs_study.store.own_trials import answered_trials
from bs_study.store.paths import StudyPaths, study_paths
from bs_study.store.reader import Study
from bs_study.store.study_json import read_asked
from bs_study.store.uris import study_uri
from bs_study.store.versions import version_in_force
from bs_study.store.warned import LeftOutWarning
from bs_study.target import Target
from bs_study.words import MOST_NAMED, count, counted, listing, setting, shortened
from bs_study.workloads.built_in import KNOWN, Known
from bs_study.workloads.source import built_in_hashes

MOST_LISTED = 100
"""Trials up to which each has its line; of more a summary is easier to read, and as quick to print."""
AT_EACH_END = 3


@dataclass(frozen=True)
class Outline:
    """What a study would do.

    Attributes:
        plan: what is wanted of it.
        ended: ids of its trials that have an answer.
        there: that a study lies at its place already, and how to go on with that; None where there is none.
        said: what is told of its version of workload and data.
    """

    config: StudyConfig
    paths: StudyPaths
    plan: Plan
    ended: Collection[str] = ()
    there: str | None = None
    said: str = ""


def outlined(
    config: StudyConfig, options: LaunchOptions, *, resume: str | None = None, accept_changes: bool = False
) -> Outline:
    """Return what a study would do, without torch where all that it needs to know of its workload is known.

    It takes and raises what `prepared` does.
    """
    known = KNOWN.get(config.settings.workload)
    if known is not None:
        grown = Resumed(config) if resume is None else resumed(config, resume)
        whole = grown._replace(config=completed(grown.config, known))
        if isinstance(whole.config.settings.target, Target):
            return _known_outline(whole, options, known, accept_changes=accept_changes)
    from bs_study.launch.prepare import prepared  # with torch, which the workload needs anyway

    study = prepared(config, options, resume=resume, is_dry_run=True, accept_changes=accept_changes)
    said = study.version.said if study.version else ""
    return Outline(study.config, study.paths, study.plan, study.ended, study.there, said)


def _known_outline(asked: Resumed, options: LaunchOptions, known: Known, *, accept_changes: bool) -> Outline:
    """Return what a study of a built-in workload would do, of which no data needs to be read."""
    config, paths, there, said, ended = asked.config, asked.paths, None, "", set[str]()
    refuse_missing_data(options, known)
    if paths is None:
        paths = study_paths(study_uri(options.store, str(config.name)), patience_seconds=0)
        there = existing(paths, options, workload=config.settings.workload)
        with warnings.catch_warnings():  # of a study that lies there by chance, nobody asks what is left out
            warnings.simplefilter("ignore", LeftOutWarning)
            ended = answered_trials(Study(paths)) if there else ended
            is_new_grid = there is not None and is_full_grid(config)
            plan = full_grid(config, answered=()) if is_new_grid else wanted_plan(config, Study(paths))
    else:
        plan = wanted_plan(config, Study(paths))
        said = _version_said(paths, accept_changes=accept_changes) if plan.wanted else ""
    refuse_large_batches(config, known.train_examples - config.settings.validation_examples)
    return Outline(config, paths, plan, ended, there, said)


def _version_said(paths: StudyPaths, *, accept_changes: bool) -> str:
    """Return what is told of the version of a built-in workload, as far as its files tell.

    Raises:
        ValueError: they are not what the study began with, and that is not accepted.
    """
    began = read_asked(paths)
    files = version_in_force(began).get("source")
    now = {"source": built_in_hashes(files)} if isinstance(files, dict) else {}
    return version_now(began, now, accept=accept_changes).said


def lines(outline: Outline, *, lists_all: bool = False) -> Iterator[str]:
    """Yield what a dry run prints, line by line.

    Args:
        outline: of the study.
        lists_all: each trial has its line, however many there are.
    """
    wanted = outline.plan.wanted
    if lists_all or len(wanted) <= MOST_LISTED:
        yield from (_line(one, outline.ended) for one in wanted)
    else:
        yield from _summary(outline)
    yield from search_rules(outline.config)
    if outline.said:
        yield outline.said
    ahead = trials_ahead(outline.config, outline.plan)
    yield f"{ahead} of {outline.config.settings.workload}, to {outline.paths.uri} (dry run, nothing was started)"
    if outline.there:
        yield f"{_ended(outline)} {outline.there}"


def _line(wanted: Wanted, ended: Collection[str]) -> str:
    trial, trial_id = wanted.trial, wanted.trial.trial_id
    recipe = f", {wanted.recipe}" if wanted.recipe else ""
    has_ended = ", has ended" if trial_id in ended else ""
    return f"{trial_id}  batch size {trial.batch_size}, lr {setting(trial.lr)}, seed {trial.seed}{recipe}{has_ended}"


def _summary(outline: Outline) -> Iterator[str]:
    wanted = outline.plan.wanted
    yield f"{counted(len(wanted), 'trial')}{' to begin with' if outline.plan.lanes else ''}:"
    trials = [one.trial for one in wanted]
    yield f"  batch sizes: {_values([trial.batch_size for trial in trials])}"
    yield f"  lrs: {_values([trial.lr for trial in trials])}"
    yield f"  seeds: {_values([trial.seed for trial in trials])}"
    names = list(dict.fromkeys(one.recipe for one in wanted))
    if len(named_recipes(outline.config)) > 1:
        named = listing(names) if len(names) <= MOST_NAMED else f"{count(len(names))}, from {names[0]} to {names[-1]}"
        yield f"  recipes: {shortened(named)}"
    yield from (f"  {_line(one, outline.ended)}" for one in wanted[:AT_EACH_END])
    yield f"  ... {count(len(wanted) - 2 * AT_EACH_END)} more (--all lists each)"
    yield from (f"  {_line(one, outline.ended)}" for one in wanted[-AT_EACH_END:])


def _values(values: Sequence[float]) -> str:
    """Return which values there are: each by name, or how many and their range."""
    found = sorted(set(values))
    if len(found) <= MOST_NAMED:
        return listing([setting(value) for value in found])
    return f"{count(len(found))}, from {setting(found[0])} to {setting(found[-1])}"


def _ended(outline: Outline) -> str:
    """Return how many trials of a study that exists have ended: of a full grid, of those that are asked for."""
    if not is_full_grid(outline.config):
        return f"{counted(len(outline.ended), 'trial')} {'has' if len(outline.ended) == 1 else 'have'} ended."
    ended = sum(one.trial.trial_id in outline.ended for one in outline.plan.wanted)
    return f"{ended or 'none'} of them {'has' if ended < 2 else 'have'} ended."
