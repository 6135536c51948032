"""A tiny task for trainers of other packages, and a study of a function that calls one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import bs_study
from tests.docs.pages import blocks


def circle(count: int, seed: int) -> tuple[Tensor, Tensor]:
    """Return points, and whether each lies in a circle."""
    points = 4 * torch.rand(count, 2, generator=torch.Generator().manual_seed(seed)) - 2
    return points, (points.norm(dim=1) < 1.6).long()


def network() -> nn.Module:
    return nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 2))


def function_of_the_readme(name: str, **names: Any) -> Callable[..., None]:
    """Return a function that the README shows, with what its reader has."""
    (text,) = [block.text for block in blocks("python", page="README.md") if f"def {name}(" in block.text]
    names["__name__"] = __name__
    exec(text, names)  # noqa: S102  it is the page's own
    function: Callable[..., None] = names[name]
    return function


@pytest.fixture
def study_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Train a function in this process; return its study."""
    monkeypatch.chdir(tmp_path)

    def run(train: Any, *, target: str, **settings: Any) -> bs_study.Study:
        asked = {"batch_sizes": [20], "lrs": [0.4], "min_iterations": 0, "local": True, "max_failures": 0}
        return bs_study.sweep(train, target=target, **asked | settings)

    return run
