"""MLflow: an experiment for a study, a run of the study's, and within it a run for each trial."""

from __future__ import annotations

import importlib
import os
import re
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bs_study.launch.trackers.tracker import STUDY_RUN, Answer, Run, Series, outcome
from bs_study.training.progress import Ending
from bs_study.words import one_line

LOOK_SECONDS = 3.0  # that a server may take to answer at the beginning
PATIENCE = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2", "MLFLOW_HTTP_REQUEST_TIMEOUT": "10"}
"""For MLflow's own requests, if nothing else is set: a server that is gone is asked for minutes otherwise."""
MOST_METRICS = 1000  # in a call
NO_NAME = re.compile(r"[^\w\-. :/]", re.ASCII)
"""What MLflow takes in no name of a metric."""


class MLflow:
    """Runs on the server that MLFLOW_TRACKING_URI names, else in files of a folder.

    Raises:
        ValueError: MLflow can't use the server's address.
        ConnectionError: nothing answers there.
    """

    def __init__(self, study: str, folder: Path) -> None:
        mlflow: Any = importlib.import_module("mlflow")
        for name, value in PATIENCE.items():
            os.environ.setdefault(name, value)
        self._study = study
        self._entities: Any = importlib.import_module("mlflow.entities")
        self._uri = None if mlflow.is_tracking_uri_set() else folder.as_uri()
        self._client: Any = None
        self._parent = ""
        self._runs: dict[str, str] = {}  # MLflow's id of each that is open
        self._address: str = self._uri or mlflow.get_tracking_uri()
        if self._uri is None:
            self._connect(mlflow)
            _refuse_silent_server(self._address)

    def __str__(self) -> str:
        return f"mlflow, at {self._address} (MLFLOW_TRACKING_URI)"

    def _connect(self, mlflow: Any) -> None:
        if self._uri:
            os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")  # or MLflow 3.17 asks for a database
        try:
            self._client = mlflow.MlflowClient(tracking_uri=self._uri)  # asks no server yet
        except (mlflow.exceptions.MlflowException, ImportError) as error:
            raise ValueError(
                f"mlflow: {one_line(error).rstrip('.')}. Set MLFLOW_TRACKING_URI to your server, as "
                "http://localhost:5000, or leave it out: files in the study's folder are written then"
            ) from error

    def log(self, run: Run, series: Series) -> None:
        if run.name not in self._runs:
            self._runs[run.name] = self._begun(run)
        now = int(time.time() * 1000)
        metrics = [
            self._entities.Metric(NO_NAME.sub("_", name), value, now, iteration)
            for iteration, numbers in series
            for name, value in numbers.items()
        ]
        for first in range(0, len(metrics), MOST_METRICS):
            self._client.log_batch(self._runs[run.name], metrics=metrics[first : first + MOST_METRICS])

    def _begun(self, run: Run) -> str:
        """Return MLflow's id of a new run within the study's."""
        tags = run.labels | {"mlflow.parentRunId": self._parent_run()}
        return self._new(run.name, tags=tags, params=run.trial.model_dump(mode="json"))

    def _parent_run(self) -> str:
        self._parent = self._parent or self._new(STUDY_RUN, tags={"study": self._study}, params={})
        return self._parent

    def _new(self, name: str, *, tags: Mapping[str, str], params: Mapping[str, object]) -> str:
        if self._client is None:
            # Not before the study is there: a folder that holds other files would be refused.
            self._connect(importlib.import_module("mlflow"))
        title = f"bs_study-{self._study}"
        experiment = self._client.get_experiment_by_name(title)
        experiment_id = experiment.experiment_id if experiment else self._client.create_experiment(title)
        run_id: str = self._client.create_run(experiment_id, run_name=name, tags=dict(tags)).info.run_id
        self._tell(run_id, params=params)
        return run_id

    def _tell(self, run_id: str, *, params: Mapping[str, object], tags: Mapping[str, object] | None = None) -> None:
        self._client.log_batch(
            run_id,
            params=[self._entities.Param(name, str(value)) for name, value in params.items()],
            tags=[self._entities.RunTag(name, str(value)) for name, value in (tags or {}).items()],
        )

    def end(self, run: Run, ending: Ending) -> None:
        self.log(run, [])
        run_id = self._runs.pop(run.name)
        self._tell(run_id, params={}, tags=outcome(ending))
        self._client.set_terminated(run_id, "FAILED" if ending.status == "failed" else "FINISHED")

    def conclude(self, answer: Answer) -> None:
        run_id, self._parent = self._parent_run(), ""
        note = {"mlflow.note.content": answer["answer"]}  # which its page shows
        params = {name: value for name, value in answer.items() if name != "answer"}
        self._tell(run_id, params=params, tags={**answer, **note})
        self._client.set_terminated(run_id, "FINISHED")

    def close(self) -> None:
        open_runs = [*self._runs.values(), *([self._parent] if self._parent else [])]
        self._runs, self._parent = {}, ""
        for run_id in open_runs:
            self._client.set_tag(run_id, "status", "interrupted")
            self._client.set_terminated(run_id, "KILLED")


def _refuse_silent_server(address: str) -> None:
    """Raise if nothing answers at an address of HTTP; any answer will do, also that of a server that wants a password.

    Raises:
        ConnectionError: nothing does.
    """
    if not address.startswith(("http://", "https://")):
        return
    try:
        urllib.request.urlopen(address, timeout=LOOK_SECONDS).close()  # noqa: S310  of HTTP, as was looked at
    except urllib.error.HTTPError:
        return
    except OSError as error:
        why = getattr(error, "reason", error)
        if not isinstance(why, ssl.SSLError):  # whether that matters is MLflow's to say
            raise ConnectionError(
                f"mlflow: nothing answers at {address} ({one_line(why)}). "
                "Start the server, or set MLFLOW_TRACKING_URI to one that runs"
            ) from error
