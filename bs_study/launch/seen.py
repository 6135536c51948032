"""What is seen of a workload before its study starts: its names, its data, its metrics and its target."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import replace

import torch

from bs_study.config import LaunchOptions, StudyConfig
from bs_study.launch.data_folder import data_directory
from bs_study.launch.look_at_parts import parts_warnings
from bs_study.launch.outline import with_settings
from bs_study.target import Target
from bs_study.training.data import DataSets, load_data
from bs_study.training.metric_columns import TEST, refuse_bad_columns
from bs_study.workloads.base import Workload, load_workload
from bs_study.workloads.black_box import BlackBox
from bs_study.workloads.check_batch import Look, look_at
from bs_study.workloads.check_shapes import Sizes
from bs_study.workloads.check_target import chosen_target, initial_metric, known_directions, target_warnings
from bs_study.workloads.names import canonical_name


def named(config: StudyConfig) -> StudyConfig:
    """Return the config with one name for its workload, however its file was typed: trial ids hold the name."""
    workload = load_workload(config.settings.workload)  # which says what is wrong with the name
    if not isinstance(workload, BlackBox):
        config.settings.refuse_endless()
    name = canonical_name(config.settings.workload)
    settings = config.settings.model_copy(update={"workload": name})
    return config.model_copy(update={"settings": settings})


def data_of(config: StudyConfig, workload: Workload, options: LaunchOptions) -> DataSets:
    """Return the data sets that the trials of a study are to train on and be judged by."""
    return load_data(
        type(workload),
        data_directory(options),
        validation_examples=config.settings.validation_examples,
        validation_seed=config.settings.validation_seed,
    )


def seen(
    config: StudyConfig, workload: Workload, options: LaunchOptions, *, has_grid: bool = True
) -> tuple[StudyConfig, DataSets, Look]:
    """Return what a look at workload and target shows, and the config with a target that has a direction."""
    data = data_of(config, workload, options)  # by all threads: sums may depend on how many there are
    with _a_core_for_ray(options):
        return _looked_at(config, workload, data, has_grid=has_grid)


@contextlib.contextmanager
def _a_core_for_ray(options: LaunchOptions) -> Iterator[None]:
    """Leave a core to the Ray that comes up meanwhile: threads that wait for one that has none spin, on all others."""
    threads = torch.get_num_threads()
    torch.set_num_threads(threads if options.local else max(1, threads - 1))
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _looked_at(
    config: StudyConfig, workload: Workload, data: DataSets, *, has_grid: bool
) -> tuple[StudyConfig, DataSets, Look]:
    sizes = Sizes(config.batch_sizes if has_grid else (), config.settings.eval_batch_size)
    look = look_at(workload, data.train, data.held_out, sizes=sizes, test=data.test)
    look = replace(look, warnings=(*look.warnings, *parts_warnings(config, workload, data.train)))
    refuse_bad_columns(f"{workload.name}.metrics", look.metrics, has_test=data.test is not None)
    if data.test is not None:
        of_test = {f"{TEST}{name}": kind for name, kind in look.kinds.items()}
        look = replace(look, metrics=(*look.metrics, *of_test), kinds={**look.kinds, **of_test})
    target = chosen_target(workload, config.settings.target, look.kinds)
    warnings = _target_warnings(workload, target, config, data=data, look=look)
    return with_settings(config, target=target), data, replace(look, warnings=(*look.warnings, *warnings))


def _target_warnings(
    workload: Workload, target: Target, config: StudyConfig, *, data: DataSets, look: Look
) -> Sequence[str]:
    held_out, metric = data.held_out, target.metric
    if data.test is not None and metric.startswith(TEST):
        held_out, metric = data.test, metric.removeprefix(TEST)
    initial = initial_metric(workload, held_out, metric, batch_size=config.settings.eval_batch_size)
    return target_warnings(
        target, look.kinds[target.metric], initial, own=known_directions(workload, {}).get(target.metric)
    )
