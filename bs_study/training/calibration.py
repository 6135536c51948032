"""A short race of kernels and micro-batches on the CPU: which trains a model fastest at a batch size."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from bs_study.training.additivity import fault_of_parts
from bs_study.training.kernels import KERNELS, KernelName, Kernels, use_kernels
from bs_study.training.learner import Learner
from bs_study.training.parts import Batch, part_of
from bs_study.training.randomness import kept_generators

ROUNDS = 5
RACE_SECONDS = 1.5  # no further round begins after that
SMALL_BATCH = 256  # examples that kernels are compared on: they rank at it as they do at any larger batch size
LARGE_BATCH = 1024  # a CPU's caches do not hold what a larger batch computes
MARGIN = 0.95  # what is not the default must take less than this share of its time

Stopwatch = Callable[[Learner, Batch, KernelName], float]
Choice = TypeVar("Choice")


def gradient_seconds(learner: Learner, batch: Batch, name: KernelName) -> float:
    """Return the seconds of one computation of gradients; infinite for kernels that the model can't use."""
    start = time.perf_counter()
    try:
        use_kernels(name, learner.model)
        learner.gradients(batch)
    except RuntimeError:
        return math.inf
    return time.perf_counter() - start


def fastest_kernels(
    learner: Learner,
    batch: Batch,
    *,
    names: Sequence[KernelName] = KERNELS,
    may_split: bool = True,
    seconds: Stopwatch = gradient_seconds,
) -> Kernels:
    """Return the kernels and the micro-batch that train fastest, the learner being left as it was.

    Of a model that the race can't be run with, copied for one, the default.

    Args:
        learner: at the start of its trial; what it has of weights, gradients and random numbers is not touched.
        batch: the first of the trial, prepared.
        names: the kernels to choose from, the default first.
        may_split: whether a large batch may be computed in parts, where these are faster and add up to the same.
        seconds: how long a computation of gradients takes.
    """
    try:
        with kept_generators():
            subject = _copy(learner)
            small = _first(batch, _affordable(subject, batch, SMALL_BATCH, name=names[0], seconds=seconds))
            name = _fastest(names, lambda name: seconds(subject, small, name))
            use_kernels(name, subject.model)
            whole = learner.micro_batch
            return Kernels(name, _fastest_micro_batch(subject, batch, name, seconds) if may_split else whole)
    except Exception:  # noqa: BLE001  it is the training itself that tells what is wrong with a workload
        return Kernels(names[0], learner.micro_batch)


def _copy(learner: Learner) -> Learner:
    subject = copy.copy(learner)
    subject.model = copy.deepcopy(learner.model)
    subject.loss = subject.eager_loss
    return subject


def _fastest(choices: Sequence[Choice], seconds: Callable[[Choice], float]) -> Choice:
    """Return the choice that takes least time: the first, unless another is clearly faster.

    They take turns, and the least of several times counts: what else the machine does only ever adds to a time.
    """
    if len(choices) == 1:
        return choices[0]
    times = dict.fromkeys(choices, math.inf)
    start = time.perf_counter()
    for _ in range(ROUNDS):
        if time.perf_counter() - start > RACE_SECONDS:
            break
        for choice in choices:
            times[choice] = min(times[choice], seconds(choice))
    best = min(choices, key=times.__getitem__)
    return best if times[best] < MARGIN * times[choices[0]] else choices[0]


def _fastest_micro_batch(learner: Learner, batch: Batch, name: KernelName, seconds: Stopwatch) -> int:
    """Return the micro-batch with the least time per example; the whole batch if its gradients are no sum of parts."""
    whole = learner.micro_batch
    sample = _first(batch, 2 * LARGE_BATCH)
    # A large model fills the caches with few examples already, and would take long to say so.
    is_short = _affordable(learner, sample, len(sample[0]), name=name, seconds=seconds) == len(sample[0])
    if not is_short:
        return whole

    def in_parts(size: int) -> float:
        learner.micro_batch = size
        return seconds(learner, sample, name)

    return _fastest([whole, LARGE_BATCH, LARGE_BATCH // 2, SMALL_BATCH, SMALL_BATCH // 2], in_parts)


def _affordable(
    learner: Learner, batch: Batch, most: int, *, name: KernelName, seconds: Stopwatch = gradient_seconds
) -> int:
    """Return how many examples' gradients take a fifth of a race or less, by the time of a few."""
    few = _first(batch, 8)
    of_one = min(seconds(learner, few, name) for _ in range(2)) / len(few[0])
    return max(1, min(most, len(batch[0]), int(RACE_SECONDS / 5 / of_one)))


def adds_up(learner: Learner, batch: Batch) -> bool:
    """Return whether parts of a batch were seen to add up to it, on as many examples as a race has time for."""
    try:
        with kept_generators():
            few = _affordable(_copy(learner), batch, SMALL_BATCH, name=KERNELS[0])
        most = max(2, few)
        compared = learner.to_compare(batch, most)
        return all(fault_of_parts(learner.workload, learner.model, some, most=most) is None for some in compared)
    except Exception:  # noqa: BLE001  as above
        return False


def _first(batch: Batch, count: int) -> Batch:
    return part_of(batch, 0, count)
