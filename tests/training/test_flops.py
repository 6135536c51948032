"""The operations of an iteration, against their closed form."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from bs_study import TrialConfig
from bs_study.training import repeats
from bs_study.training.placement import Machine
from bs_study.training.timing import time_batch_size


@pytest.fixture(autouse=True)
def short_repeats(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repeats, "REPEAT_SECONDS", 0.001)
    monkeypatch.setattr(repeats, "LONGEST_SECONDS", 0.0)


def flops(workload: str, batch_size: int, **settings: Any) -> object:
    trial = TrialConfig(workload=workload, batch_size=batch_size, lr=0.01, seed=0, max_iterations=10, **settings)
    row = time_batch_size(trial, Machine("cpu", threads=1), data_dir=Path("/"), give_up=pytest.fail).columns()
    assert row["status"] == "completed"
    return row["flops"]


@pytest.mark.parametrize("batch_size", [10, 50])  # the last batch of 64 examples takes what is left over
def test_a_linear_layer_takes_two_products_of_the_batch_and_its_weights(batch_size: int) -> None:
    # 2 * B * in * out forward, as much for the gradient of the weights, and none for that of the inputs.
    assert flops("toy_workloads:Line", batch_size) == 2 * (2 * batch_size * 1 * 1)


@pytest.mark.parametrize("settings", [{}, {"micro_batch": 16}, {"kernels": "native_channels_last"}])
def test_a_network_takes_three_products_a_layer_but_two_in_the_first(settings: dict[str, Any]) -> None:
    # 3 x 3 weights: from 1 channel to 16 on 8 x 8 pixels, from 16 to 32 on 4 x 4; then 128 inputs and 10 outputs.
    first, second, last = 2 * (1 * 16 * 9) * 64, 2 * (16 * 32 * 9) * 16, 2 * 128 * 10
    assert flops("digits", 64, **settings) == 64 * (2 * first + 3 * second + 3 * last)


def test_what_torch_counts_nothing_of_is_null(monkeypatch: pytest.MonkeyPatch) -> None:
    class Scale(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.factor = nn.Parameter(torch.ones(1))

        def forward(self, x: Tensor) -> Tensor:
            return x * self.factor

    monkeypatch.setattr("toy_workloads.Line.model", lambda _: Scale())
    assert flops("toy_workloads:Line", 8) is None
