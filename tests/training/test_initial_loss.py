"""The limit of a trial's losses follows from the training loss of its initial weights."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
import torch

from bs_study.config import TrialConfig
from bs_study.training.assembly import Assembly, assemble
from bs_study.training.data import trial_data
from bs_study.training.initial_loss import initial_loss, robust_mean
from bs_study.training.placement import Machine
from bs_study.training.randomness import host_random_state, seed_generators
from bs_study.workloads import load_workload
from tests.training.recorded import Run, losses, row

PENALISED = {"workload": "odd_losses:Penalised", "batch_size": 8, "max_iterations": 150, "min_iterations": 150}


def assembled(workload: str, *, batch_size: int, seed: int = 0, **settings: Any) -> Assembly:
    trial = TrialConfig(workload=workload, batch_size=batch_size, lr=0.1, seed=seed, max_iterations=9, **settings)
    loaded = load_workload(workload)
    data = trial_data(trial, loaded, Path("/"))
    seed_generators(seed)
    return assemble(trial, loaded, data, Machine("cpu", threads=1, loader_processes=0), losses_kept=9)


def test_a_penalty_that_metrics_lack_does_not_make_a_healthy_trial_diverged(run: Run) -> None:
    ending, study = run(**PENALISED)
    assert (ending.status, ending.iterations) == ("completed", 150)
    assert min(losses(study)) >= 1000
    assert study.evaluations()["loss"].max() < 10


def test_by_a_limit_of_the_metrics_loss_it_would_be(run: Run) -> None:
    assert run(**PENALISED, loss_limit=100)[0].status == "diverged"


@pytest.mark.parametrize("batch_size", [1, 7, 64, 1000])
def test_it_is_the_mean_over_the_first_examples_whatever_the_batch_size(batch_size: int) -> None:
    found = [initial_loss(assembled("odd_losses:Uneven", batch_size=batch_size, seed=seed)) for seed in range(5)]
    assert found == pytest.approx([1.0] * 5, abs=0.5)


def test_a_single_wild_example_does_not_set_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("odd_losses.Uneven.wild", 1e9)
    assert initial_loss(assembled("odd_losses:Uneven", batch_size=16)) == pytest.approx(1.0, abs=0.5)
    assert initial_loss(assembled("odd_losses:Uneven", batch_size=300)) == pytest.approx(1.0, abs=0.5)


def test_losses_that_are_not_finite_do_not_count() -> None:
    assert robust_mean(torch.tensor([float("nan"), 2.0, float("inf")]).numpy()) == 2.0
    assert robust_mean(torch.tensor([float("nan")]).numpy()) != robust_mean(torch.tensor([float("nan")]).numpy())


@pytest.mark.parametrize("loader", ["resident", "workers"])
def test_it_leaves_no_trace(loader: str) -> None:
    assembly = assembled("odd_losses:Uneven", batch_size=10, loader=loader)
    workload, drawn = assembly.learner.workload, host_random_state()
    initial_loss(assembly)
    assert host_random_state() == drawn
    assert assembly.learner.workload is workload
    assert workload.losses == 0  # type: ignore[attr-defined]
    assert all(parameter.grad is None for parameter in assembly.learner.model.parameters())


def test_losses_are_the_same_with_a_limit_of_ones_own(run: Run, paths: Any) -> None:
    found: list[list[float]] = []
    for limit in (None, 1e6):
        paths.remove(paths.root)
        settings = {"workload": "odd_losses:Dropped", "batch_size": 32, "loader": "workers", "loss_limit": limit}
        found.append(losses(run(**settings, max_iterations=15, loader_processes=1)[1]))
    assert found[0] == found[1]


def test_it_counts_as_warm_up_and_is_not_made_again_by_a_later_attempt(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_: object) -> None:
        reports.append(1)
        if len(reports) == 2:  # the first comes before a checkpoint
            raise RuntimeError("interrupted by the test")

    def looks(assembly: Assembly) -> float:
        made.append(assembly)
        time.sleep(0.5)
        return 5.0

    made: list[Assembly] = []
    reports: list[int] = []
    monkeypatch.setattr("bs_study.training.run.initial_loss", looks)
    monkeypatch.setattr("bs_study.training.run.STRETCH_SECONDS", 0)
    trial = {"max_iterations": 30, "stop_at_target": False}
    with pytest.raises(RuntimeError, match="interrupted by the test"):
        run(**trial, checkpoint_seconds=1e-9, report_seconds=0, report=interrupt)
    _, study = run(**trial)
    assert (row(study)["attempts"], len(made)) == (2, 1)
    assert row(study)["warmup_seconds"] >= 0.5
    assert row(study)["train_seconds"] < row(study)["wall_seconds"] - 0.5


def test_memory_that_runs_out_in_it_halves_as_an_update_would(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("odd_losses.Circle.fits", 40)
    assembly = assembled("odd_losses:Circle", batch_size=100)
    assert initial_loss(assembly) == pytest.approx(0.7, abs=0.3)
    assert assembly.learner.micro_batch == 25
    with pytest.raises(MemoryError, match="no mean over examples"):
        initial_loss(assembled("odd_losses:Contrast", batch_size=100))
