"""Probes beside CUDA graphs: they see the gradients that a replay writes, and change none of what it learns."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from bs_study import Study
from bs_study.store.paths import StudyPaths
from bs_study.training.progress import Ending

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]

Run = Callable[..., tuple[Ending, Study]]
SETTINGS = {"device": "cuda", "stop_at_target": False, "eval_every_examples": 10**9}


@pytest.mark.parametrize("engine", ["eager", "cuda_graph"])
@pytest.mark.parametrize("workload", ["Regression", "Masked"])
def test_losses_are_those_of_a_trial_without_probes(
    run: Run, paths: StudyPaths, workload: str, engine: str, record_property: Any
) -> None:
    settings = SETTINGS | {"workload": f"probed:{workload}", "engine": engine, "lr": 1e-4, "batch_size": 48}
    found = []
    for probes in (True, False):
        paths.remove(paths.root)
        _, study = run(**settings, max_iterations=900, probes=probes)
        assert study.trials()["engine_used"].tolist() == [engine]
        found.append(study.iterations())
        assert bool(len(study.gradients())) is probes
    record_property("bitwise equal", found[0].equals(found[1]))
    assert found[0].equals(found[1])


@pytest.mark.parametrize("engine", ["eager", "cuda_graph"])
def test_moments_norms_and_directions_are_those_of_the_regression(run: Run, engine: str, record_property: Any) -> None:
    settings = SETTINGS | {"workload": "probed:Regression", "lr": 1e-12, "engine": engine, "batch_size": 400}
    _, study = run(**settings, max_iterations=1000, probes=True, curvature=True)
    rows, row = study.gradients(), study.trials().iloc[0]
    assert rows["g2"].mean() == pytest.approx(100, rel=0.15)
    assert rows["tr_sigma"].mean() == pytest.approx(20_100, rel=0.05)
    assert rows["cos_next"].mean() == pytest.approx(1 / (1 + 201 / 400), abs=0.03)
    assert study.iterations()["grad_norm2"].mean() == pytest.approx(100 + 20_100 / 400, rel=0.05)
    # Of XᵀX / 512 with 100 dimensions: (1 + √(100 / 512))² and a little.
    assert row["largest_eigenvalue"] == pytest.approx(2.08, rel=0.1)
    record_property("seconds of a probe", rows["probe_seconds"].median())
