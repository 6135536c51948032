"""Experiment trackers: TensorBoard, Weights & Biases and MLflow are handed the evaluations of each trial that ends.

They read what the trial committed, in a thread of the driver, so that no trial waits for a tracker that is slow or
fails; the store remains what counts.
"""

from __future__ import annotations

import importlib
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from queue import Queue
from typing import Any, Self

import pandas as pd

from bs_study.config import LaunchOptions, TrialConfig
from bs_study.launch.failures import failure_message
from bs_study.launch.launcher import Watcher
from bs_study.store.paths import StudyPaths
from bs_study.store.reader import Study
from bs_study.store.schema import KEYS
from bs_study.training.progress import Ending, Progress
from bs_study.words import duration

Tracker = Callable[[TrialConfig, Ending, pd.DataFrame], None]
"""Takes a trial, how it ended, and a row per evaluation: `iteration`, clocks and metrics."""

LAST_SECONDS = 60.0  # how long trackers that lag behind are waited for at the end of a study
LAST_SECONDS_INTERRUPTED = 3.0
NEEDS = {"tensorboard": "tensorboardX", "wandb": "wandb", "mlflow": "mlflow"}


def chosen_trackers(options: LaunchOptions, paths: StudyPaths) -> list[Tracker]:
    """Return the trackers that the options turn on.

    Raises:
        ValueError: one is not installed, or has no place to write to.
    """
    chosen = [name for name in NEEDS if getattr(options, name)]
    for name in chosen:
        if find_spec(NEEDS[name]) is None:
            raise ValueError(f"{name}: is not installed. Run: pip install {NEEDS[name]}, or leave --{name} out")
    make = {"tensorboard": _tensorboard, "wandb": _wandb, "mlflow": _mlflow}
    return [make[name](paths) for name in chosen]


def _series(evaluations: pd.DataFrame) -> list[tuple[int, dict[str, float]]]:
    """Return the iteration of each evaluation and its numbers."""
    numbers = evaluations.drop(columns=[*KEYS, "iteration"]).to_dict("records")
    named = [{str(name): value for name, value in row.items()} for row in numbers]
    return list(zip((int(i) for i in evaluations["iteration"]), named, strict=True))


def _tensorboard(paths: StudyPaths) -> Tracker:
    from tensorboardX import SummaryWriter  # type: ignore[import-untyped]

    # Not where the study was started: a job of Ray runs in a folder that goes with it.
    folder = Path(paths.root) if paths.is_local else Path.home() / "bs_study" / paths.name

    def track(trial: TrialConfig, ending: Ending, evaluations: pd.DataFrame) -> None:
        with SummaryWriter(str(folder / "tensorboard" / trial.trial_id)) as writer:
            for iteration, numbers in _series(evaluations):
                for name, value in numbers.items():
                    writer.add_scalar(name, value, global_step=iteration)

    return track


def _wandb(paths: StudyPaths) -> Tracker:
    wandb: Any = importlib.import_module("wandb")

    def track(trial: TrialConfig, ending: Ending, evaluations: pd.DataFrame) -> None:
        run = wandb.init(
            project=f"bs_study-{paths.name}",
            name=trial.trial_id,
            config=trial.model_dump(),
            reinit="finish_previous",
            settings=wandb.Settings(silent=True, console="off"),
        )
        for iteration, numbers in _series(evaluations):
            run.log(numbers, step=iteration)
        run.summary.update({"status": ending.status, "stop_reason": ending.stop_reason})
        run.finish()

    return track


def _mlflow(paths: StudyPaths) -> Tracker:
    mlflow: Any = importlib.import_module("mlflow")
    try:
        mlflow.MlflowClient()  # asks no server yet
    except mlflow.exceptions.MlflowException as error:
        where = "Set MLFLOW_TRACKING_URI to your server, as http://localhost:5000"
        raise ValueError(f"mlflow: {str(error).strip().partition('.')[0]}. {where}") from error

    def track(trial: TrialConfig, ending: Ending, evaluations: pd.DataFrame) -> None:
        mlflow.set_experiment(f"bs_study-{paths.name}")
        with mlflow.start_run(run_name=trial.trial_id):
            mlflow.log_params(trial.model_dump())
            mlflow.set_tags({"status": ending.status, "stop_reason": ending.stop_reason})
            for iteration, numbers in _series(evaluations):
                mlflow.log_metrics(numbers, step=iteration)

    return track


@dataclass
class TrackedWatcher:
    """A Watcher that also hands each trial that ends to trackers; leaving it waits for them, a while.

    One that raises is told of no more trials: a server that does not answer would hold up the others at each.
    """

    watcher: Watcher
    trackers: list[Tracker]
    study: Study
    _ended: Queue[tuple[TrialConfig, Ending] | None] = field(default_factory=Queue)

    def __enter__(self) -> Self:
        # A daemon, so that one that hangs does not keep the study from ending.
        self._thread = threading.Thread(target=self._track, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, interrupted: object, *_: object) -> None:
        self._ended.put(None)
        seconds = LAST_SECONDS if not interrupted else LAST_SECONDS_INTERRUPTED
        self._thread.join(seconds)
        if self._thread.is_alive():
            left = self._ended.qsize()
            _complain(f"{left} of the trials were not taken within {duration(seconds)}. Ended without it")

    def started(self, trial: TrialConfig) -> None:
        self.watcher.started(trial)

    def progressed(self, trial: TrialConfig, progress: Progress) -> None:
        self.watcher.progressed(trial, progress)

    def ended(self, trial: TrialConfig, ending: Ending) -> None:
        self.watcher.ended(trial, ending)
        self._ended.put((trial, ending))

    def _track(self) -> None:
        while told := self._ended.get():
            for tracker in list(self.trackers):
                try:
                    tracker(*told, self.study.evaluations(trial_id=told[0].trial_id))
                except Exception as error:  # noqa: BLE001  a tracker's trouble is not the study's
                    self.trackers.remove(tracker)
                    _complain(f"{failure_message(error)}. The study goes on without it")


def _complain(text: str) -> None:
    print(f"tracker: {text}", file=sys.stderr)  # noqa: T201
