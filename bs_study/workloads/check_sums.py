"""Is the loss a mean over the batch? A batch beside the same examples twice shows it."""

from __future__ import annotations

import contextlib
import math
from itertools import pairwise

import torch
from torch import Tensor, nn

from bs_study.workloads.base import Workload
from bs_study.workloads.check import prepare, twice

Batch = tuple[Tensor, ...]

CLOSE = 1e-4


@torch.no_grad()
def size_warnings(workload: Workload, model: nn.Module, batch: Batch) -> list[str]:
    """Return what is odd about how the loss depends on the number of examples.

    A sum of s per example, with a regulariser or without, grows by n·s, 2n·s, 4n·s as n examples are doubled. A mean
    that compares the examples of its batch with each other may grow too, but not so, and one that is drawn by chance
    does not keep to it.

    Raises:
        ValueError: the loss grows in proportion to the number of examples.
    """
    losses = _losses(workload, model, batch, doublings=1)
    if len(losses) < 2 or math.isclose(*losses, rel_tol=CLOSE):
        return []
    losses = _losses(workload, model, batch, doublings=3)
    seen = f"{losses[0]:.4g} for {len(batch[0])} examples, {losses[1]:.4g} for the same twice"
    growth = [after - before for before, after in pairwise(losses)]
    if len(growth) == 3 and all(math.isclose(b, 2 * a, rel_tol=0.01) for a, b in pairwise(growth)):
        raise ValueError(f"{workload.name}.loss: is a sum over the batch ({seen}). Return the mean")
    if all(before and 1.5 < after / before < 2.5 for before, after in pairwise(losses)):
        return [f"{workload.name}.loss: seems to be a sum over the batch ({seen}). Return the mean"]
    return []


def _losses(workload: Workload, model: nn.Module, batch: Batch, *, doublings: int) -> list[float]:
    """Return the loss of a batch and of the batch doubled so often; fewer where the workload refuses such a batch."""
    losses = []
    with contextlib.suppress(Exception):  # what goes wrong with one size is no fault of the loss's kind
        for _ in range(doublings + 1):
            torch.manual_seed(0)
            losses.append(float(workload.loss(model, *prepare(workload, batch))))
            batch = twice(batch)
    return losses
