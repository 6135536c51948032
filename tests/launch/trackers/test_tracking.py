"""Trackers hear of a trial while it runs and of all that it was in the end; their trouble is not the study's."""

from __future__ import annotations

import importlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from bs_study import open_study
from bs_study.config import TrialConfig
from bs_study.config.asked import asked
from bs_study.launch.prepare import prepared
from bs_study.launch.study import run_study
from bs_study.launch.terminal import Terminal
from bs_study.launch.trackers.chosen import chosen_trackers
from bs_study.launch.trackers.tracker import Answer, Run, Series
from bs_study.launch.trackers.tracking import Tracking
from bs_study.store.check.study import problems
from bs_study.store.paths import StudyPaths
from bs_study.store.reader import Study
from bs_study.training.progress import Ending, Progress
from tests.faults import small_studies
from tests.launch.trackers.told import ANSWER, ENDING, TRIAL


@dataclass
class Told:
    """A tracker that remembers what it is told."""

    series: list[tuple[int, dict[str, float]]] = field(default_factory=list)
    runs: set[str] = field(default_factory=set)
    endings: list[Ending] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    is_closed: bool = False

    def log(self, run: Run, series: Series) -> None:
        self.runs.add(run.name)
        self.series += [(iteration, dict(numbers)) for iteration, numbers in series]

    def end(self, run: Run, ending: Ending) -> None:
        self.endings.append(ending)

    def conclude(self, answer: Answer) -> None:
        self.answers.append(answer)

    def close(self) -> None:
        self.is_closed = True

    def evaluated(self) -> list[int]:
        """Return the iterations of the evaluations, which all have `eval_seconds`."""
        return [iteration for iteration, numbers in self.series if "eval_seconds" in numbers]


class Silent:
    """A watcher that counts what it is told."""

    def __init__(self) -> None:
        self.told = 0

    def started(self, trial: TrialConfig) -> None:
        self.told += 1

    def progressed(self, trial: TrialConfig, progress: Progress) -> None:
        self.told += 1

    def ended(self, trial: TrialConfig, ending: Ending) -> None:
        self.told += 1


def progress(iteration: int, **changes: Any) -> Progress:
    return Progress(**{"iteration": iteration, "epoch": 1.0, "loss": 0.5, "metric": None, "share": 0.5} | changes)


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_a_running_trial_is_told_of_as_it_goes_and_each_evaluation_once(tmp_path: Path) -> None:
    paths, (trial,) = small_studies.empty_study(tmp_path / "s", seeds=(0,))
    told = Told()
    with Tracking([told], Study(paths), live_seconds=0) as tracking, tracking.watching(Silent()) as watcher:
        watcher.started(trial)
        watcher.progressed(trial, progress(1, metric=0.25))
        wait_until(lambda: len(told.series) == 1)
        assert told.series == [(1, {"running/loss": 0.5, "running/metric": 0.25})]
        writer = small_studies.run_trial(paths, trial, epochs=1)
        for iteration in (6, 7):
            watcher.progressed(trial, progress(iteration))
            wait_until(lambda i=iteration: (i, {"running/loss": 0.5}) in told.series)  # type: ignore[misc]
        wait_until(lambda: told.evaluated() == [5])
        assert told.endings == []
        small_studies.add_epoch(writer, 2)
        writer.commit(small_studies.outcome())
        watcher.ended(trial, ENDING)
    assert told.evaluated() == open_study(paths.root).evaluations()["iteration"].tolist() == [5, 10]
    assert (told.endings, told.is_closed) == ([ENDING], True)


def test_progress_that_comes_faster_than_it_is_taken_is_told_as_it_was_last(paths: StudyPaths) -> None:
    goes_on, told = threading.Event(), Told()

    class Slow(Told):
        def log(self, run: Run, series: Series) -> None:
            goes_on.wait(10)
            told.log(run, series)

    with Tracking([Slow()], Study(paths)) as tracking, tracking.watching(Silent()) as watcher:
        for iteration in range(1, 1001):
            watcher.progressed(TRIAL, progress(iteration))
        goes_on.set()
    assert told.series[-1][0] == 1000
    assert len(told.series) <= 2


def test_what_a_tracker_raises_is_said_once_and_the_others_are_told_all_the_same(
    paths: StudyPaths, capsys: pytest.CaptureFixture[str]
) -> None:
    class Fails(Told):
        def end(self, run: Run, ending: Ending) -> None:
            raise RuntimeError("no quota left")

    watcher, other = Silent(), Told()
    with Tracking([Fails(), other], Study(paths)) as tracking:
        with tracking.watching(watcher) as tracked:
            tracked.started(TRIAL)
            tracked.ended(TRIAL, ENDING)
            tracked.ended(TRIAL, ENDING)
        tracking.conclude(ANSWER)
    assert watcher.told == 3
    assert (len(other.endings), other.answers) == (2, [ANSWER])
    assert tracking.trackers == [other]
    assert capsys.readouterr().err.count("no quota left") == 1


def test_a_tracker_that_hangs_holds_up_neither_the_trials_nor_the_end(
    paths: StudyPaths, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("bs_study.launch.trackers.tracking.LAST_SECONDS", 0.1)
    answers = threading.Event()

    class Hangs(Told):
        def log(self, run: Run, series: Series) -> None:
            answers.wait(60)

    watcher = Silent()
    with Tracking([Hangs()], Study(paths)) as tracking, tracking.watching(watcher) as tracked:
        tracked.ended(TRIAL, ENDING)
        tracked.progressed(TRIAL, progress(1))
        assert watcher.told == 2
    answers.set()
    assert "not all was taken within 100 ms" in capsys.readouterr().err


def test_a_study_tells_its_trackers_of_each_trial_and_of_its_answer_and_its_store_stays_fine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = Told()
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setattr(
        "bs_study.launch.study.chosen_trackers", lambda options, paths: [*chosen_trackers(options, paths), told]
    )
    grid = {"batch_sizes": (64,), "lrs": (0.1,), "momentum": [0.5, 0.9], "target": "accuracy>=0.8", "max_epochs": 8}
    launch = {"store": str(tmp_path), "local": True, "timing": False, "tensorboard": True}
    launch["mlflow"] = find_spec("mlflow") is not None
    study = prepared(*asked(grid | launch | {"min_iterations": 0}))
    assert run_study(study, Terminal()).exit_status == 0
    rows = open_study(study.paths.uri).evaluations()
    assert sorted(told.evaluated()) == sorted(rows["iteration"])
    assert told.runs == set(rows["trial_id"])
    (answer,) = told.answers
    assert answer["answer"].startswith("Train with batch size 64 at lr 0.1")  # type: ignore[union-attr]
    assert (answer["best_batch_size"], answer["best_lr"]) == (64, 0.1)
    assert answer["best_recipe"] in ("momentum 0.5", "momentum 0.9")
    assert answer["grade"] in ("settled", "leaning", "open")
    assert answer["time_to_target"].endswith("s of training time")  # type: ignore[union-attr]
    assert list(problems(study.paths)) == []
    if launch["mlflow"]:
        (run,) = _answers_in(Path(study.paths.root, "mlruns"))
        assert run.data.tags.items() >= {name: str(value) for name, value in answer.items()}.items()


def _answers_in(folder: Path) -> list[Any]:
    mlflow = importlib.import_module("mlflow")
    client = mlflow.MlflowClient(tracking_uri=folder.as_uri())
    runs = client.search_runs([experiment.experiment_id for experiment in client.search_experiments()])
    assert {run.info.status for run in runs} == {"FINISHED"}
    return [run for run in runs if "answer" in run.data.tags]
