"""A trial that is asked to end early writes a checkpoint where it is, and goes on as if nothing had happened."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from bs_study import Study
from bs_study.store.paths import StudyPaths, study_paths
from bs_study.training.interruption import Interrupted, Interruption
from tests.faults.same_rows import CLOCKS
from tests.training.recorded import Run, row

TRIAL = {
    "workload": "faulty_workloads:Interrupted", "optimizer": "adam", "max_iterations": 60, "stop_at_target": False,
    "eval_batch_size": 100, "eval_every_examples": 640, "checkpoint_seconds": 1e6,
    "loss_limit": 1e6,  # given, so that each loss in training mode is of an update
}  # fmt: skip
EVALUATION = 4  # batches of the 360 digits that judge


def rows(study: Study) -> tuple[pd.DataFrame, pd.DataFrame]:
    evaluations = study.evaluations().drop(columns=list(CLOCKS), errors="ignore")
    return study.iterations(), evaluations


@pytest.fixture(scope="module")
def unbroken(run_in: Run, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return rows(run_in(study_paths(tmp_path_factory.mktemp("unbroken") / "study"), **TRIAL)[1])


def do_at_call(patch: pytest.MonkeyPatch, method: str, call: int, then: Callable[[], None]) -> list[int]:
    """Do something in the middle of this call of a method of the workload; return what counts its calls."""
    workload = importlib.import_module("faulty_workloads").Interrupted
    original = getattr(workload, method)
    calls: list[int] = []

    def counting(self: Any, model: Any, *batch: Any) -> Any:
        if method != "loss" or model.training:
            calls.append(len(calls) + 1)
            if len(calls) == call:
                then()
        return original(self, model, *batch)

    patch.setattr(workload, method, counting)
    return calls


@pytest.mark.parametrize(
    ("method", "call", "iteration"),
    [
        ("loss", 1, 1),
        ("loss", 25, 25),
        ("loss", 23, 23),  # the end of an epoch
        ("metrics", 3 * EVALUATION + 2, 31),  # the first evaluation is of the initial weights
        ("metrics", 5 * EVALUATION, 41),  # so late that it is made to its end
    ],
)
def test_a_trial_that_is_interrupted_loses_nothing_and_goes_on_bit_for_bit(
    run: Run, paths: StudyPaths, unbroken: Any, method: str, call: int, iteration: int
) -> None:
    interruption = Interruption()
    with pytest.MonkeyPatch.context() as patch:
        do_at_call(patch, method, call, interruption.ask)
        with pytest.raises(Interrupted):
            run(**TRIAL, interruption=interruption)
    assert len(Study(paths, live=True).iterations()) == iteration
    with pytest.MonkeyPatch.context() as patch:
        updates = do_at_call(patch, "loss", 0, lambda: None)
        _, study = run(**TRIAL)
    assert len(updates) == 60 - iteration
    for found, wanted in zip(rows(study), unbroken, strict=True):
        assert_frame_equal(found, wanted, check_exact=True)
    assert row(study)["attempts"] == 2


def test_a_trial_that_has_come_to_its_end_by_then_is_committed(run: Run, paths: StudyPaths, unbroken: Any) -> None:
    interruption = Interruption()
    with pytest.MonkeyPatch.context() as patch:
        do_at_call(patch, "metrics", 7 * EVALUATION, interruption.ask)
        ending, study = run(**TRIAL, interruption=interruption)
    assert (ending.status, ending.iterations) == ("completed", 60)
    for found, wanted in zip(rows(study), unbroken, strict=True):
        assert_frame_equal(found, wanted, check_exact=True)


def test_only_training_and_the_commit_hold_an_interruption_back(run: Run) -> None:
    seen: dict[str, bool] = {}
    interruption = Interruption()
    with pytest.MonkeyPatch.context() as patch:
        do_at_call(patch, "metrics", 1, lambda: seen.update(start=interruption.is_held_back))
        do_at_call(patch, "loss", 1, lambda: seen.update(training=interruption.is_held_back))
        patch.setattr(
            "bs_study.store.writer.TrialWriter.commit", lambda *_: seen.update(commit=interruption.is_held_back)
        )
        run(**TRIAL, interruption=interruption)
    assert seen == {"start": False, "training": True, "commit": True}
    assert not interruption.is_held_back


def test_a_trial_that_is_asked_to_end_before_it_begins_leaves_nothing(run: Run, paths: StudyPaths) -> None:
    interruption = Interruption()
    interruption.ask()
    with pytest.raises(Interrupted):
        run(**TRIAL, interruption=interruption)
    assert not Path(paths.live).exists() or list(Path(paths.live).iterdir()) == []
