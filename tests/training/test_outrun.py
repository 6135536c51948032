"""A trial that is outrun: it ends itself at the evaluation by which it had to meet its target, and no loss changes."""

from __future__ import annotations

import importlib
import itertools
from collections.abc import Callable

import pytest

from bs_study.bound import Bound
from bs_study.training.progress import Progress
from tests.training.interrupted import TRIAL
from tests.training.recorded import FLICKERING, Run, losses, row

WINNER = "b20-lr9-s0-abcdef"


def by(iterations: int, *, spared: float = 9.0) -> Callable[[], Bound]:
    return lambda: Bound(iterations, outrun_by=WINNER, spared=frozenset({spared}))


@pytest.fixture
def scores(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Set after which iterations the target is met."""

    def set_met(*met: int) -> None:
        monkeypatch.setattr("toy_workloads.Flickering.scores", [float(k in met) for k in range(100)])

    return set_met


@pytest.mark.parametrize(("bound", "every", "end"), [(7, 20, 7), (7, 60, 9), (9, 60, 9), (0, 60, 3)])
def test_it_ends_at_the_first_evaluation_that_is_at_its_bound_or_beyond(
    run: Run, scores: Callable[..., None], bound: int, every: int, end: int
) -> None:
    scores()
    ending, study = run(
        **FLICKERING | {"eval_every_examples": every, "max_iterations": 50}, bound=by(bound)
    )  # examples of 20: every 1 or 3 iterations
    assert (ending.status, ending.stop_reason, ending.iterations) == ("completed", "outrun", end)
    assert (ending.bound, ending.outrun_by, ending.reached_iteration) == (bound, WINNER, None)
    found = row(study)
    assert (found["status"], found["stop_reason"], found["iterations"]) == ("completed", "outrun", end)
    assert (found["bound"], found["outrun_by"]) == (bound, WINNER)
    assert study.evaluations()["iteration"].max() == len(study.iterations()) == end
    assert study.paths.names(study.paths.live) == []


def test_an_attempt_that_finds_it_ended_by_another_tells_the_same(run: Run, scores: Callable[..., None]) -> None:
    scores()
    ending, _ = run(**FLICKERING, max_iterations=50, bound=by(7))
    again, study = run(**FLICKERING, max_iterations=50)
    assert again == ending
    assert row(study)["attempts"] == 1


def test_a_bound_that_comes_while_it_trains_ends_it_at_the_next_evaluation(
    run: Run, scores: Callable[..., None]
) -> None:
    scores()
    asked = itertools.count(1)
    ending, _ = run(**FLICKERING, max_iterations=50, bound=lambda: by(2)() if next(asked) > 4 else None)
    assert (ending.stop_reason, ending.iterations) == ("outrun", 5)


def test_a_trial_of_the_lr_that_leads_runs_on(run: Run, scores: Callable[..., None]) -> None:
    scores(12)
    ending, study = run(**FLICKERING, max_iterations=50, bound=by(2, spared=1.0))
    assert (ending.stop_reason, ending.iterations) == ("target", 12)
    assert study.trials()[["bound", "outrun_by"]].isna().all(axis=None)


def test_the_target_comes_before_a_budget_and_a_budget_before_the_bound(run: Run, scores: Callable[..., None]) -> None:
    scores(7)
    assert run(**FLICKERING, max_iterations=7, bound=by(7))[0].stop_reason == "target"
    scores(8)
    assert run(**FLICKERING, seed=1, max_iterations=7, bound=by(7))[0].stop_reason == "max_iterations"
    assert run(**FLICKERING, seed=2, max_iterations=8, bound=by(7))[0].stop_reason == "outrun"


def test_a_budget_in_seconds_comes_before_the_bound_too(run: Run) -> None:
    spent, _ = run(max_train_seconds=1e-4, target="accuracy>=1", min_iterations=0, bound=by(1))
    assert spent.stop_reason == "max_train_seconds"
    ending, study = run(max_train_seconds=60, seed=1, target="accuracy>=1", min_iterations=0, bound=by(1))
    assert ending.stop_reason == "outrun"
    assert ending.iterations == study.evaluations(seed=1)["iteration"].tolist()[0]


def test_with_a_window_one_evaluation_that_meets_the_target_saves_no_trial(
    run: Run, scores: Callable[..., None]
) -> None:
    scores(5, 7, 8)
    windowed = FLICKERING | {"target_window": 3, "max_iterations": 50}
    assert run(**windowed, bound=by(5))[0].iterations == 5
    ending, _ = run(**windowed, seed=1, bound=by(7))
    assert (ending.stop_reason, ending.iterations) == ("target", 7)  # of 5, 6 and 7 two met it


def test_a_bound_that_never_bites_leaves_each_row_as_it_is(run: Run) -> None:
    settings = {"max_iterations": 60, "target": "accuracy>=0.999", "min_iterations": 0, "workload": "digits"}
    _, study = run(**settings)
    free = losses(study), study.evaluations()[["iteration", "accuracy", "loss"]].to_numpy().tolist()
    for file in study.paths.trial_ids("trials"):
        study.paths.remove(study.paths.trial_file("trials", file))
    asked = []
    _, study = run(**settings, bound=lambda: asked.append(1) or by(61)())
    assert (losses(study), study.evaluations()[["iteration", "accuracy", "loss"]].to_numpy().tolist()) == free
    assert len(asked) == len(study.evaluations()) - 1  # not asked where the budget ended it


def test_a_trial_that_goes_on_after_an_interruption_is_outrun_with_the_losses_of_an_unbroken_one(
    run: Run, unbroken: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    racing = TRIAL | {"stop_at_target": True, "target": "accuracy>=1", "min_iterations": 0}
    with monkeypatch.context() as patch:
        patch.setattr(importlib.import_module("faulty_workloads").Interrupted, "after", 40)
        with pytest.raises(RuntimeError, match="interrupted by the test"):
            run(**racing)
    ending, study = run(**racing, bound=by(45))
    assert (ending.stop_reason, row(study)["attempts"]) == ("outrun", 2)
    assert 45 <= ending.iterations < 60
    assert losses(study) == unbroken[: ending.iterations]


def test_it_is_outrun_at_once_where_the_evaluation_was_still_to_come(run: Run, scores: Callable[..., None]) -> None:
    def interrupt(progress: Progress) -> None:
        if progress.iteration == 6:
            raise RuntimeError("interrupted by the test")

    scores()
    trial = FLICKERING | {"max_iterations": 50, "checkpoint_seconds": 1e-9, "report_seconds": 0}
    with pytest.raises(RuntimeError, match="interrupted by the test"):
        run(**trial, report=interrupt)
    ending, _ = run(**trial, bound=by(2))
    assert (ending.stop_reason, ending.iterations) == ("outrun", 6)
