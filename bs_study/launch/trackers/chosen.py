"""Which trackers a study is to be shown by, and where those that write files do."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path

from bs_study.config import LaunchOptions
from bs_study.launch.trackers.tracker import Tracker
from bs_study.store.paths import StudyPaths

NEEDS = {"tensorboard": "tensorboardX", "wandb": "wandb", "mlflow": "mlflow"}
INSTALL = NEEDS | {"mlflow": "mlflow-skinny"}
"""What each is installed as; the whole MLflow does too."""


def chosen_trackers(options: LaunchOptions, paths: StudyPaths) -> list[Tracker]:
    """Return the trackers that the options turn on, but for one whose server does not answer, which a line tells.

    Raises:
        ValueError: one is not installed, or has no place to write to.
    """
    chosen = [name for name in NEEDS if getattr(options, name)]
    for name in chosen:
        if find_spec(NEEDS[name]) is None:
            raise ValueError(f"{name}: is not installed. Run: pip install {INSTALL[name]}, or leave --{name} out")
    # Not where the study was started: a job of Ray runs in a folder that goes with it.
    folder = Path(paths.root) if paths.is_local else Path.home() / "bs_study" / paths.name
    return [tracker for name in chosen for tracker in _made(name, paths.name, folder)]


def _made(name: str, study: str, folder: Path) -> Iterator[Tracker]:
    try:
        yield MAKE[name](study, folder)
    except ConnectionError as error:
        print(f"warning: {error}. The study goes on without it", file=sys.stderr)  # noqa: T201


def _tensorboard(study: str, folder: Path) -> Tracker:
    from bs_study.launch.trackers.tensorboard import TensorBoard

    return TensorBoard(folder / "tensorboard")


def _wandb(study: str, folder: Path) -> Tracker:
    from bs_study.launch.trackers.weights_and_biases import WeightsAndBiases

    return WeightsAndBiases(study)


def _mlflow(study: str, folder: Path) -> Tracker:
    from bs_study.launch.trackers.mlflow import MLflow

    return MLflow(study, folder / "mlruns")


MAKE: Mapping[str, Callable[[str, Path], Tracker]] = {"tensorboard": _tensorboard, "wandb": _wandb, "mlflow": _mlflow}
