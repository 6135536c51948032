"""A batch that does not fit is trained in micro-batches: the same update; what can't be is refused by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bs_study import TrialConfig, open_study
from bs_study.store.paths import StudyPaths, study_paths
from bs_study.training.progress import Ending
from tests.faults.attempts import begin_study, train_here
from tests.faults.conftest import Ended
from tests.faults.same_rows import table

METRICS = ("accuracy", "loss")
Run = Callable[..., tuple[Ending, pd.Series]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a trial of 40 iterations where so many examples fit; return its ending and its row."""

    def run_one(*, fits: int, workload: str = "Fits", batch_size: int = 64, **settings: Any) -> tuple[Ending, Any]:
        from faulty_workloads import Fits

        monkeypatch.setattr(Fits, "fits", fits)
        paths = study_paths(tmp_path / f"{workload}-{fits}-{settings.get('micro_batch')}")
        trial = TrialConfig(
            workload=f"faulty_workloads:{workload}",
            batch_size=batch_size,
            lr=0.1,
            seed=0,
            max_iterations=40,
            **settings,
        )
        ending = train_here(trial, begin_study(paths, metrics=METRICS), checkpoint_seconds=0.05)
        return ending, paths

    return run_one


def row(paths: StudyPaths) -> pd.Series:
    rows = table(paths.root, "trials")
    assert len(rows) == 1
    return rows.iloc[0]


@pytest.mark.parametrize(("fits", "used"), [(63, 32), (32, 32), (20, 16), (2, 2)])
def test_a_batch_that_does_not_fit_is_halved_until_it_does_and_updates_as_the_whole_would(
    run: Any, fits: int, used: int
) -> None:
    ending, halved = run(fits=fits)
    _, whole = run(fits=10**9)
    assert (ending.status, row(halved)["micro_batch_used"], row(whole)["micro_batch_used"]) == ("completed", used, 64)
    losses = [table(paths.root, "iterations")["loss"].to_numpy() for paths in (halved, whole)]
    assert len(losses[0]) == 40
    np.testing.assert_allclose(*losses, rtol=2e-4)
    judged = [table(paths.root, "evaluations")["loss"].to_numpy() for paths in (halved, whole)]
    np.testing.assert_allclose(*judged, rtol=2e-4)


def test_a_micro_batch_that_is_asked_for_is_used_and_its_uneven_rest_counts_by_its_size(run: Any) -> None:
    _, asked = run(fits=10**9, micro_batch=24)  # 64 = 24 + 24 + 16, and the epoch ends with 29 = 24 + 5
    _, whole = run(fits=10**9)
    assert row(asked)["micro_batch"] == row(asked)["micro_batch_used"] == 24
    losses = [table(paths.root, "iterations")["loss"].to_numpy() for paths in (asked, whole)]
    np.testing.assert_allclose(*losses, rtol=2e-4)


def test_a_model_with_batch_statistics_is_refused_micro_batches_and_told_how_to_allow_them(run: Any) -> None:
    ending, paths = run(fits=32, workload="FitsWithBatchNorm")
    assert ending.status == row(paths)["status"] == "out_of_memory"
    for word in ("CUDA out of memory", "batch statistics", "--micro-batch"):
        assert word in row(paths)["message"]
    assert len(table(paths.root, "iterations")) == 0


def test_a_model_with_batch_statistics_is_trained_in_micro_batches_where_they_are_asked_for(run: Any) -> None:
    ending, paths = run(fits=20, workload="FitsWithBatchNorm", micro_batch=32)
    assert ending.status == "completed"
    assert row(paths)["micro_batch_used"] == 16
    assert len(table(paths.root, "iterations")) == 40


def test_a_model_with_batch_statistics_that_fits_is_left_alone(run: Any) -> None:
    ending, _ = run(fits=64, workload="FitsWithBatchNorm")
    assert (ending.status, ending.message) == ("completed", None)


def test_where_one_example_fits_alone_parts_of_one_are_trained_only_if_they_are_asked_for(run: Any) -> None:
    unseen, paths = run(fits=1)
    assert unseen.status == "out_of_memory"
    assert "--micro-batch 1" in row(paths)["message"]
    asked, paths = run(fits=1, micro_batch=1)
    assert (asked.status, row(paths)["micro_batch_used"]) == ("completed", 1)


def test_memory_too_small_for_a_single_example_is_an_answer_and_other_trials_go_on(
    tmp_path: Path, grid: Callable[..., Ended]
) -> None:
    flags = ("--workload", "toy_workloads:Picky", "--batch-sizes", "11", "64", "--lrs", "0.1", "--local")
    from faulty_workloads import Fits

    Fits.fits = 0
    try:
        ended = grid(
            "--workload", "faulty_workloads:Fits", "--batch-sizes", "1", "64", "--lrs", "0.1", "--local",
            "--max-iterations", "5",
        )  # fmt: skip
    finally:
        Fits.fits = 10**9
    assert ended.status == 0
    trials = table(tmp_path / "results" / "fits", "trials")
    assert trials["status"].tolist() == ["out_of_memory"] * 2
    assert trials["micro_batch_used"].tolist() == [1, 64]
    assert "two examples do not fit" in trials.set_index("batch_size").loc[64, "message"]
    assert grid(*flags, "--max-iterations", "5").status == 0
    assert dict(open_study(tmp_path / "results" / "picky").trials()[["batch_size", "status"]].to_numpy().tolist()) == {
        11: "out_of_memory",
        64: "completed",
    }
