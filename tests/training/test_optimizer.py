from __future__ import annotations

import math
import warnings
from typing import Any

import pytest
import torch
from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR, StepLR

from bs_study.config import TrialConfig
from bs_study.training.optimizer import make_optimizer, make_schedule
from bs_study.training.plan import Plan

LR = 0.4


def config(**settings: Any) -> TrialConfig:
    return TrialConfig(**{"batch_size": 2, "lr": LR, "seed": 0, "max_iterations": 1000} | settings)


def lrs(count: int, **settings: Any) -> list[float]:
    """Return the lr with which each of the first iterations updates, an epoch having 10."""
    trial = config(**settings)
    weight = torch.nn.Parameter(torch.zeros(1))
    weight.grad = torch.zeros(1)
    optimizer = make_optimizer([weight], trial)
    schedule = make_schedule(optimizer, Plan(trial, epoch_examples=20, evaluated_examples=1))
    found = []
    for _ in range(count):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if schedule:
            schedule.step()
    return found


def torch_lrs(count: int, make: Any) -> list[float]:
    """The same from a scheduler of torch."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=LR)
    found = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that the optimizer has nothing to step on
        schedule = make(optimizer)
        for _ in range(count):
            found.append(optimizer.param_groups[0]["lr"])
            schedule.step()
    return found


def test_without_warm_up_and_decay_the_lr_is_constant() -> None:
    assert lrs(5) == [LR] * 5


def test_the_warm_up_rises_linearly_and_reaches_the_lr_at_its_last_iteration() -> None:
    assert lrs(6, lr_warmup_iterations=4) == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.4, 0.4])


def test_the_warm_up_is_torchs_linear_lr() -> None:
    expected = torch_lrs(12, lambda optimizer: LinearLR(optimizer, start_factor=1 / 8, total_iters=7))
    assert lrs(12, lr_warmup_iterations=8) == pytest.approx(expected)


def test_the_cosine_is_torchs_cosine_annealing() -> None:
    expected = torch_lrs(31, lambda optimizer: CosineAnnealingLR(optimizer, T_max=30))
    assert lrs(31, lr_decay="cosine", lr_decay_iterations=30) == pytest.approx(expected, abs=1e-12)


def test_the_linear_decay_is_torchs_linear_lr_to_zero() -> None:
    expected = torch_lrs(40, lambda optimizer: LinearLR(optimizer, start_factor=1, end_factor=0, total_iters=30))
    assert lrs(40, lr_decay="linear", lr_decay_iterations=30) == pytest.approx(expected, abs=1e-12)


def test_the_steps_are_torchs_step_lr() -> None:
    expected = torch_lrs(25, lambda optimizer: StepLR(optimizer, step_size=6, gamma=0.5))
    assert lrs(25, lr_decay="step", lr_decay_iterations=6, lr_decay_factor=0.5) == pytest.approx(expected)


def test_after_a_warm_up_the_decay_starts_at_the_full_lr_and_is_over_with_the_budget() -> None:
    found = lrs(12, lr_warmup_iterations=2, lr_decay="linear", max_iterations=10)
    assert found[:2] == pytest.approx([LR / 2, LR])
    assert found[2:10] == pytest.approx([LR * (1 - k / 8) for k in range(8)])
    assert found[10:] == [0.0, 0.0]


def test_lengths_in_epochs_are_those_in_iterations() -> None:
    in_epochs = lrs(60, lr_warmup_epochs=0.5, lr_decay="cosine", lr_decay_epochs=3)
    assert in_epochs == lrs(60, lr_warmup_iterations=5, lr_decay="cosine", lr_decay_iterations=30)


def updates(gradients: list[float], **settings: Any) -> list[float]:
    """Return a weight after each update, 1 at first."""
    weight = torch.nn.Parameter(torch.ones(1, dtype=torch.float64))
    optimizer = make_optimizer([weight], config(**settings))
    found = []
    for gradient in gradients:
        weight.grad = torch.full((1,), gradient, dtype=torch.float64)
        optimizer.step()
        found.append(weight.item())
    return found


def test_sgd_adds_the_momentum_of_earlier_gradients() -> None:
    # v = m·v + g, w = w - lr·v; by default m = 1/2: v is 1, then 1/2 + 2, then 5/4 - 1
    expected = [1 - LR, 1 - LR * (1 + 2.5), 1 - LR * (1 + 2.5 + 0.25)]
    assert updates([1.0, 2.0, -1.0]) == pytest.approx(expected)


@pytest.mark.parametrize("parameter", [torch.zeros(2, dtype=torch.complex64), torch.zeros(2)])
def test_parameters_that_no_fused_kernel_takes_are_trained_as_well(parameter: torch.Tensor) -> None:
    weight = torch.nn.Parameter(parameter)
    optimizer = make_optimizer([weight], config(), has_sparse_gradients=not parameter.is_complex())
    weight.grad = torch.ones_like(weight) if parameter.is_complex() else torch.ones(2).to_sparse()
    optimizer.step()
    assert weight.real.tolist() == pytest.approx([-LR, -LR])


def test_nesterov_looks_ahead_by_one_momentum() -> None:
    # w = w - lr·(g + m·v): 1 + 1/2, then 2 + 5/4
    assert updates([1.0, 2.0], nesterov=True) == pytest.approx([1 - LR * 1.5, 1 - LR * (1.5 + 3.25)])


def test_the_weight_decay_of_sgd_is_added_to_the_gradient() -> None:
    assert updates([1.0], weight_decay=0.5, momentum=0) == pytest.approx([1 - LR * (1 + 0.5 * 1)])


def test_the_first_step_of_adam_is_the_lr_whatever_the_gradient() -> None:
    for gradient in (1e-3, 5.0, -5.0):
        assert updates([gradient], optimizer="adam") == pytest.approx([1 - math.copysign(LR, gradient)], abs=1e-4)


def test_the_weight_decay_of_adamw_is_decoupled_and_that_of_adam_only_part_of_the_gradient() -> None:
    # decoupled: w·(1 - lr·decay) - lr; coupled: gradient 1 + decay, whose first step is lr all the same
    assert updates([1.0], optimizer="adamw", weight_decay=0.5) == pytest.approx([1 * (1 - LR * 0.5) - LR], abs=1e-6)
    assert updates([1.0], optimizer="adam", weight_decay=0.5) == pytest.approx([1 - LR], abs=1e-6)
