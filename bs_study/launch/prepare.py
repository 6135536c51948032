"""Everything that is looked at before a study starts, so that bad input costs nothing."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import torch

from bs_study.command_line import Request, checked_config, refuse_flags_of_recipes, study_config
from bs_study.config import NOT_CONTRADICTING, StudyConfig, TrialConfig
from bs_study.grid import trials_to_run
from bs_study.store.commit import answered_trials
from bs_study.store.paths import StudyPaths, store_uri, study_paths, study_uri
from bs_study.store.reader import open_study
from bs_study.store.schema import table_schema
from bs_study.store.study_json import create_study
from bs_study.target import Target
from bs_study.training.batches import chosen_loader
from bs_study.training.data import DataSets, load_data
from bs_study.training.surroundings import Surroundings
from bs_study.workloads.base import Workload, examples_in, load_workload
from bs_study.workloads.check_batch import Look, look_at


@dataclass(frozen=True)
class Prepared:
    """A study that is ready to start: its config with nothing left open, its trials, where they write and read."""

    config: StudyConfig
    paths: StudyPaths
    trials: Sequence[TrialConfig]
    surroundings: Surroundings
    train_examples: int
    is_new: bool
    warnings: Sequence[str]

    def create(self) -> None:
        """Let the study begin in its store; call it under the study's lease, which found the store writable."""
        if self.is_new:
            create_study(self.paths, self.config, metrics=self.surroundings.metrics, train_examples=self.train_examples)


def prepared(request: Request) -> Prepared:
    """Return the study that was asked for, looked at from all sides but its resources.

    Raises:
        ValueError: a setting is wrong; the message says which and what would be right.
        FileNotFoundError: the data, or the study to resume, is not there.
    """
    config, workload = _asked(request)
    paths = study_paths(study_uri(config.store, str(config.name)), patience_seconds=0)
    if not request.resume:
        _refuse_existing(paths)
    data, look = None, None
    examples = workload.train_examples and workload.train_examples - config.validation_examples
    if not (request.dry_run and examples):
        data, look = _seen(config, workload)
        examples = examples_in(data.train)
        chosen_loader(config.loader, data.train, torch.device("cpu"))
    _check_batch_sizes(config, examples)
    ended = answered_trials(paths) if request.resume else set()
    surroundings = Surroundings(
        study=paths.uri,
        data_dir=data_directory(config),
        metrics=look.metrics if look else (),
        device="cpu",
        threads=config.cpus_per_trial,
        loader_processes=_loader_processes(config),
        checkpoint_seconds=config.checkpoint_seconds,
        store_patience_seconds=config.store_patience_seconds,
        trial_timeout=config.trial_timeout,
        launched=datetime.now(UTC),
        data=data,
    )
    return Prepared(
        config,
        paths,
        trials_to_run(config, ended=ended),
        surroundings,
        examples,
        is_new=not request.resume,
        warnings=look.warnings if look else (),
    )


def checked(request: Request) -> tuple[StudyConfig, Look]:
    """Return what a look at the workload shows, whatever its grid; raises what `prepared` raises."""
    config, workload = _asked(request)
    data, look = _seen(config, workload)
    _check_batch_sizes(config, examples_in(data.train))
    return config, look


def _asked(request: Request) -> tuple[StudyConfig, Workload]:
    """Return the config, with nothing left open, and its workload."""
    if "workload" in request.flags:
        load_workload(request.flags["workload"])  # a wrong name, before what it leaves open is missed
    config = _resumed_config(request) if request.resume else study_config(request)
    workload = load_workload(config.workload)
    return _completed(config, workload), workload


def _seen(config: StudyConfig, workload: Workload) -> tuple[DataSets, Look]:
    data = load_data(
        type(workload),
        data_directory(config),
        validation_examples=config.validation_examples,
        validation_seed=config.validation_seed,
    )
    look = look_at(workload, data.train, data.held_out)
    if data.test is not None:
        look = replace(look, metrics=(*look.metrics, *(f"test_{name}" for name in look.metrics)))
    _check_metrics(workload, look.metrics)
    _check_target(config, look.metrics)
    return data, look


def _loader_processes(config: StudyConfig) -> int:
    """Return how many processes read batches ahead of each trial: none unless they are asked for."""
    if config.loader_processes is not None:
        return config.loader_processes
    return config.cpus_per_trial if config.loader == "workers" else 0


def data_directory(config: StudyConfig) -> Path:
    """Return the absolute folder of data sets: the setting, $BS_STUDY_DATA, or a cache folder."""
    folder = config.data_dir or os.environ.get("BS_STUDY_DATA") or Path.home() / ".cache" / "bs_study"
    return Path(folder).expanduser().absolute()


def _resumed_config(request: Request) -> StudyConfig:
    study = open_study(str(request.resume))
    refuse_flags_of_recipes(request.flags, study.config)
    stored = study.config.model_dump(mode="json")
    asked = checked_config(stored | request.flags).model_dump(mode="json")
    for name in request.flags:
        if name not in NOT_CONTRADICTING and asked[name] != stored[name]:
            raise ValueError(
                f"{name}: {asked[name]} contradicts the study, which has {stored[name]}. Leave it out, or start another"
            )
    return checked_config(asked | {"store": store_uri(study.paths), "name": study.name})


def _completed(config: StudyConfig, workload: Workload) -> StudyConfig:
    """Return the config with the name and the target that it leaves to the workload."""
    own = {"name": config.name or workload.name, "target": config.target or str(workload.target)}
    return checked_config(config.model_dump() | own)


def _refuse_existing(paths: StudyPaths) -> None:
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
            f"`python sweeps/grid.py --resume {shlex.quote(paths.uri)}`, or choose another --name"
        )


def _check_metrics(workload: Workload, metrics: Sequence[str]) -> None:
    for name in metrics:
        if name in table_schema("evaluations").names:
            raise ValueError(f"{workload.name}.metrics: {name!r} is a column of every evaluation. Choose another name")


def _check_target(config: StudyConfig, metrics: Sequence[str]) -> None:
    target = Target.parse(config.target or "")
    if target.metric not in metrics:
        raise ValueError(
            f"target: {target.metric!r} is no metric of {config.workload}. Its metrics are {', '.join(metrics)}"
        )


def _check_batch_sizes(config: StudyConfig, examples: int) -> None:
    for batch_size in config.batch_sizes:
        if batch_size > examples:
            raise ValueError(
                f"batch_sizes: {batch_size} is larger than the training set of {config.workload!r} "
                f"({examples} examples). Use batch sizes up to {examples}"
            )
