"""Batches of any size through a workload, before any trial starts: does a model train on them, are they evaluated?"""

from __future__ import annotations

import contextlib
import copy
import math
import time
import warnings
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor, nn

from bs_study.workloads.base import Data, Workload, examples_in
from bs_study.workloads.check import batch_at, example_name, prepare
from bs_study.workloads.metrics import own_metrics, refuse_bad_values
from bs_study.workloads.telling import spread_places
from bs_study.workloads.user_errors import calling

SECONDS = 2.0  # that all tries of a workload take, about
SAVED_BYTES = 2**30  # that a forward pass may keep for its backward pass, about
FEW = 8  # examples, which are tried whatever they cost
STEP = 4  # by which sizes grow on the way to a large one, so that its cost is foreseen


class Batch(NamedTuple):
    """A batch to try."""

    size: int
    is_trained: bool = True


class Tries:
    """Batches of several sizes, each on a copy of the model, for as long as they are affordable.

    A batch that does not fit into memory is no fault, but no larger one follows.

    Args:
        workload: made anew for each try, as a trial does.
        model: with the initial weights; it is left as it is.
        train: where batches to train on come from.
        held_out: where batches to evaluate come from.
        is_split: the held-out examples were taken out of those that `train_data` returned.
    """

    def __init__(
        self, workload: Workload, model: nn.Module, *, train: Data, held_out: Data, is_split: bool = False
    ) -> None:
        self.name, self.held_out_by = workload.name, "train_data" if is_split else "eval_data"
        self._is_split = is_split
        self._workload, self._model, self._train, self._held_out = workload, model, train, held_out
        self._seconds_left, self._ran_out = SECONDS, False
        self._cost: dict[int, tuple[float, int]] = {}  # seconds and saved bytes of a batch, by its size
        self._faults: dict[Batch, str | None] = {}
        self._passed: list[tuple[Batch, ...]] = []

    def fault(self, size: int, *, is_trained: bool = True) -> str | None:
        """Return why a batch of this size fails on a new model; None if it passes, or is too large to be tried."""
        batch = Batch(size, is_trained)
        if batch not in self._faults:
            while not self._affords(size):
                step = STEP * max((tried for tried in self._cost if tried < size), default=size)
                if step >= size or not self._affords(step) or self.fault_in_a_row(Batch(step, is_trained)):
                    return None
            self._faults[batch] = self.fault_in_a_row(batch)
        return self._faults[batch]

    def fault_in_a_row(self, *batches: Batch) -> str | None:
        """Return why one of some batches, one after the other on one model, fails; None if all pass.

        Batches that passed in a longer row pass without another try.
        """
        if any(_is_within(batches, row) for row in self._passed):
            return None
        workload, model = type(self._workload)(), copied(self._workload, self._model)
        for size, is_trained in batches:
            fault = self._try(workload, model, spread_places(self.examples(is_trained), count=size), is_trained)
            if fault or self._ran_out:
                return fault
        self._passed.append(batches)
        return None

    def fault_at(self, places: list[int], *, is_trained: bool) -> str | None:
        """Return why a batch of the examples at some places fails on a new model; None if it passes."""
        return self._try(type(self._workload)(), copied(self._workload, self._model), places, is_trained)

    def examples(self, is_trained: bool) -> int:
        """Return how many examples there are to train on, or to evaluate."""
        return examples_in(self._train if is_trained else self._held_out)

    def named(self, place: int, is_trained: bool) -> str:
        """Return a name for an example, as `train_data: example 7`."""
        data, method = (self._train, "train_data") if is_trained else (self._held_out, self.held_out_by)
        part = "left to train on" if is_trained else "taken out of it by validation_examples"
        of_part = f" of the {examples_in(data)} {part}" if self._is_split and isinstance(data, tuple) else ""
        return f"{self.name}.{method}: {example_name(data, place)}{of_part}"

    def _try(self, workload: Workload, model: nn.Module, places: list[int], is_trained: bool) -> str | None:
        start = time.perf_counter()
        saved = [0]
        try:
            with warnings.catch_warnings(action="ignore"):  # of one example, which may never be trained on alone
                if is_trained:
                    with _counting(saved):
                        _train(workload, model, batch_at(workload, "train_data", self._train, places=places))
                else:
                    _evaluate(workload, model, batch_at(workload, self.held_out_by, self._held_out, places=places))
        except Exception as error:  # noqa: BLE001  whatever the user's code runs into
            if _ran_out_of_memory(error.__cause__ or error):
                self._ran_out = True
                return None
            return str(error)
        finally:
            seconds = time.perf_counter() - start
            self._seconds_left -= seconds if self._cost else 0.0  # the first loads what libraries need
            self._cost[len(places)] = seconds, saved[0]
        return None

    def _affords(self, size: int) -> bool:
        """Return whether a try is likely to fit, by the cost of the largest one so far."""
        largest = max(self._cost, default=0)
        if self._ran_out or not largest or size <= FEW:
            return not self._ran_out
        seconds, saved = self._cost[largest]
        factor = max(size / largest, 1.0)
        return seconds * factor <= self._seconds_left and saved * factor <= SAVED_BYTES


def _is_within(batches: tuple[Batch, ...], row: tuple[Batch, ...]) -> bool:
    """Return whether a row has these batches, in their order."""
    rest = iter(row)
    return all(batch in rest for batch in batches)


def copied(workload: Workload, model: nn.Module) -> nn.Module:
    """Return a model with the same weights and nothing kept of earlier batches; a new one if it can't be copied."""
    try:
        return copy.deepcopy(model)
    except Exception:  # noqa: BLE001  what a module holds may refuse to be copied in many ways
        torch.manual_seed(0)
        return workload.model().eval()


@contextlib.contextmanager
def _counting(saved: list[int]) -> Iterator[None]:
    """Add up the bytes of the tensors that a forward pass keeps for its backward pass."""

    def count(tensor: Tensor) -> Tensor:
        saved[0] += tensor.nbytes
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor):
        yield


def _train(workload: Workload, model: nn.Module, raw: tuple[Tensor, ...]) -> None:
    """Compute loss and gradients of a batch, as training does."""
    model.train()
    torch.manual_seed(0)
    batch = prepare(workload, raw)
    with calling(workload, "loss"):
        loss = workload.loss(model, *batch)
        if not math.isfinite(loss.item()):
            raise ValueError(f"the loss is {loss.item()}")
        loss.backward()  # type: ignore[no-untyped-call]


@torch.no_grad()
def _evaluate(workload: Workload, model: nn.Module, raw: tuple[Tensor, ...]) -> None:
    """Compute the metrics of a batch, as an evaluation does."""
    model.eval()
    batch = prepare(workload, raw)
    with calling(workload, "metrics"):
        found = workload.metrics(model, *batch)
    refuse_bad_values(workload.name, found, examples=len(raw[0]), own=own_metrics(workload))
    if "loss" not in found:
        with calling(workload, "loss"):
            workload.loss(model, *batch)


def _ran_out_of_memory(error: BaseException) -> bool:
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or "allocate memory" in str(error)
