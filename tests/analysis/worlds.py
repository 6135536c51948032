"""Studies with a known truth: how long each cell takes to the target, and what seeds, looks and budgets show of it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from bs_study.analysis.comparison import CellTimes, Field
from bs_study.analysis.fit import FloatArray
from bs_study.analysis.trials import Cell

LRS = tuple(0.001 * 2.0**step for step in range(9))
BATCH_SIZES = (16, 64, 256, 1024, 4096)
SHAPES = ("parabola", "quadratic")


@dataclass(frozen=True)
class World:
    """What is true of a study.

    Attributes:
        log_times: log of the median number of iterations to the target, shape (batch sizes, lrs); infinite where a cell
            diverges.
        spreads: standard deviation of the log time over seeds, same shape.
        seed_effect: standard deviation of what a seed adds to the log time of every cell alike.
        iteration_seconds: by batch size, measured alone and without error.
        timing_error: standard deviation of the log of one repeat of the timing pass.
        held_out: examples of an evaluation.
        budgets: iterations after which a trial ends, by batch size.
    """

    batch_sizes: tuple[int, ...]
    lrs: tuple[float, ...]
    log_times: FloatArray
    spreads: FloatArray
    iteration_seconds: FloatArray
    seed_effect: float = 0.0
    timing_error: float = 0.0
    held_out: int = 10_000
    budgets: FloatArray | None = None

    @property
    def log_seconds(self) -> FloatArray:
        """Log of the true median clean seconds, shape (batch sizes, lrs)."""
        return self.log_times + np.log(self.iteration_seconds)[:, None]


def rise(x: FloatArray, *, shape: str, sharpness: float = 0.3) -> FloatArray:
    """Return log g of an lr that is x times the best: how much longer it takes.

    parabola: sharpness * log2(x)^2. quadratic: a noiseless quadratic, 1 / (2 x - x^2), that diverges from x = 2 on.
    """
    if shape == "parabola":
        return sharpness * np.log2(x) ** 2
    stable = x < 1.999
    return np.where(stable, -np.log(np.where(stable, 2 * x - x**2, 1.0)), np.inf)


def make_world(
    rng: np.random.Generator,
    *,
    ratios: Sequence[float] = (4.0, 2.0, 1.0, 2.0, 4.0),
    batch_sizes: tuple[int, ...] = BATCH_SIZES,
    lrs: tuple[float, ...] = LRS,
    shape: str = "parabola",
    sharpness: float = 0.3,
    spread: float | tuple[float, float] = 0.1,
    best_iterations: float = 3000.0,
    is_centred: bool = False,
    lr_exponent: float = 0.5,
    seed_effect: float = 0.0,
    timing_error: float = 0.0,
    budget: float = math.inf,
    held_out: int = 10_000,
) -> World:
    """Return a world whose best cells of the batch sizes take `ratios` times the clean seconds of the soonest.

    Args:
        spread: of log time over seeds; a range draws one for each cell, uniform in logs.
        is_centred: whether the best lr is one of the lattice; else it lies anywhere between two.
        budget: of each batch size, in units of the time of its own best cell.
        best_iterations: of the middle batch size with ratio 1.
    """
    sizes = np.array(batch_sizes, float)
    middle = sizes[len(sizes) // 2]
    seconds = 1e-3 * (1 + sizes / middle) / 2
    centre = lrs[len(lrs) // 2] * (sizes / middle) ** lr_exponent
    step = math.log2(lrs[1] / lrs[0])
    index = np.round(np.log2(centre / lrs[0]) / step).clip(2, len(lrs) - 3)
    offset = 0.0 if is_centred else rng.uniform(-0.5, 0.5, len(sizes))
    best_lr = lrs[0] * 2.0 ** ((index + offset) * step)
    curve = rise(np.array(lrs) / best_lr[:, None], shape=shape, sharpness=sharpness)
    curve -= curve.min(axis=1, keepdims=True)
    best = np.log(best_iterations) + np.log(np.array(ratios)) - np.log(seconds / seconds[len(sizes) // 2])
    log_times = best[:, None] + curve
    if isinstance(spread, tuple):
        spreads = np.exp(rng.uniform(*np.log(spread), log_times.shape))
    else:
        spreads = np.full(log_times.shape, spread)
    budgets = None if math.isinf(budget) else np.ceil(np.exp(best) * budget)
    return World(batch_sizes, lrs, log_times, spreads, seconds, seed_effect, timing_error, held_out, budgets)


@lru_cache(maxsize=64)
def _looks(batch_size: int, held_out: int, last: int) -> FloatArray:
    gap = math.ceil(held_out / (3 * 0.25 * max(batch_size, 32)))
    looks = [0, 1]
    while looks[-1] < last:
        looks.append(max(math.ceil(1.05 * looks[-1]), looks[-1] + gap))
    return np.array(looks, float)


def looks(batch_size: int, *, held_out: int, last: float) -> FloatArray:
    """Return the iterations at which a trial is evaluated, from 0 (no look) up to the first at or beyond `last`."""
    return _looks(batch_size, held_out, 2 ** max(10, math.ceil(math.log2(last + 1))))


@dataclass(frozen=True)
class Draw:
    """What a study of a world shows: arrays of shape (batch sizes, lrs, seeds), in iterations.

    Attributes:
        met: the look that met the target; infinite where none did.
        unmet: the look before it.
        ends: where the trial ended that did not meet it within its budget; NaN of others.
        measured: clean iteration seconds as the timing pass has them, with the quickest and the slowest repeat, shape
            (batch sizes, 3).
    """

    world: World
    met: FloatArray
    unmet: FloatArray
    ends: FloatArray
    measured: FloatArray


def draw(world: World, rng: np.random.Generator, *, seeds: int) -> Draw:
    """Return a study of a world with so many seeds a cell."""
    shape = (*world.log_times.shape, seeds)
    chance = world.spreads[..., None] * rng.standard_normal(shape) + world.seed_effect * rng.standard_normal(seeds)
    times = np.exp(world.log_times[..., None] + chance)
    met, unmet, ends = np.full(shape, np.inf), np.full(shape, np.nan), np.full(shape, np.nan)
    for i, batch_size in enumerate(world.batch_sizes):
        feasible = np.isfinite(times[i])
        lattice = looks(batch_size, held_out=world.held_out, last=times[i][feasible].max())
        first = np.searchsorted(lattice, times[i][feasible])
        met[i][feasible], unmet[i][feasible] = lattice[first], lattice[first - 1]
        if world.budgets is not None:
            is_cut = feasible & (met[i] > world.budgets[i])
            ends[i][is_cut], met[i][is_cut], unmet[i][is_cut] = world.budgets[i], np.inf, np.nan
    repeats = np.exp(world.timing_error * rng.standard_normal((len(world.batch_sizes), 5)))
    ends_of_timing = [np.median(repeats, axis=1), repeats.min(axis=1), repeats.max(axis=1)]
    measured = world.iteration_seconds[:, None] * np.stack(ends_of_timing, axis=1)
    return Draw(world, met, unmet, ends, measured)


def field_of_draw(drawn: Draw) -> Field:
    """Return the cells of a study by clean seconds, without going through frames."""
    world = drawn.world
    cells = {}
    with np.errstate(divide="ignore"):
        met, unmet, ends = np.log(drawn.met), np.log(drawn.unmet), np.log(drawn.ends)
    for i, batch_size in enumerate(world.batch_sizes):
        second = math.log(drawn.measured[i, 0])
        timing = tuple(np.log(drawn.measured[i, 1:] / drawn.measured[i, 0]))
        for j, lr in enumerate(world.lrs):
            cell = Cell("", batch_size, lr)
            reached, cut = np.isfinite(met[i, j]), np.isfinite(ends[i, j])
            cells[cell] = CellTimes(
                cell,
                met=met[i, j][reached] + second,
                unmet=unmet[i, j][reached] + second,
                bounds=ends[i, j][cut] + second,
                infeasible=int((~reached & ~cut).sum()),
                timing=(float(timing[0]), float(timing[1])),
            )
    return Field("clean_seconds", cells)


def best_cells(cells: Mapping[Cell, CellTimes]) -> dict[int, Cell]:
    """Return the cell with the smallest median of each batch size that has one."""
    best: dict[int, Cell] = {}
    for cell, times in cells.items():
        held = best.get(cell.batch_size)
        if times.median > 0 and (held is None or times.median < cells[held].median):
            best[cell.batch_size] = cell
    return best
