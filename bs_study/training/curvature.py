"""The curvature of the loss: products with its Hessian, along a gradient and along the steepest bend."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from bs_study.training.gradient_norms import as_real, product
from bs_study.training.learner import Learner
from bs_study.training.parts import summed_loss
from bs_study.training.probe import drawn, looking_at
from bs_study.workloads.base import Data, examples_in

MOST_EXAMPLES = 512
LEAST_PART = 32  # examples at once, however small the batch size
MOST_PRODUCTS = 200
TOLERANCE = 1e-3  # of the largest eigenvalue, by the residual of its vector
MOST_TOLERANCE = 1e-2  # after so many products
FIXED_SEED = 0  # of the examples that all trials have in common

Vector = list[Tensor]


def batch_sharpness(learner: Learner, data: Data, *, batch_size: int, seed: int) -> float:
    """Return gᵀHg / |g|² with gradient and Hessian of the loss of a fresh batch, of 512 examples at most.

    It changes nothing, as `probe` does not. Without autocast.

    Raises:
        RuntimeError: the model has an operation without a second derivative.
    """
    count = min(batch_size, MOST_EXAMPLES)
    places = torch.randint(examples_in(data), (count,), generator=torch.Generator().manual_seed(seed))
    hessian = _Hessian(learner, data, places.tolist(), seed=seed)
    gradient = hessian.gradient()
    return float(product(gradient, hessian.times(gradient)) / product(gradient, gradient))


def largest_eigenvalue(learner: Learner, data: Data, *, alive: Callable[[], None] = lambda: None) -> float:
    """Return the largest eigenvalue of the Hessian of the loss on 512 fixed examples of the training set.

    By the Lanczos iteration, until the residual of the vector is a thousandth of the value. It changes nothing.

    Args:
        data: the training set.
        alive: called at each product.

    Raises:
        ArithmeticError: 200 products do not settle it.
        RuntimeError: the model has an operation without a second derivative.
    """
    generator = torch.Generator().manual_seed(FIXED_SEED)
    places = torch.randperm(examples_in(data), generator=generator)[:MOST_EXAMPLES].sort().values
    hessian = _Hessian(learner, data, places.tolist(), seed=FIXED_SEED)
    start = [torch.randn(one.shape, generator=generator).to(one) for one in learner.trained]

    def times(vector: Vector) -> Vector:
        alive()
        return hessian.times(vector)

    return lanczos(times, start)


def lanczos(times: Callable[[Vector], Vector], start: Vector) -> float:
    """Return the largest eigenvalue of a symmetric matrix that is known by its products; NaN if one is no number.

    The three-term recurrence keeps three vectors. Without reorthogonalisation the largest values come more than once,
    and none is larger than it should be (Paige 1980).

    Args:
        times: returns the product of the matrix and a vector.
        start: not 0.

    Raises:
        ArithmeticError: after 200 products the residual is above 1 % of the value.
    """
    before: Vector | None = None
    vector = _scaled(start, 1 / _norm(start))
    diagonal: list[float] = []
    beside: list[float] = []
    while True:
        after = times(vector)
        diagonal.append(float(product(vector, after)))
        torch._foreach_add_(after, vector, alpha=-diagonal[-1])
        if before is not None:
            torch._foreach_add_(after, before, alpha=-beside[-1])
        size = _norm(after)
        if not math.isfinite(size):
            return math.nan
        value, end = _top(diagonal, beside)
        is_last = len(diagonal) == MOST_PRODUCTS
        if size * abs(end) <= (MOST_TOLERANCE if is_last else TOLERANCE) * abs(value):
            return value
        if is_last:
            raise ArithmeticError(f"{MOST_PRODUCTS} products do not settle the largest eigenvalue of the Hessian")
        beside.append(size)
        before, vector = vector, _scaled(after, 1 / size)


class _Hessian:
    """The Hessian of the loss of a batch, in micro-batches. Each look begins alike, so that all see one Hessian."""

    def __init__(self, learner: Learner, data: Data, places: list[int], *, seed: int) -> None:
        self._learner, self._data, self._seed = learner, data, seed
        with looking_at(learner, data, seed=seed):
            self._batch = drawn(learner, data, places)

    def gradient(self) -> Vector:
        return self._sum(lambda loss: torch.autograd.grad(loss, self._trained, allow_unused=True))

    def times(self, vector: Vector) -> Vector:
        def of_part(loss: Tensor) -> Sequence[Tensor | None]:
            gradients = torch.autograd.grad(loss, self._trained, create_graph=True, allow_unused=True)
            along = sum(
                (as_real(one) * as_real(other)).sum()
                for one, other in zip(gradients, vector, strict=True)
                if one is not None and one.requires_grad
            )
            if not isinstance(along, Tensor):  # the loss is linear in all of them
                return [None] * len(vector)
            return torch.autograd.grad(along, self._trained, allow_unused=True)

        return self._sum(of_part)

    def _sum(self, of_part: Callable[[Tensor], Sequence[Tensor | None]]) -> Vector:
        total = [torch.zeros_like(one) for one in self._trained]

        def add(loss: Tensor) -> None:
            for one, more in zip(total, of_part(loss), strict=True):
                if more is not None:
                    one += more.detach()

        learner = self._learner
        # The fused kernels of attention have no second derivative.
        with looking_at(learner, self._data, seed=self._seed), sdpa_kernel(SDPBackend.MATH):
            size = max(learner.micro_batch, LEAST_PART)
            summed_loss(self._loss, self._batch, size=size, weigh=learner.workload.loss_weight, use=add)
        return total

    def _loss(self, *batch: Tensor) -> Tensor:
        return self._learner.workload.loss(self._learner.model, *batch)

    @property
    def _trained(self) -> Vector:
        return self._learner.trained


def _top(diagonal: list[float], beside: list[float]) -> tuple[float, float]:
    """Return the largest eigenvalue of a tridiagonal matrix, and the last number of its vector.

    By torch, which keeps to the threads of the trial: numpy takes all, and a hundred times as long beside other trials.
    """
    above = torch.tensor(beside, dtype=torch.float64)
    matrix = torch.diag(torch.tensor(diagonal, dtype=torch.float64)) + torch.diag(above, 1) + torch.diag(above, -1)
    values, vectors = torch.linalg.eigh(matrix)
    return float(values[-1]), float(vectors[-1, -1])


def _norm(vector: Vector) -> float:
    return math.sqrt(float(product(vector, vector)))


def _scaled(vector: Vector, factor: float) -> Vector:
    return [one * factor for one in vector]
