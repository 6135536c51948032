"""Probes of models that are not plain: what they keep stays theirs, and what a probe can't do ends it alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from bs_study import Study
from bs_study.store.check.study import problems
from bs_study.store.paths import StudyPaths
from bs_study.training.batches import batch_seed
from bs_study.training.curvature import lanczos
from bs_study.training.interruption import Interrupted, Interruption
from bs_study.training.probe import probe_seed
from bs_study.training.progress import Ending

Run = Callable[..., tuple[Ending, Study]]
SETTINGS = {"lr": 0.01, "stop_at_target": False, "eval_every_examples": 10**9, "batch_size": 700}


@pytest.fixture
def trained(run: Run, paths: StudyPaths) -> Callable[..., tuple[Ending, Study]]:
    """Run a trial of a workload in tests/toy/own_state.py with probes, in a place without others."""

    def one(name: str, **settings: Any) -> tuple[Ending, Study]:
        paths.remove(paths.root)
        return run(**SETTINGS | {"workload": f"own_state:{name}", "probes": True, "curvature": True} | settings)

    return one


@pytest.mark.parametrize("workload", ["Counting", "Taught"])
def test_what_workload_and_model_keep_beside_buffers_is_left_as_it_was(trained: Run, workload: str) -> None:
    with_probes = trained(workload, max_iterations=60)[1]
    found, eigenvalue = with_probes.iterations(), with_probes.trials()["largest_eigenvalue"].iloc[0]
    assert len(with_probes.gradients()) > 3
    assert found.equals(trained(workload, max_iterations=60, probes=False, curvature=False)[1].iterations())
    assert 0 < eigenvalue < 100  # each product sees the same loss


def test_a_batch_that_skips_an_expert_has_a_gradient_of_0_for_it(trained: Run) -> None:
    study = trained("Experts", max_iterations=400, optimizer="adam", lr=1e-9, curvature=False)[1]
    cosines = study.gradients()["cos_next"]
    assert cosines.iloc[:-1].notna().all()
    assert cosines.between(-1, 1).sum() > 20


def test_a_model_that_can_not_be_probed_is_trained_all_the_same(trained: Run) -> None:
    ending, study = trained("Chained", max_iterations=10, batch_size=40)
    assert ending.status == "completed"
    assert "gradients were probed no more: The size of tensor" in study.trials()["message"].iloc[0]
    assert study.trials()["probes"].iloc[0] == 0


def test_the_gradient_of_a_complex_weight_has_two_numbers(trained: Run) -> None:
    study = trained("Complex", max_iterations=2, lr=1e-9)[1]
    row = study.gradients().iloc[0]
    assert row["g2"] == pytest.approx(1 + 4)
    assert row["cos_next"] == pytest.approx(1)
    assert study.trials()["largest_eigenvalue"].iloc[0] == pytest.approx(1 + 4)
    # Adam's first step scales each of the two by its size.
    scaled = trained("Complex", max_iterations=2, lr=1e-9, optimizer="adam")[1].gradients()["g2_scaled"].iloc[0]
    assert scaled == pytest.approx(1 + 2, rel=1e-4)


def test_moments_of_weights_that_are_no_numbers_any_more_are_null_and_no_damage(run: Run, paths: StudyPaths) -> None:
    settings = SETTINGS | {"workload": "probed:Regression", "lr": 1e38, "probes": True, "max_iterations": 3}
    ending, study = run(**settings)
    assert ending.status == "diverged"
    row = study.gradients().iloc[0]
    assert row[["g2", "tr_sigma"]].isna().all()
    assert [problem for problem in problems(paths) if "gradients" in problem] == []


def test_a_trial_that_goes_on_with_probes_is_not_probed_for_what_it_did_without(
    run: Run, trained: Run, paths: StudyPaths
) -> None:
    interruption = Interruption()

    def ask(progress: Any) -> None:
        if progress.iteration >= 100:
            interruption.ask()

    settings = SETTINGS | {"workload": "probed:Masked", "max_iterations": 200}
    with pytest.raises(Interrupted):
        run(**settings, interruption=interruption, report=ask, report_seconds=0)
    rows = run(**settings, probes=True)[1].gradients()
    apart = np.diff(rows["examples"])
    assert len(rows) > 3
    assert (apart >= 64 / 0.03 - 700).all()


def test_no_batch_has_the_seed_of_a_probe() -> None:
    seeds = {batch_seed(seed, epoch, start) for seed in (0, 1) for epoch in range(20) for start in (0, 1)}
    assert not seeds & {probe_seed(seed, iteration) for seed in (0, 1) for iteration in range(20)}


def test_an_eigenvalue_that_is_not_settled_is_not_told() -> None:
    start = [torch.randn(3000, generator=torch.Generator().manual_seed(0), dtype=torch.float64)]
    scale = -(torch.linspace(1e-4, 1, 3000, dtype=torch.float64) ** 4)  # which gather below 0
    with pytest.raises(ArithmeticError, match="do not settle"):
        lanczos(lambda vector: [scale * vector[0]], start)
    spread = torch.linspace(-3, 1, 3000, dtype=torch.float64)
    assert lanczos(lambda vector: [spread * vector[0]], start) == pytest.approx(1, rel=1e-2)
    assert np.isnan(lanczos(lambda vector: [vector[0] * np.nan], start))
