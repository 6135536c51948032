"""What goes wrong in a function that trains by itself, and what a person is told."""

from __future__ import annotations

import contextlib
import multiprocessing
import pickle
import sys
import threading
import time
from typing import Any

import numpy as np
import pytest
import torch

from bs_study import Study
from bs_study.launch.failures import failure_message
from bs_study.store.check.study import problems
from bs_study.store.paths import StudyPaths
from bs_study.training.black_box_report import MOST_CALLS
from bs_study.training.interruption import Interrupted, Interruption
from bs_study.training.placement import Pacing
from tests.training.black_box.attempt import attempt


@pytest.mark.parametrize(
    ("calls", "told"),
    [
        ([{"iteration": 0, "loss": 1.0}], "iteration is 0. It begins at 1"),
        ([{"iteration": 2, "loss": 1.0}, {"iteration": 1, "loss": 1.0}], "iteration is 1, after 2. It never falls"),
        ([{"iteration": 2, "loss": 1.0}, {"iteration": 2, "loss": 1.0}], "iteration 2 has a loss already"),
        ([{"iteration": 2, "accuracy": 0.1}, {"iteration": 2, "accuracy": 0.2}], "iteration 2 has metrics already"),
        ([{"iteration": 1.5, "loss": 1.0}], "iteration is 1.5. Give a whole number"),
        ([{"iteration": True, "loss": 1.0}], "iteration is True. Give a whole number"),
        ([{"loss": 1.0}], "TypeError: report() missing 1 required positional argument: 'iteration'"),
        ([{"iteration": 3, "loss": 1.0}, {"iteration": 4, "examples": 5}], "examples is 5, after 12. Give those seen"),
        ([{"iteration": 1, "loss": "0.5"}], "loss is '0.5'. Give a number"),
        ([{"iteration": 1, "loss": np.zeros(3)}], "loss is ndarray of shape (3,). Give a number"),
        ([{"iteration": 1, "loss": torch.zeros(2, 2)}], "loss is Tensor of shape (2, 2). Give a number"),
        ([{"iteration": 1, "accuracy": None}], "accuracy is None. Give a number"),
        ([{"iteration": 1, "acc": 0.9}], "accuracy, which the target asks for, is not among acc"),
        ([{"iteration": 1, "accuracy": 0.1, "epoch": 1}], "'epoch' is a column of every evaluation"),
        ([{"iteration": 1, "accuracy": 0.1, "Accuracy": 1}], "differ only in case"),
    ],
)
def test_what_can_not_be_is_one_line_with_what_is_right_and_the_users_line(
    calls: list[dict[str, Any]], told: str, paths: StudyPaths
) -> None:
    def train(report: Any, **_: Any) -> None:
        for call in calls:
            report(**call)

    with pytest.raises((ValueError, TypeError)) as caught:
        attempt(paths, train)
    message = failure_message(caught.value)
    assert told in message
    assert "(test_black_box_faults.py, line " in message
    assert "\n" not in message


def kept(study: Study) -> list[int]:
    return [int(iteration) for iteration in study.iterations()["iteration"]]


@pytest.mark.parametrize(
    ("calls", "told"),
    [
        ([], "train ended without one call of report in its own process. Call report(iteration=..., loss=...) as it"),
        ([{"iteration": 9, "loss": 1.0}], "train reported no accuracy, which the target asks for. Call report("),
    ],
)
def test_a_function_that_tells_nothing_of_the_target_fails_once_with_what_is_right(
    calls: list[dict[str, Any]], told: str, paths: StudyPaths
) -> None:
    def train(report: Any, **_: Any) -> None:
        for call in calls:
            report(**call)

    ending, study = attempt(paths, train)
    assert (ending.status, ending.stop_reason) == ("failed", "error")
    assert str(ending.message).startswith(told)
    assert list(problems(paths)) == []
    assert kept(study) == [call["iteration"] for call in calls]


def test_a_function_that_goes_on_after_the_stop_is_ended_with_its_rows(paths: StudyPaths) -> None:
    calls = []

    def train(report: Any, **_: Any) -> None:
        for iteration in range(1, 10**6):
            with contextlib.suppress(Exception):
                report(iteration=iteration, loss=1.0)
            calls.append(iteration)

    ending, study = attempt(paths, train, max_iterations=5, target="accuracy>=0.9")
    assert len(calls) == 5 + MOST_CALLS
    assert kept(study) == [1, 2, 3, 4, 5]
    assert ending.message == (
        "train reported no accuracy, which the target asks for. Call report(iteration=..., accuracy=...) after each "
        "evaluation"
    )


