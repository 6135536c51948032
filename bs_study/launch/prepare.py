"""Everything that is looked at before a study starts, so that bad input costs nothing."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import torch

from bs_study.config import LaunchOptions, StudyConfig, TrialConfig
from bs_study.config.black_box import UNHEEDED
from bs_study.grid import is_full_grid
from bs_study.launch.black_box import ready_black_box
from bs_study.launch.changes_first import changes_told_first
from bs_study.launch.data_folder import data_directory, refuse_missing_data
from bs_study.launch.outline import (
    Resumed,
    completed,
    existing,
    refuse_large_batches,
    resumed,
    trained_again,
    wanted_plan,
)
from bs_study.launch.seen import named, seen
from bs_study.launch.timing import may_lack_timings
from bs_study.launch.versions import WorkloadVersion, version_now
from bs_study.metric_names import Direction
from bs_study.search.full_grid import full_grid
from bs_study.search.record import Plan
from bs_study.store.own_trials import answered_trials
from bs_study.store.paths import StudyPaths, study_paths
from bs_study.store.reader import Study
from bs_study.store.study_json import create_study, grow_study, keep_name, read_asked
from bs_study.store.uris import study_uri
from bs_study.store.versions import version_in_force
from bs_study.target import Target
from bs_study.training.batches import chosen_loader
from bs_study.training.data import DataSets
from bs_study.training.fingerprint import fingerprint
from bs_study.training.placement import Place
from bs_study.workloads.base import Workload, examples_in, load_workload
from bs_study.workloads.black_box import BlackBox
from bs_study.workloads.check_batch import Look
from bs_study.workloads.check_target import known_directions


@dataclass(frozen=True)
class Prepared:
    """A study that is ready to start: its config with nothing left open, what is wanted, where trials write and read.

    Of a function that trains by itself, `data` and both numbers of examples are not known. `grows_from` is what
    study.json said, where more is asked now; `version` that of its workload and data, or None where no trial and no
    timing is left to run. `there` says that a dry run found its study in the store already, and which trials have
    `ended` there.
    """

    config: StudyConfig
    options: LaunchOptions
    paths: StudyPaths
    plan: Plan
    place: Place
    data: DataSets | None
    train_examples: int | None
    eval_examples: int | None
    directions: Mapping[str, Direction]
    is_new: bool
    grows_from: Mapping[str, Any] | None
    version: WorkloadVersion | None
    warnings: Sequence[str]
    there: str | None = None
    ended: Collection[str] = ()

    @property
    def is_black_box(self) -> bool:
        """Whether a function trains by itself, of which no batch size can be timed."""
        return bool(self.place.unheeded)

    @property
    def trials(self) -> list[TrialConfig]:
        """The trials that are wanted now, in order; a search may want more once they have ended."""
        return [wanted.trial for wanted in self.plan.wanted]

    def create(self) -> None:
        """Let the study begin, or grow, in its store; call it under its lease, which found the store writable.

        Raises:
            ValueError: another process has let it grow meanwhile.
        """
        if self.is_new:
            create_study(
                self.paths,
                self.config,
                metrics=self.place.metrics,
                train_examples=self.train_examples,
                eval_examples=self.eval_examples,
                directions=self.directions,
                version=self.version.told if self.version else None,
            )
            return
        grown_to = None
        if self.grows_from is not None:
            grown_to = grow_study(self.paths, self.config, seen=self.grows_from)
        if self.version is not None and self.version.seen is not None:
            self.version.record(self.paths, seen=grown_to or self.version.seen)
        keep_name(self.paths)


def prepared(
    config: StudyConfig,
    options: LaunchOptions,
    *,
    resume: str | None = None,
    is_dry_run: bool = False,
    accept_changes: bool = False,
    before_data: Callable[[], object] = lambda: None,
) -> Prepared:
    """Return the study that was asked for, looked at from all sides but its resources.

    Args:
        config: what it asks. What it leaves to the workload, its name and its target, is completed.
        options: where and how it runs.
        resume: folder or URI of the study to go on with, to which batch sizes, lrs, seeds and recipes may be added;
            all else must be the same. None begins one.
        is_dry_run: no data is read where the workload tells how much there is, and the study may exist.
        accept_changes: whether the study goes on with another workload, or other data, than its trials began with.
        before_data: called when all that takes no time has been looked at, and before data is read.

    Raises:
        ValueError: a setting is wrong; the message says which and what would be right.
        FileNotFoundError: the data, or the study to resume, is not there.
    """
    config = named(config)
    config, paths, grows_from = Resumed(config) if resume is None else resumed(config, resume)
    workload = load_workload(config.settings.workload)
    config = completed(config, workload)
    if isinstance(workload, BlackBox):
        config = ready_black_box(config, options)
    else:
        refuse_missing_data(options, workload)
    there = None
    if paths is None:
        paths = study_paths(study_uri(options.store, str(config.name)), patience_seconds=0)
        there = existing(paths, options, workload=config.settings.workload)
        if there and not is_dry_run:
            raise ValueError(there)
    began = read_asked(paths) if resume is not None else None
    known = None if isinstance(workload, BlackBox) else workload.train_examples
    if known:
        refuse_large_batches(config, known - config.settings.validation_examples)
    before_data()
    with changes_told_first(None if accept_changes else began, config, workload, options):
        config, data, look, examples, directions = _looked_at(config, workload, options, is_dry_run=is_dry_run)
    study = Study(paths)
    ended = answered_trials(study) if there else set()
    plan = full_grid(config, answered=()) if there and is_full_grid(config) else wanted_plan(config, study)
    version = None
    if plan.wanted or (options.timing and may_lack_timings(study, config, options)):
        before = version_in_force(began) if began else None
        now = fingerprint(workload, data, before=before) | ({"metrics": list(look.metrics)} if look else {})
        version = version_now(began, now, accept=accept_changes)
    if examples is not None:
        refuse_large_batches(config, examples)
    place = Place(
        replace(paths, patience_seconds=options.store_patience_seconds),
        data_dir=data_directory(options),
        metrics=version.metrics if version else (),
        loss_batch=look.loss_batch if look else None,
        workload_version=version.number if version else 1,
        unheeded=UNHEEDED if isinstance(workload, BlackBox) else (),
    )
    return Prepared(
        config,
        options,
        paths,
        plan,
        place,
        data,
        examples,
        eval_examples=examples_in(data.held_out) if data else None,
        directions=directions,
        is_new=resume is None,
        grows_from=grows_from,
        version=version,
        warnings=(*trained_again(plan, study), *(look.warnings if look else ())),
        there=there,
        ended=ended,
    )


class _Found(NamedTuple):
    """What a look shows: the config with its target, data, the look itself, and which way metrics are better."""

    config: StudyConfig
    data: DataSets | None = None
    look: Look | None = None
    train_examples: int | None = None
    directions: Mapping[str, Direction] = {}


def _looked_at(
    config: StudyConfig, workload: Workload | BlackBox, options: LaunchOptions, *, is_dry_run: bool
) -> _Found:
    """Return what is known of a workload: of a function nothing; in a dry run what it tells, where that is enough."""
    if isinstance(workload, BlackBox):
        return _Found(config)
    examples = workload.train_examples and workload.train_examples - config.settings.validation_examples
    if is_dry_run and examples and isinstance(config.settings.target, Target):
        return _Found(config, train_examples=examples, directions=known_directions(workload, {}))
    config, data, look = seen(config, workload, options)
    chosen_loader(config.settings.loader, data.train, torch.device("cpu"))
    return _Found(config, data, look, examples_in(data.train), known_directions(workload, look.kinds))


def checked(
    config: StudyConfig, options: LaunchOptions, *, resume: str | None = None, has_grid: bool = True
) -> tuple[StudyConfig, Look | None]:
    """Return what a look at the workload shows, None of a function; takes and raises what `prepared` does.

    `has_grid` says whether batch sizes were asked for: where one only stands for them, it is not tried.
    """
    config = named(config)
    if resume is not None:
        config = resumed(config, resume).config
    workload = load_workload(config.settings.workload)
    if isinstance(workload, BlackBox):
        return config, None
    refuse_missing_data(options, workload)
    config, data, look = seen(completed(config, workload), workload, options, has_grid=has_grid)
    refuse_large_batches(config, examples_in(data.train))
    return config, look
