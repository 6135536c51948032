"""Norms and products of gradients, over all parameters, on the device."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor


def gradients_of(parameters: Iterable[Tensor]) -> list[Tensor]:
    """Return the gradients that parameters have now; those without one are left out."""
    return [parameter.grad for parameter in parameters if parameter.grad is not None]


def total_norm(gradients: Sequence[Tensor]) -> Tensor:
    """Return the norm over all of them, float32 of shape (); NaN if there are none."""
    if not gradients:
        return torch.tensor(torch.nan)
    norms = torch._foreach_norm([_values(gradient) for gradient in gradients])
    total: Tensor = torch.linalg.vector_norm(torch.stack([norm.float() for norm in norms]))
    return total


def product(left: Sequence[Tensor], right: Sequence[Tensor], weights: Sequence[Tensor] | None = None) -> Tensor:
    """Return Σᵢ wᵢ aᵢ bᵢ over all numbers of all tensors, float64 of shape (); the weights are 1 if not given."""
    if weights is not None:
        right = [one * weight for one, weight in zip(right, weights, strict=True)]
    parts = [torch.dot(_flat(one), _flat(other)) for one, other in zip(left, right, strict=True)]
    return torch.stack(parts).double().sum()


def _values(gradient: Tensor) -> Tensor:
    return gradient.coalesce().values() if gradient.is_sparse else gradient


def _flat(tensor: Tensor) -> Tensor:
    dense = tensor.to_dense() if tensor.is_sparse else tensor
    return dense.flatten() if dense.dtype == torch.float64 else dense.flatten().float()
