"""A study by a Python call, in a notebook or a script: what the command does, for the workload that is at hand."""

from __future__ import annotations

import contextlib
import inspect
import os
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bs_study.cli.asked import what_is_asked
from bs_study.cli.flags import Request
from bs_study.cli.named import named_study
from bs_study.door import CALL, used
from bs_study.process.stop import Stop
from bs_study.words import shown

if TYPE_CHECKING:
    from bs_study.store import Study
    from bs_study.workloads.given import Made


def sweep(
    workload: Made | str | os.PathLike[str] | None = None,
    *,
    batch_sizes: Iterable[int] = (),
    lrs: Iterable[float] = (),
    resume: str | os.PathLike[str] | None = None,
    accept_changes: bool = False,
    **settings: Any,
) -> Study:
    """Train a workload over a grid of batch size × lr, write the report, and return the study.

    It prints what goes on. An interrupt lets the trials that run write checkpoints, and ends the call.

    Args:
        workload: a class, or a function without arguments that returns its object. Both may be of a notebook's cell. Or
            what the command takes: `"mnist"`, `"study.yaml"`, `"my_task.py:MyTask"`. None for the embedded study, or
            for that of the study to go on with. A function of (batch_size, lr, seed, report) trains by itself.
        batch_sizes: examples an update; left out, those of the file.
        lrs: learning rates; left out, those of the file.
        resume: folder or URI of a study to go on with; what it does not have yet is added.
        accept_changes: with `resume`, go on though workload or data have changed.
        **settings: any other setting of a study's file, by its name there: `target="accuracy>=0.97"`, `seeds=[0, 1]`,
            `max_epochs=5`, `local=True`, `store="results"`, ... `bs-study docs settings` lists them.

    Raises:
        ValueError: a setting, the workload or its data is wrong; the message says in one line which, and what is right.
        FileNotFoundError: the data, or the study to go on with, is not there.
        OSError: the store does not answer.
        KeyboardInterrupt: the study was interrupted. What it printed says how to go on.
    """
    from bs_study.launch.start import start_study
    from bs_study.launch.terminal import Terminal
    from bs_study.store.reader import open_study

    grid = {"batch_sizes": _plain(batch_sizes), "lrs": _plain(lrs)}
    flags, file = {name: values for name, values in grid.items() if values != []} | _plain(settings), None
    uri = None if resume is None else os.fspath(resume)
    with used(CALL), _interrupts(), _here_is_found():
        if workload is not None:
            file, flags = named_study(_name(workload), config=None, flags=flags)
        request = Request(file, uri, accept_changes, dry_run=False, all=False, check=False, flags=flags)
        config, options = what_is_asked(request)
        end = start_study(config, options, Terminal(), resume=uri, accept_changes=accept_changes)
    if end.is_interrupted:
        raise KeyboardInterrupt
    return open_study(end.uri)


def import_runs(
    files: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    *,
    study: str,
    target: str,
    columns: Mapping[str, str] | None = None,
    runs: str | os.PathLike[str] | None = None,
    store: str | os.PathLike[str] = "results",
) -> Study:
    """Make a study of runs that were made elsewhere, and return it; `bs_study.report` writes its report.

    Args:
        files: CSV, Parquet or JSON Lines, folders of TensorBoard or MLflow, or MLflow's database: one, or several.
        study: the name of the new study.
        target: by which the runs are judged, as "accuracy>=0.97".
        columns: the column of each field or metric of another name: `{"batch_size": "bs"}`.
        runs: a file with run, batch_size, lr and seed, where the others lack them.
        store: folder or URI that holds studies.

    Raises:
        ValueError: something can't be imported; the message names file and line. Nothing is written then.
        OSError: the store can't be written to.
    """
    from bs_study.importing.load import load_runs
    from bs_study.store.reader import open_study
    from bs_study.target import Target

    given = [files] if isinstance(files, str | os.PathLike) else list(files)
    paths, _ = load_runs(
        [os.fspath(file) for file in given],
        study=study,
        target=Target.parse(target),
        mapped=columns or {},
        runs=None if runs is None else os.fspath(runs),
        store=os.fspath(store),
    )
    return open_study(paths.uri)


def _name(workload: Made | str | os.PathLike[str]) -> str:
    """Return the name by which trials find a workload; code that no import finds is kept under it."""
    if isinstance(workload, str | os.PathLike):
        return os.fspath(workload)
    if not (isinstance(workload, type) or inspect.isroutine(workload)):
        raise ValueError(
            f"workload: {shown(workload)} is an object. Give its class, or a function without arguments that returns "
            "it: each trial makes one anew. To train by itself, give a function of (batch_size, lr, seed, report)"
        )
    from bs_study.workloads.given import give

    return give(workload)


def _plain(value: Any) -> Any:
    """Return a value as a study's file has it: numpy's values as Python's, paths as text, ranges as lists."""
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, Mapping):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, str | bytes):
        return [_plain(one) for one in value]
    return value


@contextlib.contextmanager
def _interrupts() -> Iterator[None]:
    """Let interrupts be the study's, and spare the process that it runs in."""
    from bs_study.launch.signals import CHECKPOINT_SECONDS, END_SECONDS

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    with Stop(None, seconds=CHECKPOINT_SECONDS + END_SECONDS, ends_process=False).installed():
        yield


@contextlib.contextmanager
def _here_is_found() -> Iterator[None]:
    """Let modules be found in the folder that this runs in, after all others, as the command does."""
    here = str(Path.cwd())
    is_there = here in sys.path
    if not is_there:
        sys.path.append(here)
    try:
        yield
    finally:
        if not is_there and here in sys.path:
            sys.path.remove(here)
