"""How an iteration is executed: operation by operation, compiled, or as one CUDA graph (`cuda_graph.py`)."""

from __future__ import annotations

from typing import Literal, Protocol

import torch
from torch import Tensor

from bs_study.training.learner import Learner, is_out_of_memory

EngineName = Literal["eager", "compile", "cuda_graph"]


class Engine(Protocol):
    """Executes iterations; their losses wait on the device until they are taken."""

    name: EngineName
    complaint: str | None
    """Why the engine that was asked for is not the one that runs."""

    def prepare(self, raw: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Return a batch ready for the model; it holds until the next is prepared."""

    def update(self, batch: tuple[Tensor, ...]) -> None:
        """Take one optimizer step on a prepared batch and keep its loss."""

    def take_losses(self) -> Tensor:
        """Return the losses since the last call, float32 of shape (iterations,), and forget them."""


class EagerEngine:
    """One operation after another."""

    name: EngineName = "eager"
    complaint: str | None = None

    def __init__(self, learner: Learner) -> None:
        self._learner = learner
        self._losses: list[Tensor] = []

    def prepare(self, raw: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return self._learner.workload.prepare(*raw)

    def update(self, batch: tuple[Tensor, ...]) -> None:
        self._losses.append(self._learner.update(batch))
        self._learner.advance()

    def take_losses(self) -> Tensor:
        losses, self._losses = self._losses, []
        return torch.stack(losses).float()


class CompiledEngine(EagerEngine):
    """Forward and backward compiled by TorchInductor for whole batches; an epoch's short last batch runs eagerly."""

    name: EngineName = "compile"

    def __init__(self, learner: Learner) -> None:
        super().__init__(learner)
        # With torch's own random numbers, so that dropout is that of the eager engine.
        self._compiled = torch.compile(learner.eager_loss, dynamic=False, options={"fallback_random": True})
        self._has_run = False
        learner.loss = self._loss

    def _loss(self, *batch: Tensor) -> Tensor:
        if self.complaint or len(batch[0]) != self._learner.micro_batch:
            return self._learner.eager_loss(*batch)
        try:
            loss: Tensor = self._compiled(*batch)
        except Exception as error:  # a compiler raises whatever it likes
            if self._has_run or is_out_of_memory(error):
                raise
            self.name, self.complaint = "eager", f"trained eagerly, torch.compile failed: {first_line(error)}"
            return self._learner.eager_loss(*batch)
        self._has_run = True
        return loss


def first_line(error: BaseException) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
