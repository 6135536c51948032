"""Probes of the gradients: when they come, that they tell the truth, and that training goes on as without them."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bs_study import Study
from bs_study.analysis.sharpness import sharpness_table
from bs_study.store.paths import StudyPaths
from bs_study.training.curvature import largest_eigenvalue
from bs_study.training.interruption import Interrupted, Interruption
from bs_study.training.progress import Ending

Run = Callable[..., tuple[Ending, Study]]
STILL = {"lr": 1e-12, "stop_at_target": False, "eval_every_examples": 10**9}  # the weights stay where they begin


@pytest.fixture
def probed(run: Run, paths: StudyPaths) -> Callable[..., Study]:
    """Run a trial of a workload in tests/toy/probed.py with probes, in a place without others."""

    def one(name: str, *, status: str = "completed", **settings: Any) -> Study:
        paths.remove(paths.root)
        ending, study = run(**STILL | {"workload": f"probed:{name}", "probes": True} | settings)
        assert ending.status == status
        return study

    return one


def due(examples: int, batch_size: int, iterations: int, *, chunk: int) -> list[int]:
    """Return the iterations that probes follow, by the rule as it is said."""
    per_epoch = -(-examples // batch_size)
    sizes = (min(batch_size, examples - i % per_epoch * batch_size) for i in range(iterations))
    found, seen = list[int](), 0
    for iteration, size in enumerate(sizes, start=1):
        seen += size
        if iteration == 1 or Fraction(3, 100) * seen > 8 * chunk * len(found):
            found.append(iteration)
    return found


@pytest.mark.parametrize(("batch_size", "iterations"), [(64, 700), (7, 1300), (20_000, 12)])
def test_probes_come_after_the_first_iteration_and_whenever_3_percent_of_the_examples_exceed_those_probed(
    probed: Callable[..., Study], batch_size: int, iterations: int
) -> None:
    study = probed("Regression", batch_size=batch_size, max_iterations=iterations)
    rows = study.gradients()
    assert rows["iteration"].tolist() == due(40_000, batch_size, iterations, chunk=32)
    assert set(zip(rows["chunk"], rows["chunks"], rows["by_batch"], strict=True)) == {(32, 8, False)}
    iterations_table = study.iterations().set_index("iteration")
    assert rows["examples"].tolist() == iterations_table.loc[rows["iteration"], "examples"].tolist()
    row = study.trials().iloc[0]
    assert row["probes"] == len(rows)
    assert row["probe_seconds"] >= rows["probe_seconds"].sum() > 0


@pytest.mark.parametrize(
    ("workload", "batch_size", "chunk", "by_batch"),
    [("Quadratic", 60, 8, False), ("Dropped", 64, 8, False), ("Stateful", 64, 32, True), ("Stateful", 6, 6, True)],
)
def test_small_data_has_small_chunks_and_batch_statistics_chunks_no_larger_than_a_batch(
    probed: Callable[..., Study], workload: str, batch_size: int, chunk: int, by_batch: bool
) -> None:
    rows = probed(workload, batch_size=batch_size, max_iterations=40).gradients()
    assert len(rows)
    assert set(zip(rows["chunk"], rows["by_batch"], strict=True)) == {(chunk, by_batch)}


@pytest.mark.parametrize("settings", [{"batch_size": 1}, {"workload": "probed:Few"}, {"probes": False}])
def test_where_there_is_no_probe_the_table_is_empty_and_nothing_is_said(
    probed: Callable[..., Study], settings: dict[str, Any]
) -> None:
    study = probed("Regression", **{"batch_size": 2, "max_iterations": 5} | settings)
    assert len(study.gradients()) == 0
    row = study.trials().iloc[0]
    assert row["probes"] == 0
    assert pd.isna(row["message"])


def test_g2_and_tr_sigma_are_those_of_the_training_set_without_bias(probed: Callable[..., Study]) -> None:
    rows = probed("Regression", batch_size=64, max_iterations=8000).gradients()
    # Of 40,000 examples: |G|² 100 + 20100 / 40000 on average, and by the luck of this set.
    for name, truth, error in (("g2", 100, 4), ("tr_sigma", 20_100, 100)):
        mean, standard_error = rows[name].mean(), rows[name].std() / np.sqrt(len(rows))
        assert abs(mean - truth) < 3 * standard_error + error
        assert standard_error < 0.05 * truth


def test_the_norm_of_each_iterations_gradient_is_recorded(probed: Callable[..., Study]) -> None:
    study = probed("Regression", batch_size=200, max_iterations=300)
    # E|g|² = |G|² + tr Σ / B.
    assert study.iterations()["grad_norm2"].mean() == pytest.approx(100 + 20_100 / 200, rel=0.05)


def test_cos_next_is_of_the_gradients_of_two_iterations_in_a_row(probed: Callable[..., Study]) -> None:
    cosines = {
        size: probed("Regression", batch_size=size, max_iterations=iterations).gradients()["cos_next"]
        for size, iterations in ((10, 9000), (4000, 39))
    }
    for size, found in cosines.items():
        assert found.iloc[:-1].notna().all()
        assert found.mean() == pytest.approx(1 / (1 + 201 / size), abs=0.03)
    assert np.isnan(cosines[4000].iloc[-1])  # after the last iteration, which this probe follows, there is none


def test_adams_metric_scales_each_direction_by_what_its_update_is_scaled_by(probed: Callable[..., Study]) -> None:
    rows = probed("Regression", batch_size=4000, max_iterations=200, optimizer="adam", eps=1e-8).gradients()
    late = rows[rows["iteration"] > 100]
    # √v̂ᵢ is √E gᵢ² = √(1 + 201 / 4000) in each direction.
    assert (late["tr_sigma_scaled"] / late["tr_sigma"]).to_numpy() == pytest.approx((1 + 201 / 4000) ** -0.5, rel=0.05)
    assert (late["g2_scaled"] * late["g2"] > 0).all()
    sgd = probed("Regression", batch_size=4000, max_iterations=2).gradients()
    assert sgd[["g2_scaled", "tr_sigma_scaled"]].isna().all(axis=None)


@pytest.mark.parametrize("workload", ["Stateful", "Dropped"])
@pytest.mark.parametrize(
    "settings",
    [{}, {"optimizer": "adam", "micro_batch": 10}, {"precision": "bf16", "clip_norm": 0.5, "lr_decay": "cosine"}],
)
def test_losses_evaluations_and_clips_are_bit_for_bit_those_of_a_trial_without_probes(
    probed: Callable[..., Study], workload: str, settings: dict[str, Any]
) -> None:
    settings = settings | {"lr": 0.02, "batch_size": 48, "max_iterations": 150, "eval_every_examples": 500}
    found = []
    for looks in ({"probes": True, "curvature": True}, {"probes": False}):
        study = probed(workload, **settings, **looks)
        tables = study.iterations(), study.evaluations(), study.epochs(["iterations", "clipped_share"])
        found.append([t.drop(columns=[c for c in t.columns if "seconds" in c or "timed" in c]) for t in tables])
        assert bool(len(study.gradients())) is looks["probes"]
    for with_probes, without in zip(*found, strict=True):
        assert with_probes.equals(without)


@pytest.mark.parametrize("at", [40, 41, 42, 43, 44, 45, 46])
def test_the_probes_of_an_interrupted_trial_are_those_of_an_unbroken_one(
    probed: Callable[..., Study], run: Run, paths: StudyPaths, at: int
) -> None:
    settings = {"workload": "probed:Masked", "lr": 0.02, "batch_size": 700, "max_iterations": 60, "probes": True}
    unbroken = probed("Masked", **settings).gradients()
    paths.remove(paths.root)
    interruption = Interruption()

    def ask(progress: Any) -> None:
        if progress.iteration >= at:
            interruption.ask()

    with pytest.raises(Interrupted):
        run(**STILL | settings, interruption=interruption, report=ask, report_seconds=0)
    again = run(**STILL | settings)[1].gradients()
    same = [name for name in again.columns if name != "probe_seconds"]
    assert again[same].equals(unbroken[same])
    assert len(again) > 15


def test_sharpness_and_largest_eigenvalue_of_a_quadratic_are_its_own(probed: Callable[..., Study]) -> None:
    # On 512 of 600 examples, and by batches drawn with replacement.
    for lr, status, is_beyond in ((0.24, "completed", False), (0.26, "completed", True), (0.4, "diverged", True)):
        settings = {"lr": lr, "momentum": 0.0, "max_iterations": 12, "loss_limit_iterations": 5}
        study = probed("Quadratic", batch_size=600, status=status, curvature=True, **settings)
        assert study.trials()["largest_eigenvalue"].iloc[0] == pytest.approx(8, rel=0.01)
        assert study.gradients()["batch_sharpness"].between(0.2, 10).all()
        table = sharpness_table(study.gradients().assign(recipe=""), study.trials().assign(recipe=""))
        assert table["is_beyond"].tolist() == [is_beyond]


def test_without_curvature_there_is_none(probed: Callable[..., Study]) -> None:
    study = probed("Quadratic", batch_size=600, max_iterations=3)
    assert study.trials()["largest_eigenvalue"].isna().all()
    assert study.gradients()["batch_sharpness"].isna().all()


def test_memory_that_a_probe_has_not_ends_the_probes_and_not_the_trial(
    probed: Callable[..., Study], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = itertools.count()

    def short(*_: Any, **__: Any) -> Any:
        if next(calls) > 2:
            raise MemoryError("out of memory, says the test")
        return original(*_, **__)

    import bs_study.training.prober as prober

    original = prober.probe
    monkeypatch.setattr(prober, "probe", short)
    study = probed("Regression", batch_size=20_000, max_iterations=9)
    assert len(study.gradients()) == 3
    assert study.trials()["message"].iloc[0] == "gradients were probed no more: out of memory, says the test"


def test_a_trial_that_is_asked_to_end_leaves_its_eigenvalue_and_is_committed(
    probed: Callable[..., Study], monkeypatch: pytest.MonkeyPatch
) -> None:
    interruption = Interruption()

    def while_measured(*given: Any, **named: Any) -> float:
        interruption.ask()
        return largest_eigenvalue(*given, **named)

    monkeypatch.setattr("bs_study.training.prober.largest_eigenvalue", while_measured)
    study = probed("Quadratic", batch_size=600, max_iterations=3, curvature=True, interruption=interruption)
    row = study.trials().iloc[0]
    assert np.isnan(row["largest_eigenvalue"])
    assert row["message"] == "curvature was measured no more: the trial was asked to end"
