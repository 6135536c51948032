"""Norms and products of gradients, over all parameters, on the device."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor


def gradients_of(parameters: Iterable[Tensor]) -> list[Tensor]:
    """Return the gradients that parameters have now; those without one are left out."""
    return [parameter.grad for parameter in parameters if parameter.grad is not None]


def gradient_of_each(parameters: Iterable[Tensor]) -> list[Tensor]:
    """Return the gradient of each parameter, dense: 0 where it has none, as of an expert that no example went to."""
    found = (torch.zeros_like(one) if one.grad is None else one.grad for one in parameters)
    return [one.to_dense() if one.is_sparse else one for one in found]


def total_norm(gradients: Sequence[Tensor]) -> Tensor:
    """Return the norm over all of them, float32 of shape (); NaN if there are none."""
    if not gradients:
        return torch.tensor(torch.nan)
    values = [_values(gradient) for gradient in gradients]
    kind = torch.float32 if all(is_half(one) for one in values) else None
    norms = torch._foreach_norm(values, 2, dtype=kind)
    total: Tensor = torch.linalg.vector_norm(torch.stack([norm.float() for norm in norms]))
    return total


def product(left: Sequence[Tensor], right: Sequence[Tensor], weights: Sequence[Tensor] | None = None) -> Tensor:
    """Return Σᵢ wᵢ aᵢ bᵢ over all numbers of all tensors, float64 of shape (); the weights are 1 if not given."""
    flat = [_flat(one) for one in right]
    if weights is not None:
        flat = [one * _flat(weight) for one, weight in zip(flat, weights, strict=True)]
    return torch.stack([torch.dot(_flat(one), other) for one, other in zip(left, flat, strict=True)]).double().sum()


def _values(gradient: Tensor) -> Tensor:
    return gradient.coalesce().values() if gradient.is_sparse else gradient


def is_half(tensor: Tensor) -> bool:
    return tensor.dtype in (torch.bfloat16, torch.float16)


def as_real(tensor: Tensor) -> Tensor:
    """Return a tensor of real numbers: of a complex one its real and imaginary parts, which adam moves apart."""
    return torch.view_as_real(tensor) if tensor.is_complex() else tensor


def _flat(tensor: Tensor) -> Tensor:
    dense = as_real(tensor.to_dense() if tensor.is_sparse else tensor)
    return dense.flatten() if dense.dtype == torch.float64 else dense.flatten().float()
