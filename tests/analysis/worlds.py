"""Studies with a known truth: how long each cell takes to the target, and what seeds, looks and budgets show of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np

from bs_study.analysis.fit import FloatArray

LRS = tuple(0.001 * 2.0**step for step in range(9))
BATCH_SIZES = (16, 64, 256, 1024, 4096)
REPEATS = 5  # of a timing

Shape = Literal["parabola", "quadratic"]


@dataclass(frozen=True)
class World:
    """What is true of a study.

    Attributes:
        log_times: log of the median number of iterations to the target, shape (batch sizes, lrs); infinite where a cell
            diverges.
        spreads: standard deviation of the log time over seeds, same shape.
        iteration_seconds: by batch size, measured alone and without error.
        exponents: of the batch size: iterations with the best lr (over the larger half of the batch sizes), best_lr,
            stable_lr (the largest stable one) and noise (of the loss).
        stable: how many of the lrs are stable, by batch size.
        seed_effect: standard deviation of what a seed adds to the log time of every cell alike.
        timing_error: standard deviation of the log of one repeat of the timing pass.
        held_out: examples of an evaluation.
        budgets: iterations after which a trial ends, by batch size.
    """

    batch_sizes: tuple[int, ...]
    lrs: tuple[float, ...]
    log_times: FloatArray
    spreads: FloatArray
    iteration_seconds: FloatArray
    exponents: dict[str, float]
    stable: tuple[int, ...]
    seed_effect: float = 0.0
    timing_error: float = 0.0
    held_out: int = 10_000
    budgets: FloatArray | None = None

    @property
    def log_seconds(self) -> FloatArray:
        """Log of the true median clean seconds, shape (batch sizes, lrs)."""
        return self.log_times + np.log(self.iteration_seconds)[:, None]


def rise(x: FloatArray, *, shape: Shape, sharpness: float) -> FloatArray:
    """Return log g of an lr that is x times the best: how much longer it takes.

    parabola: sharpness * log2(x)^2. quadratic: a noisy quadratic without its noise, g = 1 / (2 x - x^2), which diverges
    from x = 2 on.
    """
    if shape == "parabola":
        return sharpness * np.log2(x) ** 2
    is_stable = x < 1.999
    return np.where(is_stable, -np.log(np.where(is_stable, 2 * x - x**2, 1.0)), np.inf)


def make_world(
    rng: np.random.Generator,
    *,
    ratios: Sequence[float] = (4.0, 2.0, 1.0, 2.0, 4.0),
    batch_sizes: tuple[int, ...] = BATCH_SIZES,
    lrs: tuple[float, ...] = LRS,
    shape: Shape = "parabola",
    sharpness: float = 0.3,
    is_exact: bool = True,
    spread: float | tuple[float, float] = 0.1,
    best_iterations: float = 3000.0,
    iteration_growth: float = 1.0,
    saturation: float | None = None,
    lr_exponent: float = 0.5,
    noise_exponent: float = -0.5,
    stable_exponent: float = 0.5,
    budget: float = math.inf,
    seed_effect: float = 0.0,
    timing_error: float = 0.0,
    held_out: int = 10_000,
) -> World:
    """Return a world in which batch sizes at their best lr take `ratios` times the clean seconds of the soonest.

    The best lr lies anywhere between two of the lrs.

    Args:
        is_exact: whether the best of the lrs takes so long; else the best lr of all, which none of them hits.
        spread: of log time over seeds; a range draws one for each cell, uniform in logs.
        best_iterations: of the middle batch size, at ratio 1.
        iteration_growth: iteration seconds at the middle batch size over those of an empty batch, less 1. Infinite:
            they grow with the batch size, so that all epochs take as long.
        saturation: the exponent of iterations with the batch size, in place of `ratios`.
        budget: of each batch size, in units of the time of its own best cell.
    """
    sizes = np.array(batch_sizes, float)
    relative = sizes / sizes[len(sizes) // 2]
    seconds = 1e-3 * (relative if math.isinf(iteration_growth) else (1 + iteration_growth * relative) / 2)
    log_best = np.log(best_iterations) + np.log(np.array(ratios) * seconds[len(sizes) // 2] / seconds)
    if saturation is not None:
        log_best = np.log(best_iterations) + saturation * np.log(relative)
    position = len(lrs) // 2 + rng.uniform(-0.5, 0.5) + lr_exponent * np.log(relative) / math.log(lrs[1] / lrs[0])
    best_lr = np.exp(np.interp(position, range(len(lrs)), np.log(lrs)))
    curve = rise(np.array(lrs) / best_lr[:, None], shape=shape, sharpness=sharpness)
    log_times = log_best[:, None] + curve - (curve.min(axis=1, keepdims=True) if is_exact else 0.0)
    large = max(3, (len(sizes) + 1) // 2)
    low, high = spread if isinstance(spread, tuple) else (spread, spread)
    stable = np.floor(len(lrs) / 2 + 2 + stable_exponent * np.log(relative) / math.log(lrs[1] / lrs[0]))
    return World(
        batch_sizes=batch_sizes,
        lrs=lrs,
        log_times=log_times,
        spreads=np.exp(rng.uniform(math.log(low), math.log(high), log_times.shape)),
        iteration_seconds=seconds,
        exponents={
            "iterations": float(np.polyfit(np.log(relative[-large:]), log_best[-large:], 1)[0]),
            "best_lr": lr_exponent,
            "stable_lr": stable_exponent,
            "noise": noise_exponent,
        },
        stable=tuple(int(count) for count in stable.clip(1, len(lrs) - 1)),
        seed_effect=seed_effect,
        timing_error=timing_error,
        held_out=held_out,
        budgets=None if math.isinf(budget) else np.ceil(np.exp(log_times.min(axis=1)) * budget),
    )


def looks(batch_size: int, *, held_out: int, last: float) -> FloatArray:
    """Return the iterations at which a trial is evaluated, after 0 for its start, up to the first at or beyond `last`.

    After k iterations the next is at max(ceil(1.05 k), k + ceil(n / (3 * 0.25 * max(B, 32)))), n held-out examples.
    """
    lattice = _lattice(math.ceil(held_out / (3 * 0.25 * max(batch_size, 32))))
    return lattice[: int(np.searchsorted(lattice, last)) + 1]


@lru_cache(maxsize=64)
def _lattice(gap: int) -> FloatArray:
    found = [0, 1]
    while found[-1] < 1e13:
        found.append(max(math.ceil(1.05 * found[-1]), found[-1] + gap))
    return np.array(found, float)


@dataclass(frozen=True)
class Draw:
    """What a study of a world shows: arrays of shape (batch sizes, lrs, seeds), in iterations.

    Attributes:
        met: the look that met the target; NaN where none did.
        unmet: the look before it.
        ends: where the trial ended that did not meet it within its budget; NaN of others, and of those that diverged.
        measured: iteration seconds of the timing pass: median, quickest and slowest repeat, shape (batch sizes, 3).
    """

    world: World
    met: FloatArray
    unmet: FloatArray
    ends: FloatArray
    measured: FloatArray

    @property
    def seeds(self) -> int:
        return int(self.met.shape[2])


def draw(world: World, rng: np.random.Generator, *, seeds: int) -> Draw:
    """Return a study of a world with so many seeds a cell."""
    shape = (*world.log_times.shape, seeds)
    chance = world.spreads[..., None] * rng.standard_normal(shape) + world.seed_effect * rng.standard_normal(seeds)
    times = np.exp(world.log_times[..., None] + chance)
    met, unmet, ends = np.full((3, *shape), np.nan)
    for i, batch_size in enumerate(world.batch_sizes):
        ended = np.isfinite(times[i])
        lattice = looks(batch_size, held_out=world.held_out, last=times[i][ended].max())
        first = np.searchsorted(lattice, times[i][ended])
        met[i][ended], unmet[i][ended] = lattice[first], lattice[first - 1]
        if world.budgets is not None:
            is_cut = ended & (met[i] > world.budgets[i])
            ends[i][is_cut], met[i][is_cut], unmet[i][is_cut] = world.budgets[i], np.nan, np.nan
    repeats = np.exp(world.timing_error * rng.standard_normal((len(world.batch_sizes), REPEATS)))
    spanned = np.stack([np.median(repeats, axis=1), repeats.min(axis=1), repeats.max(axis=1)], axis=1)
    return Draw(world, met, unmet, ends, world.iteration_seconds[:, None] * spanned)
