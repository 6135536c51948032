"""A tiny task for trainers of other packages, and a study of a function that calls one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import bs_study


def circle(count: int, seed: int) -> tuple[Tensor, Tensor]:
    """Return points, and whether each lies in a circle."""
    points = 4 * torch.rand(count, 2, generator=torch.Generator().manual_seed(seed)) - 2
    return points, (points.norm(dim=1) < 1.6).long()


def network() -> nn.Module:
    return nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 2))


@pytest.fixture
def study_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Train a function in this process; return its study."""
    monkeypatch.chdir(tmp_path)

    def run(train: Any, *, target: str, **settings: Any) -> bs_study.Study:
        asked = {"batch_sizes": [20], "lrs": [0.4], "min_iterations": 0, "local": True, "max_failures": 0}
        return bs_study.sweep(train, target=target, **asked | settings)

    return run
