"""Trials whose metrics or loss are no mean over examples, from the look to the store."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bs_study import open_study
from bs_study.config.asked import asked
from bs_study.launch.prepare import prepared
from bs_study.store.reader import Study
from bs_study.training.placement import Machine, Pacing
from bs_study.training.trial import run_trial
from tests.toy.judged_workloads import plane


def trained(folder: Path, workload: str, **settings: Any) -> Study:
    """Return a study of one trial, looked at and trained in this process."""
    grid = {"batch_sizes": (20,), "lrs": (0.1,), "max_iterations": 40, "local": True, "store": str(folder)}
    study = prepared(*asked(grid | {"workload": f"judged_workloads:{workload}"} | settings))
    study.create()
    for trial in study.trials:
        run_trial(trial, study.place, Machine("cpu", threads=1), pacing=Pacing(checkpoint_seconds=60), data=study.data)
    return open_study(study.paths.uri)


@pytest.mark.parametrize("eval_batch_size", [7, 1000])
def test_an_rmse_of_torchmetrics_is_that_of_the_held_out_set_and_reaches_the_target(
    tmp_path: Path, eval_batch_size: int
) -> None:
    study = trained(
        tmp_path, "Regression", max_iterations=400, min_iterations=0, lrs=(0.5,), eval_batch_size=eval_batch_size
    )
    assert study.trials()["stop_reason"].tolist() == ["target"]
    found = study.evaluations()
    variance = plane(200, seed=1)[1].double().var(correction=0).item()
    assert np.allclose(found["rmse"], found["loss"] ** 0.5, rtol=1e-4)
    assert np.allclose(found["r2"], 1 - found["loss"] / variance, rtol=1e-4)
    assert found["rmse"].iloc[-1] <= 0.1 < found["rmse"].iloc[:-1].min()


@pytest.mark.parametrize(("workload", "named"), [("Weighted", 200), ("ByWeight", None)])
def test_a_loss_with_class_weights_is_the_same_whatever_the_batch_size_of_evaluations(
    tmp_path: Path, workload: str, named: int | None
) -> None:
    whole, parts = (trained(tmp_path / str(size), workload, eval_batch_size=size) for size in (1000, 4))
    assert len(parts.evaluations()) > 3
    assert np.allclose(whole.evaluations()["loss"], parts.evaluations()["loss"], rtol=1e-5)
    assert np.array_equal(whole.iterations()["loss"], parts.iterations()["loss"])
    for study in (whole, parts):
        (size,) = study.trials()["eval_loss_batch_size"]
        assert size == named if named else np.isnan(size)


def test_the_test_set_is_judged_as_the_validation_set_is(tmp_path: Path) -> None:
    whole, parts = (
        trained(tmp_path / str(size), "Weighted", eval_batch_size=size, validation_examples=100).evaluations()
        for size in (1000, 4)
    )
    assert np.allclose(whole[["loss", "test_loss"]], parts[["loss", "test_loss"]], rtol=1e-5)
    assert not np.allclose(parts["loss"], parts["test_loss"])
