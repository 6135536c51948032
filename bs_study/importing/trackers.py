"""Runs of TensorBoard or MLflow: a sheet for each run. Folders are read by their own readers."""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from bs_study.importing.database import read_database
from bs_study.importing.points import Point, sheet_of_points
from bs_study.importing.sheet import Sheet
from bs_study.words import one_line, shortened

EVENTS = "*tfevents*"
DATABASE = ".db"
HPARAMS = "hparams"
ALL = 0
"""Of each kind of event, how many TensorBoard's reader keeps: 0 is all of them."""


def read_tracker(place: str) -> list[Sheet]:
    """Return the rows of each run of a tracker: its steps, with what the tracker keeps of the whole run in each.

    Beside metrics they have `run`, `step` and `wall_time`, the seconds since the run began.

    Args:
        place: a folder, or MLflow's database.

    Raises:
        ValueError: it is no such place, it holds no run, or its reader is not installed.
    """
    path = Path(place).expanduser()
    if path.is_file():
        sheets = read_database(place)
    elif next(path.rglob(EVENTS), None) is not None:
        sheets = list(_tensorboard(path))
    elif next(path.glob("*/meta.yaml"), None) is not None:
        sheets = list(_mlflow(path))
    else:
        instead = "Give one that does, MLflow's mlflow.db, or files of CSV, Parquet or JSON Lines"
        if next(path.rglob("*.wandb"), None) is not None:
            instead = "W&B's own files are not read. Sync the runs, and export their history as CSV"
        raise ValueError(f"{shortened(place)}: holds neither event files of TensorBoard nor runs of MLflow. {instead}")
    found = [sheet for sheet in sheets if sheet.numbers]
    if not found:
        raise ValueError(f"{shortened(place)}: holds no run with a number at a step. Give one that does")
    return found


def _reader(name: str, package: str) -> Any:
    try:
        return import_module(name)
    except ImportError as error:
        raise ValueError(f"{package} is not installed, whose reader this needs. Run: pip install {package}") from error


def _tensorboard(folder: Path) -> Iterator[Sheet]:
    """Yield a sheet for each folder of event files, with its hparams.

    PyTorch's `add_hparams` writes them into a folder of their own within the run's: they are the run's.
    """
    accumulators = _reader("tensorboard.backend.event_processing.event_accumulator", "tensorboard")
    read = {}
    for place in sorted({file.parent for file in folder.rglob(EVENTS)}):
        read[place] = accumulators.EventAccumulator(str(place), size_guidance={"scalars": ALL, "tensors": ALL}).Reload()
    settings = {place: _hparams(events) for place, events in read.items()}
    for place, events in read.items():
        if settings[place] and place.parent in read:
            continue
        within = [own for at, own in settings.items() if at.parent == place]
        told = {name: value for own in (*within, settings[place]) for name, value in own.items()}
        name = place.relative_to(folder).as_posix()
        began = events.FirstEventTimestamp()  # that of the file, which is made before a number is there
        yield sheet_of_points(f"{place}", name, settings=told, points=_scalars(events), began=began)


def _scalars(events: Any) -> Iterator[Point]:
    """Yield the scalars of a run: those of PyTorch, and those that TensorFlow 2 keeps as tensors."""
    tags = events.Tags()
    for tag in tags["scalars"]:
        yield from (Point(tag, event.step, event.wall_time, event.value) for event in events.Scalars(tag))
    arrays = _reader("tensorboard.util.tensor_util", "tensorboard")
    for tag in tags["tensors"]:
        if events.SummaryMetadata(tag).plugin_data.plugin_name == "scalars":
            for event in events.Tensors(tag):
                yield Point(tag, event.step, event.wall_time, float(arrays.make_ndarray(event.tensor_proto)))


def _hparams(events: Any) -> dict[str, Any]:
    kinds = _reader("tensorboard.plugins.hparams.plugin_data_pb2", "tensorboard")
    try:
        contents = events.PluginTagToContent(HPARAMS)
    except KeyError:  # it has none
        return {}
    found = {}
    for content in contents.values():
        told = kinds.HParamsPluginData.FromString(content)
        for name, value in told.session_start_info.hparams.items():
            kind = value.WhichOneof("kind")
            found[name] = getattr(value, kind) if kind else None
    return found


def _mlflow(folder: Path) -> Iterator[Sheet]:
    """Yield a sheet for each run of a local store of MLflow, with its params."""
    os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")  # or MLflow 3.17 refuses to read files
    mlflow = _reader("mlflow", "mlflow-skinny")
    try:
        client = mlflow.MlflowClient(tracking_uri=folder.resolve().as_uri())
        experiments = [experiment.experiment_id for experiment in _pages(client.search_experiments)]
        for run in _pages(client.search_runs, experiments):
            history = [(name, client.get_metric_history(run.info.run_id, name)) for name in run.data.metrics]
            points = (Point(name, one.step, one.timestamp / 1000, one.value) for name, ones in history for one in ones)
            name, began = run.info.run_id, run.info.start_time / 1000
            yield sheet_of_points(f"{folder} run {name}", name, settings=run.data.params, points=points, began=began)
    except mlflow.exceptions.MlflowException as error:
        raise ValueError(f"{shortened(str(folder))}: can't be read by MLflow: {one_line(error)}") from error


def _pages(search: Any, *asked: Any) -> Iterator[Any]:
    token = None
    while True:
        page = search(*asked, page_token=token)
        yield from page
        token = page.token
        if not token:
            return
