"""Optimizer and lr schedule of a trial."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from bs_study.config import TrialConfig
from bs_study.training.plan import Plan

_MOMENTS = {"step", "exp_avg", "exp_avg_sq"}
STATE_NAMES = {"SGD": {"momentum_buffer"}, "Adam": _MOMENTS, "AdamW": _MOMENTS}
"""What each of torch's optimizers keeps of a parameter, if it keeps anything."""


def make_optimizer(
    parameters: Iterable[nn.Parameter],
    trial: TrialConfig,
    *,
    lr_on: torch.device | None = None,
    has_sparse_gradients: bool = False,
) -> torch.optim.Optimizer:
    """Return the trial's optimizer: fused, all parameters in one kernel, where torch has one for them.

    Args:
        parameters: of the model.
        trial: says which optimizer.
        lr_on: holds the lr in a tensor on this device, where a CUDA graph reads it; None keeps it on the host.
        has_sparse_gradients: of an embedding, say; no fused kernel takes them.
    """
    parameters, settings = list(parameters), trial.settings
    fused = all(parameter.is_floating_point() for parameter in parameters) and not has_sparse_gradients
    lr = trial.lr if lr_on is None else torch.tensor(trial.lr, device=lr_on)
    if settings.optimizer == "sgd":
        return torch.optim.SGD(
            parameters,
            lr=lr,
            momentum=settings.momentum,
            nesterov=settings.nesterov,
            weight_decay=settings.weight_decay,
            fused=fused,
        )
    adam = torch.optim.Adam if settings.optimizer == "adam" else torch.optim.AdamW
    return adam(
        parameters,
        lr=lr,
        betas=(settings.beta1, settings.beta2),
        eps=settings.eps,
        weight_decay=settings.weight_decay,
        fused=fused,
        capturable=lr_on is not None,
    )


def lr_factor(plan: Plan, iteration: int) -> float:
    """Return what the trial's lr is multiplied by at an iteration, counted from 1.

    Warm-up over w iterations: iteration / w (Goyal et al. 2017). After it, with t iterations done since and a length T:
    cosine (1 + cos(πt/T)) / 2 (Loshchilov & Hutter 2017), linear 1 - t/T, both 0 from T on; step factor^⌊t/T⌋.
    """
    settings, warmup = plan.trial.settings, plan.lr_warmup_iterations
    if iteration <= warmup:
        return iteration / warmup
    done, length = iteration - 1 - warmup, plan.lr_decay_iterations
    if settings.lr_decay == "cosine":
        return (1 + math.cos(math.pi * min(done / length, 1))) / 2
    if settings.lr_decay == "linear":
        return max(0.0, 1 - done / length)
    if settings.lr_decay == "step":
        return settings.lr_decay_factor ** (done // length)
    return 1.0


class LrSchedule:
    """Sets the lr of each iteration. Torch's schedulers would ask a GPU for its lr, and so wait for it."""

    def __init__(self, optimizer: torch.optim.Optimizer, plan: Plan) -> None:
        self._optimizer, self._plan = optimizer, plan
        self.start(1)

    def start(self, iteration: int) -> None:
        """Set the lr of an iteration, counted from 1."""
        self._iteration = iteration
        lr = self._plan.trial.lr * lr_factor(self._plan, iteration)
        for group in self._optimizer.param_groups:
            if isinstance(group["lr"], Tensor):
                group["lr"].fill_(lr)  # in place: a CUDA graph reads it there
            else:
                group["lr"] = lr

    def step(self) -> None:
        """Set the lr of the next iteration."""
        self.start(self._iteration + 1)


def make_schedule(optimizer: torch.optim.Optimizer, plan: Plan) -> LrSchedule | None:
    """Return the schedule to step after each iteration; None where the lr is constant, which costs nothing."""
    if plan.lr_warmup_iterations == 0 and plan.trial.settings.lr_decay == "none":
        return None
    return LrSchedule(optimizer, plan)
