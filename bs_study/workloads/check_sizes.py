"""What differs between an evaluation of examples in one batch and in several, by more than rounding and chance."""

from __future__ import annotations

import copy
import functools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple

import torch
from torch import Tensor, nn

from bs_study.workloads.base import Data, Workload
from bs_study.workloads.telling import batch_at

# How far weights are changed, by their root mean square. The initial ones may hide what a batch does: all predictions
# may be one class, and all logits 0.
CHANGES = (0.0, 1.0, 4.0, 16.0)
SIZES = (7, 3, 1)
ROUNDING = 1e-6  # of weights: a recurrent model may turn it into any other number
DRAWS = 5  # evaluations of each size, where chance or rounding may be what makes them differ

Batch = tuple[Tensor, ...]
Numbers = Mapping[str, float]


class Sample:
    """Examples of a data set, read once and put together once, in batches of any size."""

    def __init__(self, workload: Workload, data: Data, *, places: list[int]) -> None:
        self.count = len(places)
        self._places = places
        self._read = functools.partial(batch_at, workload, data)
        self._whole = self._read(places)

    def batches(self, size: int) -> list[Batch]:
        """Return them as new tensors, which `prepare` may change in place."""
        parts = zip(*(torch.split(part, size) for part in self._whole), strict=True)
        return [tuple(part.clone() for part in batch) for batch in parts]

    def batches_read_apart(self, size: int) -> list[Batch]:
        """Return batches as an evaluation reads them: each may be padded in its own way."""
        return [self._read(self._places[start : start + size]) for start in range(0, self.count, size)]

    @property
    def is_padded(self) -> bool:
        """Whether examples have another shape in a smaller batch."""
        with suppress(Exception):  # a workload may put so few together in no way
            shapes = {tuple(part.shape[1:] for part in batch) for batch in self.batches_read_apart(min(SIZES))}
            return shapes != {tuple(part.shape[1:] for part in self._whole)}
        return False


class Difference(NamedTuple):
    """A number of some examples at once, and the same in batches."""

    examples: int
    at_once: float
    size: int
    in_batches: float

    def __str__(self) -> str:
        examples = f"{self.examples} held-out examples"
        return f"{self.at_once:.4g} for {examples} at once, {self.in_batches:.4g} in batches of {self.size}"


def differences(
    numbers: Callable[[nn.Module, int, int], Numbers],
    model: nn.Module,
    *,
    count: int,
    eval_batch_size: int,
    is_over: Callable[[], bool],
    changes: Sequence[float] = CHANGES,
) -> dict[str, Difference]:
    """Return by name the numbers that differ, with the initial weights or with others.

    Args:
        numbers: of an evaluation of a model, in batches of a size, with a seed.
        count: of examples that it is of.
        is_over: whether no time is left, but for the first comparison.
        changes: of the weights.
    """
    found: dict[str, Difference] = {}
    for change in changes:
        if change and is_over():
            break
        with suppress(Exception):  # a model that can't be copied, or whose other weights are none
            subject = changed(model, by=change, seed=0) if change else model
            at_once = numbers(subject, count, 0)
            for size in _smaller_sizes(count, eval_batch_size):
                found = _differences(numbers, subject, at_once, sizes=(count, size)) | found
                if is_over():
                    break
    return found


def _differences(
    numbers: Callable[[nn.Module, int, int], Numbers], model: nn.Module, at_once: Numbers, *, sizes: tuple[int, int]
) -> dict[str, Difference]:
    with suppress(Exception):  # a model may take batches of some sizes only
        in_batches = numbers(model, sizes[1], 0)
        odd = [name for name, value in in_batches.items() if not _are_close(at_once[name], value, model)]
        names = _beyond_chance(odd, numbers, model, sizes=sizes)
        return {name: Difference(sizes[0], at_once[name], sizes[1], in_batches[name]) for name in names}
    return {}


def _smaller_sizes(count: int, eval_batch_size: int) -> Iterator[int]:
    """Yield the study's own size and smaller ones; none where there is but one example."""
    yield from sorted({size for size in (*SIZES, eval_batch_size) if size < count}, reverse=True)


def _are_close(at_once: float, in_batches: float, model: nn.Module) -> bool:
    """Return whether no more than rounding is between two numbers: 1e-3 of them for weights in float32."""
    dtypes = {parameter.dtype for parameter in model.parameters() if parameter.is_floating_point()} | {torch.float32}
    tolerance = 3 * math.sqrt(max(torch.finfo(dtype).eps for dtype in dtypes))
    return not math.isfinite(at_once) or math.isclose(at_once, in_batches, rel_tol=tolerance, abs_tol=1e-6)


def _beyond_chance(
    names: list[str], numbers: Callable[[nn.Module, int, int], Numbers], model: nn.Module, *, sizes: tuple[int, int]
) -> Iterator[str]:
    """Yield the names whose means of several draws are further apart than the draws of one size."""
    if not names:
        return
    models = [changed(model, by=ROUNDING, seed=seed) for seed in range(DRAWS)]
    drawn = [[numbers(models[seed], size, seed) for seed in range(DRAWS)] for size in sizes]
    for name in names:
        values = torch.tensor([[draw[name] for draw in draws] for draws in drawn], dtype=torch.float64)
        spread = (values.amax(1) - values.amin(1)).amax()
        if not (values[0] - values[1]).mean().abs() <= spread:  # NaN is no number that chance explains
            yield name


@torch.no_grad()
def changed(model: nn.Module, *, by: float, seed: int) -> nn.Module:
    """Return a copy with other weights. Biases are left: large ones would let all predictions be of one class."""
    torch.manual_seed(seed)
    other = copy.deepcopy(model)
    trained = [p for p in other.parameters() if p.requires_grad and p.is_floating_point()]
    for parameter in [p for p in trained if p.dim() > 1] or trained:
        parameter.add_(by * parameter.square().mean().sqrt().clamp(min=0.1) * torch.randn_like(parameter))
    return other
