"""Do loss and gradients of parts add up to those of the batch? They do not where examples see each other."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from bs_study.training.kept_state import kept_state
from bs_study.training.parts import Batch, rows_of, summed_loss
from bs_study.training.randomness import seed_generators, seed_host_generators
from bs_study.workloads.base import Workload

MOST_EXAMPLES = 512  # that are compared at once
FEW_EXAMPLES, OFTEN = 5, 6  # so few, so often: their parts differ most, in classes say
TOLERANCE = 1e-3  # how far the sum of parts may be from the whole, relative to its norm
ROUNDINGS = 4  # of the gradients' own precision, where that is coarser
DRAWS = 16  # of a loss that draws random numbers
CHANCE = 6.0  # standard errors; the mean of so many draws is beyond them by chance in one of 40,000 looks

BATCH_STATISTICS = (
    "its model has batch statistics (BatchNorm), which micro-batches would change. Allow it with --micro-batch N"
)
NO_MEAN = "its loss is no mean over examples, as was seen before the trials"
ADVICE = "Give the workload loss_weight, if its loss divides by something else than the number of examples"
TWO_DO_NOT_FIT = (
    "two examples do not fit at once, so whether parts of a batch add up can't be seen. Allow it with --micro-batch 1"
)

Outcome = tuple[Tensor, Tensor]
"""Loss, shape (1,), and gradients, flat, both on the host."""


def has_batch_statistics(model: nn.Module) -> bool:
    """Return whether a model normalises by the statistics of its batch, so that a part of it gives other gradients.

    A BatchNorm that stays in evaluation mode when the model is trained does not.
    """
    layers = [module for module in model.modules() if isinstance(module, _BatchNorm)]
    if not layers:
        return False
    modes = [(module, module.training) for module in model.modules()]
    model.train()
    uses = any(layer.training or layer.running_mean is None for layer in layers)
    for module, was_training in modes:
        module.training = was_training
    return uses


def fault_of_parts(workload: Workload, model: nn.Module, batch: Batch, *, most: int = MOST_EXAMPLES) -> str | None:
    """Return how loss or gradients of parts of a batch differ from those of the whole; None where they add up.

    Some of its examples, drawn at random, stand for the batch: a few, several times, then many. Each time they are
    computed at once and in uneven parts, without autocast. Of random numbers, those of layers in training mode are
    switched off; for what is drawn all the same, means over draws must agree but for chance. It takes as long as a
    handful of updates, or some fifty where random numbers are drawn, and leaves no trace.

    BatchNorm is left out, in evaluation mode: whoever asks nevertheless has decided to use the statistics of parts.

    Args:
        workload: gives the loss and its weight.
        model: at any point of its training.
        batch: prepared.
        most: examples that fit at once, at least 2.
    """
    workload = copy.copy(workload)  # one that counts its losses, say, counts none of these
    most = min(most, len(batch[0]), MOST_EXAMPLES)
    generator = torch.Generator().manual_seed(0)
    seen = []
    for count in (most, *{max(2, most * 2 // 3)} - {most}, *[min(FEW_EXAMPLES, most)] * OFTEN):
        rows = torch.randperm(len(batch[0]), generator=generator)[:count].to(batch[0].device)
        seen += _compared_in_modes(workload, model, rows_of(batch, rows))
    faulty = [comparison for comparison in seen if comparison.fault]
    if faulty:
        return max(faulty, key=lambda comparison: comparison.share).fault
    return None if any(comparison.draws for comparison in seen) else "its loss or gradients are not finite"


def _compared_in_modes(workload: Workload, model: nn.Module, batch: Batch) -> list[_Comparison]:
    def outcome(size: int, seed: int, *, is_quiet: bool) -> Outcome:
        with kept_state(model):
            if is_quiet:
                _quieten(model)
            return _outcome(workload, model, batch, size=size, seed=seed)

    def quiet(size: int, seed: int) -> Outcome:
        return outcome(size, seed, is_quiet=True)

    examples = len(batch[0])
    tolerance = _tolerance(model)
    if has_batch_statistics(model):
        return [_compared(quiet, examples, tolerance)]
    training = _compared(lambda size, seed: outcome(size, seed, is_quiet=False), examples, tolerance)
    return [_compared(quiet, examples, tolerance), training] if training.draws > 1 else [training]


def _quieten(model: nn.Module) -> None:
    model.eval()
    for module in model.modules():
        if isinstance(module, nn.RNNBase):
            module.training = True  # cuDNN computes no gradients otherwise


def _tolerance(model: nn.Module) -> float:
    return max(TOLERANCE, *(ROUNDINGS * torch.finfo(parameter.dtype).eps for parameter in _trained(model)))


def _trained(model: nn.Module) -> list[nn.Parameter]:
    return [parameter for parameter in model.parameters() if parameter.requires_grad]


def _outcome(workload: Workload, model: nn.Module, batch: Batch, *, size: int, seed: int) -> Outcome:
    seed_generators(seed) if batch[0].is_cuda else seed_host_generators(seed)
    loss = summed_loss(
        lambda *part: workload.loss(model, *part),
        batch,
        size=size,
        weigh=workload.loss_weight,
        use=Tensor.backward,
    )
    gradients = [torch.zeros(p.shape) if p.grad is None else p.grad.cpu().to_dense() for p in _trained(model)]
    return loss.reshape(1).cpu(), torch.cat([gradient.flatten() for gradient in gradients])


def _compared(outcome: Callable[[int, int], Outcome], examples: int, tolerance: float) -> _Comparison:
    """Compare whole and parts of so many examples: once if no random numbers are drawn, else in many draws.

    Args:
        outcome: by the size of the parts, and the seed.
        examples: at least 2.
        tolerance: relative to the norm of the whole.
    """
    comparison, first = _Comparison(examples, tolerance), outcome(examples, 0)
    if not all(part.isfinite().all() for part in first):
        return comparison  # it shows nothing
    comparison.add(first, outcome(examples * 2 // 5 + 1, 0))
    if not comparison.fault or _is_same(first, outcome(examples, 1)):
        return comparison
    for seed in range(1, DRAWS):
        comparison.add(outcome(examples, seed), outcome(examples * 2 // 5 + 1, seed))
    return comparison


def _is_same(some: Outcome, others: Outcome) -> bool:
    return all(float((a - b).norm()) <= TOLERANCE / 10 * float(a.norm()) for a, b in zip(some, others, strict=True))


@dataclass
class _Comparison:
    """Loss and gradients of a whole beside those of its parts, over draws of random numbers."""

    examples: int
    tolerance: float
    draws: int = 0
    loss: _Sums = field(default_factory=lambda: _Sums())
    gradients: _Sums = field(default_factory=lambda: _Sums())

    def add(self, whole: Outcome, parts: Outcome) -> None:
        self.draws += 1
        self.loss.add(whole[0], parts[0])
        self.gradients.add(whole[1], parts[1])

    @property
    def fault(self) -> str | None:
        if not self.draws:
            return None
        if self._is_off(self.loss):
            whole = float(self.loss.whole) / self.draws
            parts = whole - float(self.loss.off) / self.draws
            return (
                f"its loss is no mean over examples ({whole:.4g} for {self.examples}, but {parts:.4g} by their parts)"
            )
        if self._is_off(self.gradients):
            return (
                f"its gradients are no mean over examples (those of {self.examples} differ from their parts' by "
                f"{self.share:.2g} of their norm)"
            )
        return None

    @property
    def share(self) -> float:
        """How far the parts are off, relative to the norm of the whole."""
        sums = (self.loss, self.gradients)
        return max((float(each.off.norm() / each.whole.norm()) for each in sums if each.whole.any()), default=math.inf)

    def _is_off(self, sums: _Sums) -> bool:
        """Return whether the mean difference is beyond rounding and CHANCE standard errors of itself."""
        off = float(sums.off.norm()) / self.draws
        variance = max(0.0, sums.squares / self.draws - off**2) / max(1, self.draws - 1)
        allowed = self.tolerance * float(sums.whole.norm()) / self.draws + CHANCE * math.sqrt(variance)
        return not off <= allowed  # true of NaN


@dataclass
class _Sums:
    """Sums over draws: of the whole, of how far the parts are off, and of the squared norm of that."""

    whole: Tensor = field(default_factory=lambda: torch.zeros(1))
    off: Tensor = field(default_factory=lambda: torch.zeros(1))
    squares: float = 0.0

    def add(self, whole: Tensor, parts: Tensor) -> None:
        off = (whole - parts).double()
        self.whole = self.whole + whole
        self.off = self.off + off
        self.squares += float(off.square().sum())
