"""Trials of several versions of workload and data: one version is judged, and nothing is pooled."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from bs_study import Study, open_study
from bs_study.analysis.rows import read_rows
from bs_study.analysis.study import Analysis
from bs_study.answer import analyse

CONFIG = {"batch_sizes": [10, 20], "lrs": [0.1, 0.2], "seeds": [0], "max_iterations": 200, "target": "loss<=0.5"}
SINCE = {1: "2026-11-25T08:00:00+00:00", 2: "2026-11-26T21:03:00+00:00"}


@pytest.fixture
def study(write_study: Callable[..., Study], trial: Callable[..., Any]) -> Callable[..., Study]:
    """Write a study: (batch size, lr) to version, iterations to the target, and how the trial ended."""

    def write(cells: dict[tuple[int, float], tuple[int, int, str]], *, in_force: Sequence[int] = (1, 2)) -> Study:
        trials = [
            trial(
                *cell,
                loss=[1.0] * iterations,
                evaluations=[look(iteration, 0.4 if iteration == iterations else 0.9) for iteration in (5, iterations)],
                columns={"workload_version": version, "status": status, "train_seconds": iterations / 10},
            )
            for cell, (version, iterations, status) in cells.items()
        ]
        written = write_study(trials, config=CONFIG, metrics=("loss", "f1"))
        versions = [{"version": v, "since": SINCE[v], "metrics": ["loss"] + ["f1"] * (v == 2)} for v in in_force]
        file = Path(written.paths.study_json)
        file.write_text(json.dumps(json.loads(file.read_text()) | {"versions": versions}))
        return open_study(written.paths.root)

    return write


def look(iteration: int, loss: float) -> dict[str, Any]:
    clocks = dict.fromkeys(["load_seconds", "compute_seconds", "eval_seconds"], 0.0)
    return {
        "epoch": 1.0,
        "iteration": iteration,
        "examples": iteration,
        "train_seconds": iteration / 10,
        "loss": loss,
    } | clocks


def warned(found: Analysis) -> dict[str, float]:
    (one,) = (warning for warning in found.warnings if warning.kind == "several_versions")
    return dict(one.numbers)


def test_the_version_in_force_alone_is_judged_though_another_was_sooner(study: Callable[..., Study]) -> None:
    cells = {(10, 0.1): (1, 10, "completed"), (20, 0.1): (2, 50, "completed"), (20, 0.2): (2, 40, "completed")}
    found = analyse(study(cells))
    assert found.best_cell
    assert found.best_cell[1:] == (20, 0.2)
    assert [tuple(cell) for cell in found.tables.convergence[["batch_size", "lr"]].to_numpy()] == [(20, 0.1), (20, 0.2)]
    assert warned(found) == {"judged": 2, "version_1": 1, "version_2": 2}
    assert found.tables.versions["is_judged"].tolist() == [False, True, True]


def test_seeds_of_one_cell_that_are_of_two_versions_are_not_one_median(
    write_study: Callable[..., Study], trial: Callable[..., Any]
) -> None:
    trials = [
        trial(10, 0.1, seed=seed, loss=[1.0], evaluations=[look(n, 0.4)], columns={"workload_version": 1 + seed})
        for seed, n in ((0, 10), (1, 90))
    ]
    found = analyse(write_study(trials, config=CONFIG | {"seeds": [0, 1]}, metrics=("loss",)))
    assert found.tables.convergence["iterations_to_target"].tolist() == [90]


def test_trials_that_ended_with_another_version_are_neither_open_nor_missing(study: Callable[..., Study]) -> None:
    cells = {(10, 0.1): (1, 10, "completed"), (10, 0.2): (1, 10, "failed"), (20, 0.1): (2, 50, "completed")}
    rows = read_rows(study(cells))
    assert (rows.state.ended, rows.state.missing) == (1, 2)  # the failed one is tried again, with the new version
    assert sorted(rows.open_cells["lr"]) == [0.2, 0.2]


def test_a_step_adds_what_the_study_does_not_have_with_any_version(study: Callable[..., Study]) -> None:
    cells = {(10, 0.1): (1, 10, "completed"), (10, 0.2): (1, 9, "completed"), (20, 0.1): (1, 8, "completed")}
    found = analyse(study(cells | {(20, 0.2): (2, 50, "completed")}))
    steps = {step.kind: step for step in found.recommendation.steps}
    assert steps["seeds"].seeds[0] == 1
    assert steps["seeds"].trials == 4 * len(steps["seeds"].seeds)  # which tries all cells with the version in force
    assert not {10, 20} & set(steps["batch_sizes"].batch_sizes)
    assert "lrs" not in steps or not {0.1, 0.2} & set(steps["lrs"].lrs)


def test_while_no_trial_of_the_newest_version_has_an_answer_the_one_before_is_judged(
    study: Callable[..., Study],
) -> None:
    found = analyse(study({(10, 0.1): (1, 10, "completed"), (20, 0.1): (2, 50, "failed")}))
    assert warned(found)["judged"] == 1
    assert found.best_cell
    assert found.best_cell[1:] == (10, 0.1)


def test_a_metric_that_only_another_version_has_can_not_be_asked_for(study: Callable[..., Study]) -> None:
    cells = {(10, 0.1): (1, 10, "completed"), (20, 0.1): (2, 50, "completed")}
    with pytest.raises(ValueError, match="no metric 'f1'"):
        analyse(study(cells, in_force=(1, 2, 1)), "f1>=0.5")


def test_a_study_of_one_version_says_nothing_of_versions(study: Callable[..., Study]) -> None:
    found = analyse(study({(10, 0.1): (2, 10, "completed"), (20, 0.1): (2, 50, "completed")}))
    assert found.tables.versions.empty
    assert not any(warning.kind == "several_versions" for warning in found.warnings)
