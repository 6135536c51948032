"""A function that trains by itself, and what its `report` makes of what it is told."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from bs_study.bound import Bound
from bs_study.store.check.study import problems
from bs_study.store.paths import StudyPaths
from bs_study.training.placement import Pacing
from tests.bench.report_cost import microseconds_a_call
from tests.training.black_box.attempt import attempt


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A clock that goes on only when it is told to: `clock(3)`."""
    now = [1000.0]

    def go_on(seconds: float) -> None:
        now[0] += seconds

    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    return go_on


@pytest.mark.filterwarnings("error")  # torch's, of a loss that still has its graph
def test_losses_are_iterations_and_metrics_are_evaluations_and_what_is_not_known_is_null(paths: StudyPaths) -> None:
    def train(batch_size: int, lr: float, seed: int, report: Any) -> None:
        assert (batch_size, lr, seed) == (4, 0.1, 3)
        assert report(iteration=10, loss=0.5) is False
        report(iteration=20, loss=torch.tensor(0.25, requires_grad=True), accuracy=0.5)
        report(iteration=20)
        report(iteration=25, examples=99, accuracy=0.75, **{"val/f1": 1})

    ending, study = attempt(paths, train)
    assert (ending.status, ending.stop_reason, ending.iterations) == ("completed", "returned", 25)
    iterations, evaluations = study.iterations(), study.evaluations()
    assert iterations[["iteration", "examples", "loss"]].to_numpy().tolist() == [[10, 40, 0.5], [20, 80, 0.25]]
    assert evaluations[["iteration", "examples", "accuracy"]].to_numpy().tolist() == [[20, 80, 0.5], [25, 99, 0.75]]
    assert evaluations["val/f1"].isna().tolist() == [True, False]
    assert evaluations[["epoch", "load_seconds", "compute_seconds"]].isna().all(axis=None)
    (trial,) = study.trials().to_dict("records")
    assert (trial["iterations"], trial["examples"], trial["timed_iterations"]) == (25, 99, 25)
    assert not any(trial[name] == trial[name] and trial[name] for name in ("optimizer", "momentum", "compute_seconds"))
    assert study.epochs().empty
    assert list(problems(paths)) == []


def test_the_clock_leaves_out_pauses_and_what_comes_before_the_first_iterations(paths: StudyPaths, clock: Any) -> None:
    def train(report: Any, **_: Any) -> None:
        clock(100)  # data and model
        for iteration in range(1, 11):
            clock(2)
            report(iteration=iteration, loss=1.0)
        with report.pause():
            clock(30)
            with report.pause():
                report(iteration=10, accuracy=0.1)
                clock(10)
        clock(5)
        report(iteration=11, accuracy=0.2)

    study = attempt(paths, train)[1]
    (trial,) = study.trials().to_dict("records")
    assert [trial[name] for name in ("warmup_seconds", "train_seconds", "eval_seconds")] == [106.0, 19.0, 40.0]
    assert trial["timed_iterations"] == 8
    clocks = study.evaluations()[["timed_iterations", "train_seconds", "eval_seconds"]]
    assert clocks.to_numpy().tolist() == [[7, 14.0, 30.0], [8, 19.0, 10.0]]


def test_without_a_report_of_the_first_iterations_all_is_timed(paths: StudyPaths, clock: Any) -> None:
    def train(report: Any, **_: Any) -> None:
        clock(100)
        report(iteration=50, accuracy=0.95)

    (trial,) = attempt(paths, train)[1].trials().to_dict("records")
    assert (trial["train_seconds"], trial["timed_iterations"]) == (100.0, 50)


@pytest.mark.parametrize(
    ("settings", "reason", "iterations"),
    [
        ({}, "target", 6),
        ({"min_iterations": 8}, "target", 8),
        ({"target_window": 3}, "target", 7),
        ({"stop_at_target": False}, "returned", 50),
        ({"max_iterations": 5}, "max_iterations", 5),
        ({"max_examples": 15}, "max_examples", 4),
        ({"max_train_seconds": 3.0}, "max_train_seconds", 6),
    ],
)
def test_it_is_told_to_stop_at_the_target_and_when_a_budget_is_spent(
    settings: dict[str, Any], reason: str, iterations: int, paths: StudyPaths, clock: Any
) -> None:
    def train(report: Any, **_: Any) -> None:
        for iteration in range(1, 51):
            clock(1)
            is_met = iteration >= 6 and "max_train_seconds" not in settings
            if report(iteration=iteration, loss=1.0, accuracy=0.9 if is_met else 0.8):
                return

    ending, study = attempt(paths, train, **settings)
    assert (ending.status, ending.stop_reason, ending.iterations) == ("completed", reason, iterations)
    assert len(study.iterations()) == len(study.evaluations()) == iterations
    assert list(problems(paths)) == []


