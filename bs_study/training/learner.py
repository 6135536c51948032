"""What an iteration changes: a model, through its optimizer and lr schedule."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor, nn

from bs_study.training.additivity import (
    ADVICE,
    BATCH_STATISTICS,
    MOST_EXAMPLES,
    NO_MEAN,
    TWO_DO_NOT_FIT,
    fault_of_parts,
)
from bs_study.training.gradient_norms import gradients_of, total_norm
from bs_study.training.optimizer import LrSchedule
from bs_study.training.parts import Batch, summed_loss
from bs_study.training.randomness import kept_generators
from bs_study.workloads.base import Workload

TELLING_EXAMPLES = 64


class Told(NamedTuple):
    """What iterations tell, on the device: mean losses, and norms of the gradients before clipping.

    Of one iteration both are of shape (), of several (iterations,), float32 then.
    """

    losses: Tensor
    grad_norms: Tensor


@dataclass
class Learner:
    """A model with all that updates it.

    Args:
        workload: gives the loss.
        model: on the device that its batches are on.
        optimizer: of the model's parameters.
        schedule: stepped after each iteration; None where the lr is constant.
        micro_batch: how many examples' gradients are computed at once. It is halved when memory runs out.
        may_halve: whether it may, if parts are seen to add up; false where the statistics of a batch must be its own.
        adds_up_not: whether the loss is known to be no mean over examples: then it may not be halved either.
        telling: so many examples of the training set, prepared, with rare labels among them; None where it is not at
            hand. A batch of common ones alone adds up whatever the rare ones weigh.
        autocast: the context of forward passes.
        clip_norm: the norm that gradients are scaled down to where they are above it; None leaves them.
        loss: mean loss of a prepared batch: `eager_loss`, or what an engine makes of it.
        clipped: iterations of this epoch whose gradients were scaled down, counted on the device.
        trained: the parameters that have gradients.
        frozen: the others, each with the version that its tensor had at first.
    """

    workload: Workload
    model: nn.Module
    optimizer: torch.optim.Optimizer
    schedule: LrSchedule | None
    micro_batch: int
    may_halve: bool
    adds_up_not: bool = False
    telling: Callable[[int], Batch] | None = None
    autocast: AbstractContextManager[object] = field(default_factory=contextlib.nullcontext)
    clip_norm: float | None = None
    loss: Callable[..., Tensor] = field(init=False)
    clipped: Tensor = field(init=False)
    trained: list[Tensor] = field(init=False)
    frozen: list[tuple[Tensor, int]] = field(init=False)
    _adds_up: bool = field(init=False, default=False)  # was seen

    def __post_init__(self) -> None:
        self.loss = self.eager_loss
        self.clipped = torch.zeros((), dtype=torch.int64, device=self.device)
        self.trained = [parameter for parameter in self.model.parameters() if parameter.requires_grad]
        self.begin()

    def begin(self) -> None:
        """Take the weights as they are now for those that training begins with."""
        self.frozen = [(one, one._version) for one in self.model.parameters() if not one.requires_grad]

    @property
    def followers(self) -> list[Tensor]:
        """The parameters that no optimizer trains and training has changed all the same: a teacher's, say."""
        return [one for one, version in self.frozen if one._version != version]

    @property
    def device(self) -> torch.device:
        return next(self.model.parameters()).device

    def eager_loss(self, *batch: Tensor) -> Tensor:
        with self.autocast:
            return self.workload.loss(self.model, *batch)

    def update(self, batch: Batch) -> Told:
        """Take one optimizer step on a prepared batch; return its mean loss and gradient norm before the step."""
        loss = self._accumulate(batch)
        if self.clip_norm is not None:
            norm = torch.nn.utils.clip_grad_norm_(self.trained, self.clip_norm)
            self.clipped += norm > self.clip_norm
        else:
            norm = total_norm(gradients_of(self.trained))
        self.optimizer.step()
        return Told(loss.detach().reshape(()), norm)

    def advance(self) -> None:
        """Set the lr of the next iteration."""
        if self.schedule is not None:
            self.schedule.step()

    def _accumulate(self, batch: Batch) -> Tensor:
        """Compute the gradients of a batch and return its loss."""

        def compute() -> Tensor:
            self.optimizer.zero_grad(set_to_none=True)
            return self.gradients(batch)

        return self.fitting(compute, batch)

    def fitting(self, compute: Callable[[], Tensor], batch: Batch) -> Tensor:
        """Return what a computation on a prepared batch gives; halve the micro-batches until it fits.

        Raises:
            MemoryError: it does not fit, and may not be split; the message says why not.
        """
        while True:
            try:
                return compute()
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error) or self.micro_batch == 1 or len(batch[0]) == 1:
                    raise
                if batch[0].is_cuda and torch.cuda.is_current_stream_capturing():
                    raise  # a capture needs memory of its own: the batch fits where it is not captured
                told = str(error).partition("\n")[0]
            # Outside of the handler, whose traceback would keep the tensors of the failed attempt alive.
            self.model.zero_grad(set_to_none=True)
            if batch[0].is_cuda:
                torch.cuda.empty_cache()
            self._halve(batch, told)

    def _halve(self, batch: Batch, told: str) -> None:
        """Halve the micro-batches, once parts of a batch were seen to add up."""
        half = min(self.micro_batch, len(batch[0])) // 2
        fault = None if self._adds_up else self._fault_of_parts(batch, most=half)
        if fault:
            raise MemoryError(f"{told}. The batch was not halved: {fault}")
        self._adds_up = True
        self.micro_batch = half

    def _fault_of_parts(self, batch: Batch, *, most: int) -> str | None:
        """Return why a batch may not be computed in parts, by what is seen of as many examples as fit."""
        if not self.may_halve:
            return BATCH_STATISTICS
        if self.adds_up_not:
            return f"{NO_MEAN}. {ADVICE}"
        faults = (why_not_in_parts(self.workload, self.model, some, most=most) for some in self.to_compare(batch, most))
        return next(filter(None, faults), None)

    def to_compare(self, batch: Batch, most: int) -> Iterator[Batch]:
        """Yield batches that are to add up before any is split: a given one, and telling examples that fit."""
        yield batch
        if self.telling:
            with kept_generators():
                some = self.telling(max(2, min(most, TELLING_EXAMPLES)))
            yield some

    def gradients(self, batch: Batch) -> Tensor:
        """Add up the gradients of micro-batches, each weighted by its share of the batch; return the mean loss."""
        return self._summed(self.loss, batch, use=Tensor.backward)

    def mean_loss(self, batch: Batch) -> Tensor:
        """Return the loss of a prepared batch, and leave no gradients."""
        return self._summed(self.eager_loss, batch, use=lambda _: None)

    def _summed(self, loss: Callable[..., Tensor], batch: Batch, *, use: Callable[[Tensor], object]) -> Tensor:
        return summed_loss(loss, batch, size=self.micro_batch, weigh=self.workload.loss_weight, use=use)


def why_not_in_parts(workload: Workload, model: nn.Module, batch: Batch, *, most: int) -> str | None:
    """Return why a batch may not be computed in parts, by what is seen of `most` examples, or of as many as fit."""
    while most > 1:
        try:
            fault = fault_of_parts(workload, model, batch, most=most)
        except Exception as error:  # noqa: BLE001  a model may be unable to compute a part
            if not is_out_of_memory(error):
                return f"a part can't be computed ({type(error).__name__}: {error})".replace("\n", " ")
        else:
            return fault and f"{fault}. {ADVICE}"
        most = min(most, len(batch[0]), MOST_EXAMPLES) // 2
    return TWO_DO_NOT_FIT


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether memory ran out: torch's own error on a GPU; on a CPU, its allocator says so in the text only."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    text = str(error)
    return isinstance(error, RuntimeError) and ("can't allocate memory" in text or "out of memory" in text)
