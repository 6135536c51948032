"""K learners as one: weights stacked, the gradients of all by vmap, SGD with momentum on the stack, in one graph."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.func import functional_call, grad_and_value, stack_module_state, vmap

from bs_study.workloads.mnist import Mnist
from tests.bench.gpu.whole_graph import LOSSES, captured
from tests.bench.loops import MOMENTUM


def vmapped(data: tuple[Tensor, Tensor], batch_size: int, count: int) -> Callable[[], None]:
    """Return what makes one iteration of each of `count` learners, as one."""
    images, labels = data
    device, examples = images.device, len(images)
    workload = Mnist()
    models = [workload.model().to(device) for _ in range(count)]
    weights = {name: weight.detach() for name, weight in stack_module_state(models)[0].items()}  # (learners, ...)
    momenta = {name: torch.zeros_like(weight) for name, weight in weights.items()}
    lrs = torch.tensor([0.01 * (seed + 1) for seed in range(count)], device=device)
    orders = torch.stack([torch.randperm(examples) for _ in range(count)]).to(device)  # (learners, examples)
    places = torch.arange(batch_size, device=device)
    start, slot = (torch.zeros(1, dtype=torch.int64, device=device) for _ in range(2))
    losses = torch.zeros(LOSSES, count, device=device)
    whole = examples // batch_size * batch_size

    def loss(one: dict[str, Tensor], pixels: Tensor, classes: Tensor) -> Tensor:
        return workload.loss(lambda x: functional_call(models[0], one, (x,)), pixels, classes)  # type: ignore[arg-type]

    gradients = vmap(grad_and_value(loss))

    def iteration() -> None:
        indices = orders.index_select(1, places + start).flatten()
        pixels, classes = workload.prepare(images.index_select(0, indices), labels.index_select(0, indices))
        pixels, classes = pixels.unflatten(0, (count, -1)), classes.unflatten(0, (count, -1))
        slopes, found = gradients(weights, pixels, classes)
        with torch.no_grad():
            for name, weight in weights.items():
                momentum = momenta[name].mul_(MOMENTUM).add_(slopes[name])
                weight.sub_(lrs.view(-1, *[1] * (weight.dim() - 1)) * momentum)
            losses.index_copy_(0, slot, found.detach().unsqueeze(0))
            slot.add_(1).remainder_(LOSSES)
            start.add_(batch_size).remainder_(whole)

    return captured(iteration)
