"""How an iteration is executed: operation by operation, compiled, or as one CUDA graph (`cuda_graph.py`)."""

from __future__ import annotations

from typing import Literal, Protocol

import torch
from torch import Tensor

from bs_study.training.gradient_norms import gradient_of_each
from bs_study.training.learner import Learner, Told, is_out_of_memory

EngineName = Literal["eager", "compile", "cuda_graph"]


class Engine(Protocol):
    """Executes iterations; what they tell waits on the device until it is taken."""

    name: EngineName
    complaint: str | None
    """Why the engine that was asked for is not the one that runs."""

    def prepare(self, raw: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Return a batch ready for the model; it holds until the next is prepared."""

    def update(self, batch: tuple[Tensor, ...]) -> None:
        """Take one optimizer step on a prepared batch and keep what it tells."""

    def take(self) -> Told:
        """Return what the iterations since the last call told, and forget it."""

    def gradients(self) -> list[Tensor]:
        """Return the gradient of each trained parameter that the last update used; the next one overwrites them."""


class EagerEngine:
    """One operation after another."""

    name: EngineName = "eager"
    complaint: str | None = None

    def __init__(self, learner: Learner) -> None:
        self._learner = learner
        self._told: list[Told] = []

    def prepare(self, raw: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return self._learner.workload.prepare(*raw)

    def update(self, batch: tuple[Tensor, ...]) -> None:
        self._told.append(self._learner.update(batch))
        self._learner.advance()

    def take(self) -> Told:
        told, self._told = self._told, []
        return Told(*(torch.stack(of_all).float() for of_all in zip(*told, strict=True)))

    def gradients(self) -> list[Tensor]:
        return gradient_of_each(self._learner.trained)


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
