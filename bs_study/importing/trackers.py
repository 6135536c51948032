"""Runs in a folder of TensorBoard or MLflow, read by their own readers: a sheet for each run."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from bs_study.importing.sheet import Sheet
from bs_study.words import one_line, shortened

Point = tuple[str, int, float, float]
"""Name, step, time and value of a number that was logged."""
EVENTS = "*tfevents*"
HPARAMS = "hparams"
ALL = 0
"""Of each kind of event, how many TensorBoard's reader keeps: 0 is all of them."""


def read_folder(folder: str) -> list[Sheet]:
    """Return the rows of each run in a folder: its steps, with what its tracker keeps of the whole run in each.

    Beside metrics they have `run`, `step` and `wall_time`, the seconds since the first of them.

    Raises:
        ValueError: it is no such folder, it holds no run, or its reader is not installed.
    """
    path = Path(folder).expanduser()
    if next(path.rglob(EVENTS), None) is not None:
        sheets = list(_tensorboard(path))
    elif next(path.glob("*/meta.yaml"), None) is not None:
        sheets = list(_mlflow(path))
    else:
        raise ValueError(
            f"{shortened(folder)}: holds neither event files of TensorBoard nor runs of MLflow. Give one that does, or "
            "files of CSV, Parquet or JSON Lines"
        )
    found = [sheet for sheet in sheets if sheet.numbers]
    if not found:
        raise ValueError(f"{shortened(folder)}: holds no run with a number at a step. Give a folder that does")
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
        yield _sheet(f"{place}", place.relative_to(folder).as_posix(), told, _scalars(events))


def _scalars(events: Any) -> Iterator[Point]:
    """Yield the scalars of a run: those of PyTorch, and those that TensorFlow 2 keeps as tensors."""
    tags = events.Tags()
    for tag in tags["scalars"]:
        yield from ((tag, event.step, event.wall_time, event.value) for event in events.Scalars(tag))
    arrays = _reader("tensorboard.util.tensor_util", "tensorboard")
    for tag in tags["tensors"]:
        if events.SummaryMetadata(tag).plugin_data.plugin_name == "scalars":
            for event in events.Tensors(tag):
                yield tag, event.step, event.wall_time, float(arrays.make_ndarray(event.tensor_proto))


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
            points = ((name, one.step, one.timestamp / 1000, one.value) for name, ones in history for one in ones)
            yield _sheet(f"{folder} run {run.info.run_id}", run.info.run_id, run.data.params, points)
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


def _sheet(source: str, run: str, settings: Mapping[str, Any], points: Iterable[Point]) -> Sheet:
    """Return the points of a run, a row for each step. A setting that is named as a metric gives way to it."""
    steps: dict[int, dict[str, Any]] = {}
    times: dict[int, float] = {}
    for name, step, wall_time, value in points:
        steps.setdefault(int(step), {})[name] = value
        times[int(step)] = max(wall_time, times.get(int(step), wall_time))
    order = sorted(steps)
    begin = min(times.values(), default=0.0)
    names = dict.fromkeys(name for row in steps.values() for name in row)
    columns: dict[str, list[Any]] = {name: [value] * len(order) for name, value in settings.items()}
    columns |= {"step": order, "wall_time": [times[step] - begin for step in order], "run": [run] * len(order)}
    columns |= {name: [steps[step].get(name) for step in order] for name in names}
    return Sheet(source, columns, order, unit="step", run=run)
