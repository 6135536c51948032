"""Does the batch matter? Other examples must give another loss, or another gradient."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from bs_study.workloads.base import Workload
from bs_study.workloads.check import prepare

Batch = tuple[Tensor, ...]
Outcome = list[Tensor | None]


def influence_warnings(workload: Workload, model: nn.Module, batch: Batch) -> list[str]:
    """Return whether loss or model seem to ignore the batch.

    Half of a batch stands beside the other half, with the same random numbers. A loss may take its data from elsewhere,
    as one that draws its noise: where other random numbers change it, this is a warning only. Examples that are all
    equal show nothing.

    Raises:
        ValueError: nothing but the last part of a batch, the labels, changes the loss, its gradients or the model's
            output; or nothing at all does.
    """
    count = len(batch[0]) // 2
    some, others = (tuple(part[half::2][:count] for part in batch) for half in (0, 1))
    fault, is_drawn = None, False
    with contextlib.suppress(Exception):  # what goes wrong with one batch is no sign that batches are ignored
        fault = _fault(workload, model, some, others)
        is_drawn = bool(fault) and not _are_same(*(_outcome(workload, model, some, seed=seed) for seed in (0, 1)))
    if fault and not is_drawn:
        raise ValueError(f"{workload.name}.{fault}")
    return [f"{workload.name}.{fault}, but for what is drawn by chance"] if fault else []


def _fault(workload: Workload, model: nn.Module, some: Batch, others: Batch) -> str | None:
    has_inputs = len(some) > 1 and not _are_same(some[:-1], others[:-1])
    of_some = _outcome(workload, model, some)
    if has_inputs and not _are_same(of_some, _outcome(workload, model, (*others[:-1], some[-1]))):
        return None
    if _are_same(some, others):
        return None
    outputs, other_outputs = _outputs(workload, model, some), _outputs(workload, model, others)
    if has_inputs and outputs and _are_same(outputs, other_outputs):
        return "model: ignores its inputs: other inputs give the same output, the same loss and the same gradients"
    if _are_same(of_some, _outcome(workload, model, others)):
        return "loss: ignores the batch: other examples give the same loss and the same gradients of the model"
    return None


def _outcome(workload: Workload, model: nn.Module, batch: Batch, *, seed: int = 0) -> Outcome:
    """Return the loss of a batch and the gradients."""
    torch.manual_seed(seed)
    loss = workload.loss(model, *prepare(workload, batch)).reshape(())
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    return [loss.detach(), *torch.autograd.grad(loss, trained, allow_unused=True)]


def _outputs(workload: Workload, model: nn.Module, batch: Batch) -> Outcome:
    """Return what the model returned on the way to the loss; nothing where that called it not, or is no tensor."""
    found: list[Tensor] = []
    with model.register_forward_hook(lambda module, arguments, output: found.append(output)):
        _outcome(workload, model, batch)
    return [*found] if all(isinstance(output, Tensor) for output in found) else []


def _are_same(some: Sequence[Tensor | None], others: Sequence[Tensor | None]) -> bool:
    return len(some) == len(others) and all(
        torch.equal(a.to_dense(), b.to_dense()) if a is not None and b is not None else a is b
        for a, b in zip(some, others, strict=True)
    )