def test_one_that_swallows_even_that_is_given_up_by_the_watchdog(paths: StudyPaths) -> None:
    is_given_up = threading.Event()

    def train(report: Any, **_: Any) -> None:
        until = time.monotonic() + 60
        while not is_given_up.is_set() and time.monotonic() < until:
            with contextlib.suppress(BaseException):
                report(iteration=1, accuracy=0.95)
            time.sleep(0.001)

    ending, _ = attempt(paths, train, pacing=Pacing(60.0, timeout_seconds=0.5), heard={"give_up": is_given_up.set})
    assert is_given_up.is_set()
    assert ending.stop_reason == "target"


def test_a_function_that_reports_nothing_for_too_long_is_given_up_and_a_pause_counts_as_a_report(
    paths: StudyPaths,
) -> None:
    given_up = []

    def train(report: Any, **_: Any) -> None:
        for _ in range(8):
            with report.pause():
                time.sleep(0.1)
        given_up.append(is_given_up.is_set())
        is_given_up.wait(30)
        report(iteration=1, accuracy=0.95)

    is_given_up = threading.Event()
    attempt(paths, train, pacing=Pacing(60.0, timeout_seconds=0.6), heard={"give_up": is_given_up.set})
    assert given_up == [False]
    assert is_given_up.is_set()


def test_another_process_is_refused_and_report_does_not_travel(paths: StudyPaths) -> None:
    told = []

    def called(report: Any) -> None:
        try:
            report(iteration=1, loss=1.0)
        except RuntimeError as error:
            sys.exit(7 if "another process" in str(error) else 8)

    def train(report: Any, **_: Any) -> None:
        process = multiprocessing.get_context("fork").Process(target=called, args=(report,))
        process.start()
        process.join(60)
        told.append(process.exitcode)
        with pytest.raises(TypeError, match="can't be sent to another process"):
            pickle.dumps(report)
        report(iteration=1, accuracy=0.95)

    assert attempt(paths, train)[0].stop_reason == "target"
    assert told == [7]


def test_an_error_of_the_function_is_raised_and_its_rows_stay_for_who_looks(paths: StudyPaths) -> None:
    from bs_study import open_study

    def train(report: Any, **_: Any) -> None:
        report(iteration=1, loss=1.0)
        raise KeyError("no such layer")

    with pytest.raises(KeyError) as caught:
        attempt(paths, train)
    assert "no such layer" in failure_message(caught.value)
    assert kept(open_study(paths.root, live=True)) == [1]


def test_an_error_after_the_stop_is_told_and_changes_no_answer(paths: StudyPaths) -> None:
    def train(report: Any, **_: Any) -> None:
        assert report(iteration=1, accuracy=0.95)
        raise OSError("no room for the last checkpoint")

    ending, _ = attempt(paths, train)
    assert (ending.status, ending.stop_reason) == ("completed", "target")
    assert str(ending.message).startswith("OSError: no room for the last checkpoint (test_black_box_faults.py")


@pytest.mark.parametrize("error", [torch.OutOfMemoryError("CUDA out of memory. Tried"), MemoryError()])
def test_memory_that_runs_out_is_an_answer(error: Exception, paths: StudyPaths) -> None:
    def train(report: Any, **_: Any) -> None:
        raise error

    assert attempt(paths, train)[0].status == "out_of_memory"


def test_a_function_may_end_as_scripts_do_and_one_that_exits_with_an_error_fails(paths: StudyPaths) -> None:
    def train(report: Any, **_: Any) -> None:
        report(iteration=1, accuracy=0.5)
        sys.exit()

    def failing(report: Any, **_: Any) -> None:
        report(iteration=1, accuracy=0.5)
        sys.exit("no such flag")

    with pytest.raises(RuntimeError, match=r"it ends the process: no such flag$"):
        attempt(paths, failing)
    assert attempt(paths, train)[0].stop_reason == "returned"


def test_an_interrupt_tells_it_to_stop_and_the_next_attempt_begins_at_the_start(paths: StudyPaths) -> None:
    interruption, starts = Interruption(), []

    def train(report: Any, **_: Any) -> None:
        starts.append(1)
        for iteration in range(1, 30):
            if iteration == 5 and len(starts) == 1:
                interruption.ask()
            if report(iteration=iteration, loss=1.0, accuracy=iteration / 10):
                return

    with pytest.raises(Interrupted):
        attempt(paths, train, heard={"interruption": interruption})
    ending, study = attempt(paths, train)
    assert ending.stop_reason == "target"
    assert kept(study) == list(range(1, 10))
    assert study.trials()["attempts"].item() == 2
