"""Everything that is looked at before a study starts, so that bad input costs nothing."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import torch

from bs_study.config import LaunchOptions, StudyConfig, TrialConfig
from bs_study.config.asked import asked
from bs_study.config.growth import grown
from bs_study.config.launch import resume_command
from bs_study.grid import trials_to_run
from bs_study.launch.timing import lacks_timings
from bs_study.launch.versions import WorkloadVersion, version_now
from bs_study.store.commit import answered_trials
from bs_study.store.paths import StudyPaths, store_uri, study_paths, study_uri
from bs_study.store.reader import Study, open_study
from bs_study.store.schema import table_schema
from bs_study.store.study_json import create_study, grow_study, read_asked
from bs_study.training.batches import chosen_loader
from bs_study.training.data import DataSets, load_data
from bs_study.training.fingerprint import fingerprint
from bs_study.training.placement import Place
from bs_study.workloads.base import Workload, examples_in, load_workload
from bs_study.workloads.check_batch import Look, look_at


@dataclass(frozen=True)
class Prepared:
    """A study that is ready to start: its config with nothing left open, its trials, where they write and read.

    `grows_from` is what study.json said, where more is asked now; `version` that of its workload and data.
    """

    config: StudyConfig
    options: LaunchOptions
    paths: StudyPaths
    trials: Sequence[TrialConfig]
    place: Place
    data: DataSets | None
    train_examples: int
    eval_examples: int | None
    is_new: bool
    grows_from: Mapping[str, Any] | None
    version: WorkloadVersion | None
    warnings: Sequence[str]

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
                version=self.version.told if self.version else None,
            )
            return
        grown_to = None
        if self.grows_from is not None:
            grown_to = grow_study(self.paths, self.config, seen=self.grows_from)
        if self.version is not None and self.version.seen is not None:
            self.version.record(self.paths, seen=grown_to or self.version.seen)


def prepared(
    config: StudyConfig,
    options: LaunchOptions,
    *,
    resume: str | None = None,
    is_dry_run: bool = False,
    accept_changes: bool = False,
) -> Prepared:
    """Return the study that was asked for, looked at from all sides but its resources.

    Args:
        config: what it asks. What it leaves to the workload, its name and its target, is completed.
        options: where and how it runs.
        resume: folder or URI of the study to go on with, to which batch sizes, lrs, seeds and recipes may be added;
            all else must be the same. None begins one.
        is_dry_run: no data is read where the workload tells how much there is.
        accept_changes: whether the study goes on with another workload, or other data, than its trials began with.

    Raises:
        ValueError: a setting is wrong; the message says which and what would be right.
        FileNotFoundError: the data, or the study to resume, is not there.
    """
    config, paths, grows_from = _resumed(config, resume) if resume else _Resumed(config)
    workload = load_workload(config.settings.workload)
    config = _completed(config, workload)
    if paths is None:
        paths = study_paths(study_uri(options.store, str(config.name)), patience_seconds=0)
        _refuse_existing(paths, options)
    data, look = None, None
    examples = workload.train_examples and workload.train_examples - config.settings.validation_examples
    if not (is_dry_run and examples):
        data, look = _seen(config, workload, data_directory(options))
        examples = examples_in(data.train)
        chosen_loader(config.settings.loader, data.train, torch.device("cpu"))
    _check_batch_sizes(config, examples)
    trials = trials_to_run(config, ended=answered_trials(paths) if resume else set())
    version = None
    if trials or (options.timing and lacks_timings(Study(paths))):
        now = fingerprint(workload, data) | ({"metrics": list(look.metrics)} if look else {})
        version = version_now(read_asked(paths) if resume else None, now, accept=accept_changes)
    place = Place(
        replace(paths, patience_seconds=options.store_patience_seconds),
        data_dir=data_directory(options),
        metrics=version.metrics if version else (),
        workload_version=version.number if version else 1,
    )
    return Prepared(
        config,
        options,
        paths,
        trials,
        place,
        data,
        examples,
        eval_examples=examples_in(data.held_out) if data else None,
        is_new=not resume,
        grows_from=grows_from,
        version=version,
        warnings=look.warnings if look else (),
    )


def checked(config: StudyConfig, options: LaunchOptions, *, resume: str | None = None) -> tuple[StudyConfig, Look]:
    """Return what a look at the workload shows, whatever its grid; takes and raises what `prepared` does."""
    if resume:
        config = _resumed(config, resume).config
    workload = load_workload(config.settings.workload)
    config = _completed(config, workload)
    data, look = _seen(config, workload, data_directory(options))
    _check_batch_sizes(config, examples_in(data.train))
    return config, look


class _Resumed(NamedTuple):
    """A study to go on with: what is asked of it now, where it lies, and what study.json says if that is less."""

    config: StudyConfig
    paths: StudyPaths | None = None
    grows_from: Mapping[str, Any] | None = None


def _resumed(config: StudyConfig, resume: str) -> _Resumed:
    """Return the study to go on with, grown by what is asked, under the name that its folder has now."""
    study = open_study(resume)
    whole = grown(study.config, config, uri=study.paths.uri)
    return _Resumed(
        whole.model_copy(update={"name": study.name}),
        study_paths(study.paths.uri, patience_seconds=0),
        study.asked if whole != study.config else None,
    )


def _seen(config: StudyConfig, workload: Workload, data_dir: Path) -> tuple[DataSets, Look]:
    data = load_data(
        type(workload),
        data_dir,
        validation_examples=config.settings.validation_examples,
        validation_seed=config.settings.validation_seed,
    )
    look = look_at(workload, data.train, data.held_out)
    if data.test is not None:
        look = replace(look, metrics=(*look.metrics, *(f"test_{name}" for name in look.metrics)))
    _check_metrics(workload, look.metrics)
    _check_target(config, look.metrics)
    return data, look


def data_directory(options: LaunchOptions) -> Path:
    """Return the absolute folder of data sets: the setting, $BS_STUDY_DATA, or a cache folder."""
    folder = options.data_dir or os.environ.get("BS_STUDY_DATA") or Path.home() / ".cache" / "bs_study"
    return Path(folder).expanduser().absolute()


def _completed(config: StudyConfig, workload: Workload) -> StudyConfig:
    """Return the config with the name and the target that it leaves to the workload."""
    own = {"name": config.name or workload.name, "target": config.settings.target or workload.target}
    return asked(config.model_dump() | own).config


def _refuse_existing(paths: StudyPaths, options: LaunchOptions) -> None:
    try:
        is_study = paths.exists(paths.study_json)
        others = set(paths.names(paths.root)) - {"lease.json", "live"}  # which a start that was cut short leaves
    except OSError as error:
        raise ValueError(f"store: {paths.uri} can't be read: {error}") from error
    if others and not is_study:
        raise ValueError(f"name: {paths.uri} holds other files. Choose another --name")
    if is_study:
        raise ValueError(
            f"name: {paths.name!r} exists already in {store_uri(paths)}. Continue it with "
            f"`{resume_command(paths.uri, options)}` (--seeds, --lrs, --batch-sizes or --recipes after that are added "
            "to it), or choose another --name"
        )


def _check_metrics(workload: Workload, metrics: Sequence[str]) -> None:
    for name in metrics:
        if name in table_schema("evaluations").names:
            raise ValueError(f"{workload.name}.metrics: {name!r} is a column of every evaluation. Choose another name")


def _check_target(config: StudyConfig, metrics: Sequence[str]) -> None:
    target = config.settings.target
    if target is not None and target.metric not in metrics:
        raise ValueError(
            f"target: {target.metric!r} is no metric of {config.settings.workload}. "
            f"Its metrics are {', '.join(metrics)}"
        )


def _check_batch_sizes(config: StudyConfig, examples: int) -> None:
    for batch_size in config.batch_sizes:
        if batch_size > examples:
            raise ValueError(
                f"batch_sizes: {batch_size} is larger than the training set of {config.settings.workload!r} "
                f"({examples} examples). Use batch sizes up to {examples}"
            )
