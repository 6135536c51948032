"""Iterations of one epoch; one evaluation."""

from __future__ import annotations

import time
from collections.abc import Iterator

import torch
from torch import Tensor

from bs_study.training.batches import in_order
from bs_study.training.clock import Timeline
from bs_study.training.learner import Learner
from bs_study.workloads.base import Data, examples_in


def run_iterations(
    learner: Learner, batches: Iterator[tuple[Tensor, ...]], *, count: int, deadline: float, timeline: Timeline
) -> Tensor:
    """Train for `count` iterations, or fewer if the deadline passes; return the loss of each, on the device.

    Args:
        batches: what is left of the epoch, at least `count` batches.
        deadline: on the clock of `time.perf_counter`; at least one iteration is made.
        timeline: takes three marks an iteration: before its batch is asked for, when that is ready, after the update.
    """
    losses = []
    for _ in range(count):
        timeline.mark()
        batch = learner.workload.prepare(*next(batches))
        timeline.mark()
        losses.append(learner.update(batch))
        timeline.mark()
        if time.perf_counter() >= deadline:
            break
    return torch.stack(losses).float()


@torch.no_grad()
def evaluate(learner: Learner, data: Data, *, batch_size: int, device: torch.device) -> dict[str, float]:
    """Return the mean of each metric over a data set, the loss among them."""
    workload, model = learner.workload, learner.model
    was_training = model.training
    model.eval()
    sums: dict[str, Tensor | float] = {}
    for raw in in_order(data, batch_size=batch_size, device=device):
        batch = workload.prepare(*raw)
        found = workload.metrics(model, *batch)
        if "loss" not in found:
            found = found | {"loss": workload.loss(model, *batch) * len(raw[0])}
        for name, value in found.items():
            sums[name] = sums.get(name, 0.0) + value
    model.train(was_training)
    return {name: float(value) / examples_in(data) for name, value in sums.items()}
