"""Optimizer and lr schedule of a trial."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import nn
from torch.optim.lr_scheduler import LambdaLR

from bs_study.config import TrialConfig
from bs_study.training.plan import Plan


def make_optimizer(parameters: Iterable[nn.Parameter], trial: TrialConfig) -> torch.optim.Optimizer:
    """Return the trial's optimizer: fused, all parameters in one kernel."""
    if trial.optimizer == "sgd":
        return torch.optim.SGD(
            parameters,
            lr=trial.lr,
            momentum=trial.momentum,
            nesterov=trial.nesterov,
            weight_decay=trial.weight_decay,
            fused=True,
        )
    adam = torch.optim.Adam if trial.optimizer == "adam" else torch.optim.AdamW
    return adam(parameters, lr=trial.lr, weight_decay=trial.weight_decay, fused=True)


def lr_factor(plan: Plan, iteration: int) -> float:
    """Return what the trial's lr is multiplied by at an iteration, counted from 1.

    Warm-up over w iterations: iteration / w (Goyal et al. 2017). After it, with t iterations done since and a length T:
    cosine (1 + cos(πt/T)) / 2 (Loshchilov & Hutter 2017), linear 1 - t/T, both 0 from T on; step factor^⌊t/T⌋.
    """
    warmup = plan.lr_warmup_iterations
    if iteration <= warmup:
        return iteration / warmup
    done, length = iteration - 1 - warmup, plan.lr_decay_iterations
    if plan.trial.lr_decay == "cosine":
        return (1 + math.cos(math.pi * min(done / length, 1))) / 2
    if plan.trial.lr_decay == "linear":
        return max(0.0, 1 - done / length)
    if plan.trial.lr_decay == "step":
        return plan.trial.lr_decay_factor ** (done // length)
    return 1.0


def make_schedule(optimizer: torch.optim.Optimizer, plan: Plan) -> LambdaLR | None:
    """Return the scheduler to step after each iteration; None where the lr is constant, which costs nothing."""
    if plan.lr_warmup_iterations == 0 and plan.trial.lr_decay == "none":
        return None
    return LambdaLR(optimizer, lambda done: lr_factor(plan, done + 1))
