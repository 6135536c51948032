"""What the gradients of an iteration's weights are like: a look at fresh examples that changes nothing."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from bs_study.training.gradient_norms import as_real, gradient_of_each, is_half, product, total_norm
from bs_study.training.kept_state import kept_state
from bs_study.training.learner import Learner
from bs_study.training.own_state import kept_own_state
from bs_study.training.parts import Batch, summed_loss
from bs_study.training.randomness import seed_generators
from bs_study.workloads.base import Data, examples_in
from bs_study.workloads.telling import batch_at


class Moments(NamedTuple):
    """Of the gradient of one example, whose mean is G and whose covariance is Σ: |G|² and tr Σ, both unbiased."""

    g2: float
    tr_sigma: float


def moments(norms2: list[float], norm2_of_mean: float, *, chunk: int) -> Moments:
    """Return |G|² and tr Σ by the gradients g_c of m chunks of b examples each.

    With their mean ḡ, tr Σ = b (Σ|g_c|² - m |ḡ|²) / (m - 1) and |G|² = |ḡ|² - tr Σ / (m b)
    (McCandlish et al. 2018, appendix A.1, with m batches in place of two).

    Args:
        norms2: |g_c|² of each chunk.
        norm2_of_mean: |ḡ|².
        chunk: b.

    >>> moments([1.0, 1.0], 0.5, chunk=4)
    Moments(g2=0.0, tr_sigma=4.0)
    """
    count = len(norms2)
    tr_sigma = chunk * (sum(norms2) - count * norm2_of_mean) / (count - 1)
    return Moments(norm2_of_mean - tr_sigma / (count * chunk), tr_sigma)


class Probe(NamedTuple):
    """The moments of the gradient as it is, and in the metric of adam's update; None with another optimizer."""

    plain: Moments
    scaled: Moments | None


def probe(learner: Learner, data: Data, *, chunk: int, chunks: int, seed: int) -> Probe:
    """Return the moments of the gradient at the learner's weights, by examples drawn with replacement.

    So they are unbiased for the training set, however small. Weights, gradients, buffers and generators are left as
    they were. Clipping is no part of it.

    Args:
        data: the training set.
        chunk: examples of each gradient.
        chunks: how many gradients.
        seed: of the draw, and of whatever workload and model draw.
    """
    places = torch.randint(examples_in(data), (chunks * chunk,), generator=torch.Generator().manual_seed(seed))
    norms2: list[Tensor] = []
    with looking_at(learner, data, seed=seed):
        means = [torch.zeros_like(one, dtype=torch.float32 if is_half(one) else None) for one in learner.trained]
        scale = adam_scale(learner.optimizer, learner.trained)
        for some in torch.split(places, chunk):
            gradients = _chunk_gradients(learner, drawn(learner, data, some.tolist()))
            norms2.append(_norms2(gradients, scale))
            torch._foreach_add_(means, gradients, alpha=1 / chunks)
        *of_chunks, of_mean = torch.stack([*norms2, _norms2(means, scale)]).tolist()
    plain, scaled = (moments([one[i] for one in of_chunks], of_mean[i], chunk=chunk) for i in (0, 1))
    return Probe(plain, scaled if scale else None)


def _chunk_gradients(learner: Learner, batch: Batch) -> list[Tensor]:
    """Return the gradient of a prepared batch, 0 where its examples use no parameter."""
    for parameter in learner.trained:
        parameter.grad = None
    weigh, size = learner.workload.loss_weight, learner.micro_batch
    summed_loss(learner.eager_loss, batch, size=size, weigh=weigh, use=Tensor.backward)
    return gradient_of_each(learner.trained)


@contextlib.contextmanager
def looking_at(learner: Learner, data: Data, *, seed: int) -> Iterator[None]:
    """Leave all that a look at a learner's model changes as it was; within, generators begin with a seed."""
    with kept_own_state(learner, data), kept_state(learner.model):
        seed_generators(seed)
        yield


def drawn(learner: Learner, data: Data, places: list[int]) -> Batch:
    """Return the examples at some places of the training set, prepared, on the device."""
    raw = batch_at(learner.workload, data, places)
    return learner.workload.prepare(*(part.to(learner.device) for part in raw))


def probe_seed(seed: int, iteration: int) -> int:
    """Return the seed of the probe after an iteration, which no batch of the trial has."""
    return int(np.random.SeedSequence([seed, iteration, 0, 1]).generate_state(1, np.uint64)[0] >> 1)


def adam_scale(optimizer: torch.optim.Optimizer, parameters: list[Tensor]) -> list[Tensor]:
    """Return 1 / (√v̂ + eps) of each parameter, by which adam scales its update; nothing with another optimizer.

    It is 0 of a parameter that no update has moved.
    """
    if not any("exp_avg_sq" in state for state in optimizer.state.values()):
        return []
    beta2, eps = optimizer.param_groups[0]["betas"][1], optimizer.param_groups[0]["eps"]
    scales = []
    for parameter in parameters:
        state = optimizer.state.get(parameter, {})
        if "exp_avg_sq" in state:
            unbiased = as_real(state["exp_avg_sq"]) / (1 - beta2 ** state["step"].to(parameter.device))
            scales.append(1 / (unbiased.sqrt() + eps))
        else:
            scales.append(torch.zeros_like(as_real(parameter)))
    return scales


def _norms2(gradients: list[Tensor], scale: list[Tensor]) -> Tensor:
    """Return |g|² as it is and, where there is a scale, in that metric; float64 of shape (2,)."""
    plain = total_norm(gradients).double() ** 2
    return torch.stack([plain, product(gradients, gradients, scale) if scale else plain])
