"""A look at a model that leaves no trace: what is trained afterwards is the same to the last bit."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch
from torch import nn

from bs_study.training.randomness import kept_generators


@contextlib.contextmanager
def kept_state(model: nn.Module) -> Iterator[None]:
    """Leave a model's modes, buffers and gradients, and the generators, at the end as they were at the start.

    Within, the model has no gradients. Nothing is copied but the buffers: there may be no memory for more.
    """
    modes = [(module, module.training) for module in model.modules()]
    buffers = [(module._buffers, dict(module._buffers)) for module in model.modules()]
    contents = [(buffer, buffer.clone()) for buffer in model.buffers()]
    gradients = [(parameter, parameter.grad) for parameter in model.parameters()]
    model.zero_grad(set_to_none=True)
    with kept_generators():
        try:
            yield
        finally:
            for module, was_training in modes:
                module.training = was_training
            for now, before in buffers:
                now.clear()
                now.update(before)
            with torch.no_grad():
                for buffer, content in contents:
                    buffer.copy_(content)
            for parameter, gradient in gradients:
                parameter.grad = gradient
