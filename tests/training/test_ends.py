"""How a trial ends, and what its row says of it."""

from __future__ import annotations

import math
from typing import Any

import pytest

from bs_study.training.progress import Progress
from tests.training.recorded import FLICKERING, Run, losses, row


@pytest.mark.parametrize(
    ("budget", "iterations", "examples"),
    [
        ({"max_iterations": 30}, 30, 1437 + 7 * 64),
        ({"max_epochs": 1}, 23, 1437),  # 22 whole batches and 29 examples
        ({"max_epochs": 0.5}, 12, 12 * 64),
        ({"max_examples": 100}, 2, 128),
        ({"max_epochs": 9, "max_iterations": 3, "max_examples": 640}, 3, 192),
    ],
)
def test_a_trial_ends_at_the_budget_that_runs_out_first(
    run: Run, budget: dict[str, float], iterations: int, examples: int
) -> None:
    ending, study = run(stop_at_target=False, **budget)
    found = row(study)
    assert (ending.status, ending.iterations) == ("completed", iterations)
    assert (found["status"], found["iterations"], found["examples"]) == ("completed", iterations, examples)
    limit = {"max_epochs": 23, "max_iterations": 1, "max_examples": 1 / 64}
    assert found["stop_reason"] == min(budget, key=lambda name: budget[name] * limit[name])


def test_a_budget_in_seconds_ends_a_trial_once_its_training_clock_has_reached_it(run: Run) -> None:
    ending, study = run(max_train_seconds=0.2, stop_at_target=False)
    found = row(study)
    assert (found["status"], found["stop_reason"]) == ("completed", "max_train_seconds")
    assert 0.2 <= found["train_seconds"] < 1.2
    assert study.evaluations()["iteration"].max() == ending.iterations


def test_a_trial_ends_at_its_target_and_the_last_evaluation_is_the_first_that_meets_it(run: Run) -> None:
    ending, study = run(max_epochs=30, min_iterations=0, target="accuracy>=0.6")
    evaluations = study.evaluations()
    met = evaluations["accuracy"] >= 0.6
    assert (ending.status, ending.stop_reason) == ("completed", "target")
    assert met.tolist() == [False] * (len(met) - 1) + [True]
    assert ending.reached_iteration == ending.iterations == evaluations["iteration"].max() == len(study.iterations())


SCORES = (0.0, 0.0, 1.0, 0.0, 0.0, 1.0, math.nan, 1.0, 1.0, 0.0)
"""After 0, 1, ... iterations; 0.5 is the target."""


@pytest.mark.parametrize(("window", "reached"), [(1, 2), (3, 7), (5, 8)])
def test_the_target_is_reached_by_the_median_of_a_window_of_evaluations(
    run: Run, monkeypatch: pytest.MonkeyPatch, window: int, reached: int
) -> None:
    monkeypatch.setattr("toy_workloads.Flickering.scores", SCORES)
    ending, study = run(**FLICKERING, max_iterations=9, target_window=window)
    assert (ending.stop_reason, ending.iterations, ending.reached_iteration) == ("target", reached, reached)
    assert row(study)["target_window"] == window
    again, _ = run(**FLICKERING, max_iterations=9, target_window=window)  # it has ended, and its rows tell how
    assert again == ending


def test_a_window_goes_on_over_an_interruption(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(progress: Progress) -> None:
        if progress.iteration == 6:
            raise RuntimeError("interrupted by the test")

    monkeypatch.setattr("toy_workloads.Flickering.scores", SCORES)
    trial = FLICKERING | {"max_iterations": 9, "target_window": 3, "checkpoint_seconds": 1e-9, "report_seconds": 0}
    with pytest.raises(RuntimeError, match="interrupted by the test"):
        run(**trial, report=interrupt)
    ending, study = run(**trial)
    assert (row(study)["attempts"], ending.reached_iteration, ending.iterations) == (2, 7, 7)
    assert study.evaluations()["iteration"].tolist() == list(range(1, 8))


def test_at_the_target_a_trial_goes_on_until_the_iterations_that_smoothness_needs_have_run(run: Run) -> None:
    ending, study = run(max_epochs=30, min_iterations=101, target="accuracy>=0.6")
    assert (ending.stop_reason, ending.iterations) == ("target", 101)
    assert ending.reached_iteration is not None
    assert ending.reached_iteration < 101
    assert len(study.iterations()) == 101


def test_the_budget_ends_a_trial_that_reached_its_target_but_not_yet_the_iterations_to_run(run: Run) -> None:
    ending, _ = run(max_epochs=3, min_iterations=1000, target="accuracy>=0.2")
    assert (ending.stop_reason, ending.iterations) == ("max_epochs", 69)
    assert ending.reached_iteration is not None


def test_a_trial_that_does_not_stop_at_its_target_runs_through_its_budget(run: Run) -> None:
    ending, _ = run(max_epochs=3, min_iterations=0, target="accuracy>=0.2", stop_at_target=False)
    assert (ending.stop_reason, ending.iterations) == ("max_epochs", 69)
    assert ending.reached_iteration is not None


def test_a_loss_that_is_not_finite_ends_a_trial_as_diverged_with_that_loss_as_its_last(run: Run) -> None:
    ending, study = run(lr=1e30, max_epochs=5)
    assert (ending.status, ending.stop_reason) == ("diverged", "non_finite")
    found = losses(study)
    assert all(math.isfinite(loss) for loss in found[:-1])
    assert not math.isfinite(found[-1])
    assert row(study)["iterations"] == len(found) == ending.iterations


def test_losses_above_the_limit_for_a_while_end_a_trial_as_diverged(run: Run) -> None:
    ending, study = run(max_epochs=5, loss_limit=1e-6, loss_limit_iterations=7)
    assert (ending.status, ending.stop_reason, ending.iterations) == ("diverged", "loss_limit", 7)
    assert row(study)["status"] == "diverged"
    assert len(losses(study)) == 7


def test_by_default_the_limit_is_ten_times_the_loss_of_the_initial_weights(run: Run) -> None:
    # The loss w², 1 at first, is four times larger after each update: 1, 4, 16, 64. Two of three are above 10 then.
    settings = {"workload": "toy_workloads:Square", "batch_size": 20, "lr": 1.5, "momentum": 0}
    ending, study = run(**settings, max_iterations=9, loss_limit_iterations=3)
    assert losses(study) == pytest.approx([1, 4, 16, 64], rel=1e-5)
    assert (ending.status, ending.stop_reason) == ("diverged", "loss_limit")


@pytest.mark.parametrize(
    ("workload", "batch_size", "told"),
    [("toy_workloads:Picky", 11, "CUDA out of memory"), ("toy_workloads:TooLargeForTheMachine", 2, "memory")],
)
def test_memory_that_runs_out_ends_a_trial_as_out_of_memory(
    run: Run, workload: str, batch_size: int, told: str
) -> None:
    ending, study = run(workload=workload, batch_size=batch_size, max_iterations=5)
    assert ending.status == row(study)["status"] == "out_of_memory"
    assert told in row(study)["message"]
    assert "\n" not in row(study)["message"]


def test_any_other_error_is_raised_and_leaves_the_trial_without_a_row(run: Run, paths: Any) -> None:
    with pytest.raises(ValueError, match="seven is too many"):
        run(workload="toy_workloads:Picky", batch_size=7, max_iterations=5)
    assert paths.trial_ids("trials") == []
