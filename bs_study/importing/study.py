"""A study of imported runs, as every report reads it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
from pydantic import ValidationError

from bs_study.config import StudyConfig, TrialConfig, one_line
from bs_study.config.study import DEVICE, STUDY_NAME
from bs_study.grid import at_batch_size, cell_trial
from bs_study.importing.record import Run
from bs_study.importing.runs import Imported
from bs_study.store.commit import commit_whole
from bs_study.store.imported import refuse_taken
from bs_study.store.paths import StudyPaths, study_paths
from bs_study.store.study_json import create_study
from bs_study.store.uris import study_uri
from bs_study.store.writer import whole_tables
from bs_study.target import Target
from bs_study.version import __version__
from bs_study.words import shown

WORKLOAD = "imported"


def imported_config(runs: Sequence[Run], target: Target) -> StudyConfig:
    """Return the config of a study of these runs. Of all its settings, only those that runs tell are stored.

    Raises:
        ValueError: a number can't be one of a study.
    """
    try:
        return StudyConfig.model_validate(
            {
                "workload": WORKLOAD,
                "batch_sizes": sorted({run.cell.batch_size for run in runs}),
                "lrs": sorted({run.cell.lr for run in runs}),
                "seeds": sorted({run.cell.seed for run in runs}),
                "target": target,
                "max_iterations": max(run.last.iteration for run in runs),
                "eval_spacing": None,
                "warmup_iterations": 0,  # the clock of a run is taken to cover all of its iterations
            }
        )
    except ValidationError as error:
        raise ValueError(one_line(error)) from error


def free_place(store: str, name: str) -> StudyPaths:
    """Return where a study is to be.

    Raises:
        ValueError: the name can't be a study's; or a study, or something else, is there.
    """
    if not STUDY_NAME.fullmatch(name) or DEVICE.fullmatch(name):
        raise ValueError(
            f"study: {shown(name)} can't be a study's folder. Use up to 100 letters, digits, '.', '_' and '-', a "
            "letter or digit first and no '.' last"
        )
    paths = study_paths(study_uri(store, name))
    refuse_taken(paths)
    return paths


def write_study(paths: StudyPaths, imported: Imported, *, target: Target, sources: Sequence[str]) -> None:
    """Write a study of imported runs; of one that can't be written whole nothing stays.

    Raises:
        ValueError: a study has begun there meanwhile, or a number can't be one of a study.
        OSError: the store can't be written to.
    """
    config = imported_config(imported.runs, target)
    cells = [[run.cell.batch_size, run.cell.lr, run.cell.seed] for run in imported.runs]
    create_study(
        paths,
        config,
        metrics=imported.metrics,
        train_examples=None,
        directions={target.metric: target.direction},
        imported={"from": list(sources), "trials": cells},
    )
    try:
        sized = {size: at_batch_size(config.settings, size) for size in config.batch_sizes}
        for run in imported.runs:
            cell = run.cell
            trial = cell_trial(sized[cell.batch_size], batch_size=cell.batch_size, lr=cell.lr, seed=cell.seed or 0)
            _write(paths, trial, run, metrics=imported.metrics, target=target)
    except BaseException:
        paths.remove(paths.root)
        raise


def _write(paths: StudyPaths, trial: TrialConfig, run: Run, *, metrics: Sequence[str], target: Target) -> None:
    looks = {
        "iteration": [look.iteration for look in run.looks],
        "examples": [look.examples for look in run.looks],
        "train_seconds": [look.seconds for look in run.looks],
        **{name: [look.metrics.get(name) for look in run.looks] for name in metrics},
    }
    iterations = {
        "iteration": np.arange(1, len(run.losses) + 1),
        "examples": list(run.examples),
        "loss": list(run.losses),
    }
    tables = whole_tables(paths, trial, metrics=metrics, iterations=iterations, evaluations=looks)
    commit_whole(paths, trial, tables=tables, outcome=_outcome(trial, run, target), attempts=1)


def _outcome(trial: TrialConfig, run: Run, target: Target) -> Mapping[str, Any]:
    """Return the trial's row but for its keys: null where the runs do not tell, as of most settings."""
    unknown = dict.fromkeys(type(trial.settings).model_fields)
    reason = "non_finite" if run.has_diverged else "target" if run.is_target_its_end else "ended"
    return unknown | {
        "workload": WORKLOAD,
        "target": str(target),
        "warmup_iterations": trial.settings.warmup_iterations,
        "status": "diverged" if run.has_diverged else "completed",
        "stop_reason": reason,
        "message": run.message,
        "iterations": run.last.iteration,
        "examples": run.last.examples,
        "train_seconds": run.last.seconds,
        "initial_metric": run.initial.get(target.metric),
        "bs_study_version": __version__,
        "end_time": datetime.now(UTC),
    }
