"""Does a model's output for an example depend on the others of its batch? That is what a user is to be pointed to."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves, tree_map_only

from bs_study.workloads.base import Workload
from bs_study.workloads.check_sizes import ROUNDING, Batch, changed
from bs_study.workloads.evaluation import evaluated_loss
from bs_study.workloads.tries import copied

TOLERANCE = 1e-3  # of the norm of the outputs


def mixing_advice(workload: Workload, model: nn.Module, batch: Batch) -> str | None:
    """Return what to do about a model that mixes examples; None where it is not seen to.

    What its loss calls it with is given to it once more, at once and in parts, in evaluation mode. Where chance or
    rounding changes its outputs as well, nothing is seen.
    """
    with suppress(Exception):  # a model may take batches of some sizes only
        if _mixes(workload, copied(workload, model), batch):
            return "The model's output for an example depends on the others of its batch: " + _likely_cause(model)
    return None


def _likely_cause(model: nn.Module) -> str:
    time_first = [type(module).__name__ for module in model.modules() if getattr(module, "batch_first", None) is False]
    if time_first:
        return f"its {time_first[0]} takes time as the first dimension. Give it batch_first=True"
    return "let no layer combine values along the first dimension"


@torch.no_grad()
def _mixes(workload: Workload, model: nn.Module, batch: Batch) -> bool:
    model.eval()
    count = len(batch[0])
    calls: list[tuple[Any, Any]] = []

    def keep(_: nn.Module, args: Any, kwargs: Any) -> None:
        calls.append(tree_map_only(Tensor, Tensor.clone, (args, kwargs)))

    hook = model.register_forward_pre_hook(keep, with_kwargs=True)
    try:
        evaluated_loss(workload, model, [batch])
    finally:
        hook.remove()

    def outputs(subject: nn.Module, start: int, end: int) -> Tensor:
        torch.manual_seed(start)
        args, kwargs = tree_map_only(
            Tensor, lambda part: part[start:end] if part.dim() and len(part) == count else part.clone(), calls[0]
        )
        found = next(leaf for leaf in tree_leaves(subject(*args, **kwargs)) if isinstance(leaf, Tensor))
        if len(found) != end - start:
            raise ValueError("the outputs have no row for each example")
        return found

    def is_off(some: Tensor, others: Tensor) -> bool:
        return bool((some - others).norm() > TOLERANCE * some.norm())

    whole = outputs(model, 0, count)
    half = count // 2
    in_parts = torch.cat([outputs(model, 0, half), outputs(model, half, count)])
    return is_off(whole, in_parts) and not is_off(whole, outputs(changed(model, by=ROUNDING, seed=0), 0, count))
