"""Is the loss a mean over the batch, and each metric a sum? A batch beside the same examples twice shows it."""

from __future__ import annotations

import contextlib
import math
from itertools import pairwise

import torch
from torch import Tensor, nn

from bs_study.workloads.base import Data, Workload
from bs_study.workloads.check import prepare, spread_examples, twice

Batch = tuple[Tensor, ...]

MANY_EXAMPLES = 64
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


@torch.no_grad()
def refuse_bad_metrics(workload: Workload, model: nn.Module, held_out: Data, batch: Batch) -> None:
    """Look whether metrics are finite sums. What a few examples leave undecided, many decide.

    A mean is the same for a batch and for the same twice, and lies halfway between those of the batch's halves. So may
    a count of few be, of hits of a search within the batch, say: a whole number is taken for a count.

    Raises:
        ValueError: a metric is not finite, or a mean.
    """
    few = _metrics(workload, model, batch)
    if _is_double(_metrics(workload, model, twice(batch)), few):
        return
    with contextlib.suppress(Exception):  # many examples may be too many
        batch = spread_examples(workload, "eval_data", held_out, count=MANY_EXAMPLES)
    whole = _metrics(workload, model, batch) or few
    first, second = (tuple(part[half::2] for part in batch) for half in (0, 1))
    of_first, of_second = _metrics(workload, model, first), _metrics(workload, model, second)
    doubled = _metrics(workload, model, twice(batch))
    share = len(first[0]) / len(batch[0])
    for name, value in whole.items():
        if not math.isfinite(value):
            raise ValueError(f"{workload.name}.metrics: {name!r} is {value} on held-out data with the initial weights")
        halfway = share * of_first.get(name, math.nan) + (1 - share) * of_second.get(name, math.nan)
        if _is_close(doubled.get(name, math.nan), value) and _is_close(halfway, value) and not value.is_integer():
            raise ValueError(
                f"{workload.name}.metrics: {name!r} is a mean ({value:.4g} for a batch and for the same twice). "
                "Return the sum over the examples"
            )


def _metrics(workload: Workload, model: nn.Module, batch: Batch) -> dict[str, float]:
    """Return the metrics of a batch, none where the workload refuses it."""
    with contextlib.suppress(Exception):
        torch.manual_seed(0)
        found = workload.metrics(model, *prepare(workload, batch))
        return {name: float(value) for name, value in found.items()}
    return {}


def _is_double(doubled: dict[str, float], single: dict[str, float]) -> bool:
    return all(single[name] and _is_close(doubled.get(name, math.nan), 2 * single[name]) for name in single)


def _is_close(value: float, other: float) -> bool:
    return math.isclose(value, other, rel_tol=CLOSE)
