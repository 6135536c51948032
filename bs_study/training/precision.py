"""With how many bits a trial computes: float32, TF32 on a GPU's tensor cores, or bfloat16 by autocast."""

from __future__ import annotations

import contextlib
from contextlib import AbstractContextManager
from typing import Literal

import torch
from torch import Tensor, nn

Precision = Literal["fp32", "tf32", "bf16"]


def set_float32_products(precision: Precision) -> None:
    """Let products of float32 matrices on a GPU be computed in TF32 or not; torch's default is a mix."""
    torch.backends.cuda.matmul.allow_tf32 = precision == "tf32"
    torch.backends.cudnn.allow_tf32 = precision == "tf32"


def autocast(precision: Precision, device: torch.device) -> AbstractContextManager[object]:
    """Return the context of forward passes: weights stay float32, and bfloat16 is used where torch holds it safe."""
    if precision != "bf16":
        return contextlib.nullcontext()
    # Without the cache of cast weights, which must not live longer than the CUDA graph that fills it.
    return torch.autocast(device.type, dtype=torch.bfloat16, cache_enabled=False)


def keep_outputs_float32(model: nn.Module) -> None:
    """Let a model that computes in bfloat16 answer in float32, so that the loss of its answer is not rounded."""
    model.register_forward_hook(lambda _module, _inputs, output: _float32(output))


def _float32(output: object) -> object:
    if isinstance(output, Tensor):
        return output.float() if output.dtype == torch.bfloat16 else output
    if isinstance(output, dict):
        return type(output)({name: _float32(part) for name, part in output.items()})
    if isinstance(output, tuple | list):
        parts = [_float32(part) for part in output]
        return output._make(parts) if hasattr(output, "_make") else type(output)(parts)
    return output
