"""What an iteration changes: a model, through its optimizer and lr schedule."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from bs_study.training.optimizer import LrSchedule
from bs_study.workloads.base import Workload


@dataclass
class Learner:
    """A model with all that updates it.

    Args:
        workload: gives the loss.
        model: on the device that its batches are on.
        optimizer: of the model's parameters.
        schedule: stepped after each iteration; None where the lr is constant.
        micro_batch: how many examples' gradients are computed at once. It is halved when memory runs out.
        may_halve: whether it may: gradients of micro-batches add up to those of the batch, but not where the model
            looks at the statistics of its batch.
        autocast: the context of forward passes.
        clip_norm: the norm that gradients are scaled down to where they are above it; None leaves them.
        loss: mean loss of a prepared batch: `eager_loss`, or what an engine makes of it.
        clipped: iterations of this epoch whose gradients were scaled down, counted on the device.
    """

    workload: Workload
    model: nn.Module
    optimizer: torch.optim.Optimizer
    schedule: LrSchedule | None
    micro_batch: int
    may_halve: bool
    autocast: AbstractContextManager[object] = field(default_factory=contextlib.nullcontext)
    clip_norm: float | None = None
    loss: Callable[..., Tensor] = field(init=False)
    clipped: Tensor = field(init=False)

    def __post_init__(self) -> None:
        self.loss = self.eager_loss
        self.clipped = torch.zeros((), dtype=torch.int64, device=self.device)

    @property
    def device(self) -> torch.device:
        return next(self.model.parameters()).device

    def eager_loss(self, *batch: Tensor) -> Tensor:
        with self.autocast:
            return self.workload.loss(self.model, *batch)

    def update(self, batch: tuple[Tensor, ...]) -> Tensor:
        """Take one optimizer step on a prepared batch; return its mean loss before the step, still on the device."""
        loss = self._accumulate(batch)
        if self.clip_norm is not None:
            norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.clip_norm)
            self.clipped += norm > self.clip_norm
        self.optimizer.step()
        return loss.detach().reshape(())

    def advance(self) -> None:
        """Set the lr of the next iteration."""
        if self.schedule is not None:
            self.schedule.step()

    def _accumulate(self, batch: tuple[Tensor, ...]) -> Tensor:
        """Compute the gradients of a batch and return its loss; halve the micro-batches until they fit."""
        while True:
            self.optimizer.zero_grad(set_to_none=True)
            try:
                return self.gradients(batch)
            except (RuntimeError, MemoryError) as error:
                if not (is_out_of_memory(error) and self.may_halve) or self.micro_batch == 1 or len(batch[0]) == 1:
                    raise
                if batch[0].is_cuda and torch.cuda.is_current_stream_capturing():
                    raise  # a capture needs memory of its own: the batch fits where it is not captured
            # Outside of the handler, whose traceback would keep the tensors of the failed attempt alive.
            self.micro_batch = min(self.micro_batch, len(batch[0])) // 2
            if batch[0].is_cuda:
                torch.cuda.empty_cache()

    def gradients(self, batch: tuple[Tensor, ...]) -> Tensor:
        """Add up the gradients of micro-batches, each weighted by its share of the batch; return the mean loss."""
        count = len(batch[0])
        if count <= self.micro_batch:
            return _backward(self.loss(*batch))
        total = torch.zeros((), device=batch[0].device)
        for start in range(0, count, self.micro_batch):
            part = part_of(batch, start, start + self.micro_batch)
            total += _backward(self.loss(*part) * (len(part[0]) / count)).detach().reshape(())
        return total


def part_of(batch: tuple[Tensor, ...], start: int, end: int) -> tuple[Tensor, ...]:
    """Return some examples of a batch; what `prepare` added that is not by example stays whole."""
    count = len(batch[0])
    return tuple(tensor[start:end] if tensor.dim() and len(tensor) == count else tensor for tensor in batch)


def _backward(loss: Tensor) -> Tensor:
    loss.backward()  # type: ignore[no-untyped-call]
    return loss


def has_batch_statistics(model: nn.Module) -> bool:
    """Return whether a model normalises by the statistics of its batch, so that a part of it gives other gradients."""
    return any(isinstance(module, _BatchNorm) for module in model.modules())


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether memory ran out: torch's own error on a GPU; on a CPU, its allocator says so in the text only."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    text = str(error)
    return isinstance(error, RuntimeError) and ("can't allocate memory" in text or "out of memory" in text)