@pytest.mark.parametrize(("accuracy", "reason"), [(0.95, "target"), (0.5, "max_iterations")])
def test_the_evaluation_after_the_loop_counts_at_the_iteration_that_spent_the_budget(
    accuracy: float, reason: str, paths: StudyPaths
) -> None:
    def train(report: Any, **_: Any) -> None:
        iteration = 1
        while not report(iteration=iteration, loss=1.0):
            iteration += 1
        assert report(iteration=iteration, accuracy=accuracy)
        assert report(iteration=iteration + 1, accuracy=1.0)

    ending, study = attempt(paths, train, max_iterations=5)
    assert (ending.stop_reason, ending.iterations) == (reason, 5)
    assert study.evaluations()["accuracy"].tolist() == [accuracy]


def test_a_loss_that_is_not_finite_diverges_and_so_do_losses_above_a_limit_that_was_asked_for(
    paths: StudyPaths, tmp_path: Path
) -> None:
    from bs_study.store.paths import study_paths

    def train(report: Any, **_: Any) -> None:
        for iteration in range(1, 500):
            if report(iteration=iteration, loss=float("nan") if iteration == 300 else 50.0):
                return

    ending, study = attempt(paths, train)
    assert (ending.status, ending.stop_reason, ending.iterations) == ("diverged", "non_finite", 300)
    assert ending.message == "loss nan at iteration 300"
    assert len(study.iterations()) == 300
    limited, _ = attempt(study_paths(tmp_path / "limited"), train, loss_limit=10.0, loss_limit_iterations=20)
    assert (limited.status, limited.stop_reason) == ("diverged", "loss_limit")
    assert limited.iterations < 100


def test_a_metric_that_is_nan_is_null_and_meets_no_target(paths: StudyPaths) -> None:
    def train(report: Any, **_: Any) -> None:
        assert not report(iteration=1, val_loss=float("nan"))
        assert report(iteration=2, val_loss=0.1)

    ending, study = attempt(paths, train, target="val_loss<=0.2")
    assert ending.reached_iteration == 2
    assert study.evaluations()["val_loss"].isna().tolist() == [True, False]


def test_a_race_that_another_lr_has_won_ends_it_at_an_evaluation(paths: StudyPaths) -> None:
    def train(report: Any, **_: Any) -> None:
        for iteration in range(1, 50):
            if report(iteration=iteration, loss=1.0) or (
                iteration % 4 == 0 and report(iteration=iteration, accuracy=0.5)
            ):
                return

    bound = Bound(10, "b4-lr0.2-s3-0123456789abcdef", frozenset({0.2}))
    ending, _ = attempt(paths, train, heard={"bound": lambda: bound})
    assert (ending.stop_reason, ending.iterations, ending.bound) == ("outrun", 12, 10)
    assert ending.outrun_by == bound.outrun_by
    assert list(problems(paths)) == []


def test_parts_are_written_while_it_trains_and_progress_is_told(paths: StudyPaths) -> None:
    from bs_study import open_study

    seen, told = [], []

    def train(report: Any, **_: Any) -> None:
        for iteration in range(1, 5):
            report(iteration=iteration, accuracy=0.1)
            report(iteration=iteration, loss=1.0)
            time.sleep(0.01)
            seen.append(len(open_study(paths.root, live=True).iterations()))

    _, study = attempt(paths, train, pacing=Pacing(0.001, 0.001), heard={"report": told.append}, max_iterations=8)
    assert seen == sorted(seen)
    assert 0 < seen[-1] <= 4
    assert told[-1].share == 0.5
    assert len(study.iterations()) == len(study.evaluations()) == 4


def test_threads_of_the_function_may_report(paths: StudyPaths) -> None:
    def train(report: Any, **_: Any) -> None:
        threads = [threading.Thread(target=lambda: [report(iteration=7) for _ in range(200)]) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        evaluation = threading.Thread(target=report, kwargs={"iteration": 8, "accuracy": 0.95})
        evaluation.start()
        evaluation.join()

    assert attempt(paths, train)[0].reached_iteration == 8


def test_a_call_takes_little_where_nothing_is_written(tmp_path: Path) -> None:
    assert max(microseconds_a_call(tmp_path).values()) < 60  # 3 to 9 on one core of a Xeon; slow machines take longer
