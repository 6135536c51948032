from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
import torch

from bs_study.training.learner import Learner
from bs_study.workloads import load_workload


def stepped(clip_norm: float | None) -> tuple[list[float], int]:
    """Return weight and bias of a line after a step of lr 1 from 0 on (x, y) = (1, 3): gradient (-6, -6)."""
    model = torch.nn.Linear(1, 1)
    torch.nn.init.zeros_(model.weight)
    torch.nn.init.zeros_(model.bias)
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    workload = load_workload("toy_workloads:Line")
    learner = Learner(workload, model, optimizer, None, micro_batch=1, may_halve=True, clip_norm=clip_norm)
    learner.update((torch.ones(1, 1), torch.full((1, 1), 3.0)))
    return [p.item() for p in model.parameters()], int(learner.clipped)


def test_gradients_above_the_norm_are_scaled_down_to_it_and_counted() -> None:
    weights, clipped = stepped(clip_norm=2.0)
    assert weights == pytest.approx([2**0.5, 2**0.5], rel=1e-5)
    assert clipped == 1


@pytest.mark.parametrize("clip_norm", [None, 8.5])  # |(-6, -6)| = 8.485
def test_gradients_below_the_norm_are_left_alone(clip_norm: float | None) -> None:
    assert stepped(clip_norm) == ([6.0, 6.0], 0)


@pytest.mark.parametrize(("clip_norm", "least", "most"), [(1e-6, 1, 1), (1e6, 0, 0), (0.7, 0.01, 0.99)])
def test_an_epoch_has_the_share_of_its_iterations_that_were_clipped(
    run: Any, clip_norm: float, least: float, most: float
) -> None:
    _, study = run(max_epochs=2, stop_at_target=False, clip_norm=clip_norm)
    share = study.epochs()["clipped_share"]
    assert study.trials()["clip_norm"].tolist() == [clip_norm]
    assert least <= share.max() <= most
    assert (share * 23).tolist() == pytest.approx((share * 23).round().tolist())


def test_without_clipping_there_is_no_share(run: Any) -> None:
    _, study = run(max_epochs=1)
    assert pd.isna(study.epochs()["clipped_share"]).all()
