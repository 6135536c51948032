"""Lanes of which it is known what each trial would do: synthetic ones, and digits as they were trained once."""

from __future__ import annotations

import csv
import functools
import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bs_study.config import TrialConfig, TrialSettings
from bs_study.search.lane import Lane, Outcome
from bs_study.training.looks import Looks, least_stretch
from tests.search.replayed import Ended, Known, Last

DIGITS = Path(__file__).with_name("digits.csv")
"""Iterations to loss <= 0.3 of digits, 5 batch sizes × 9 lrs × 3 seeds; where it was missed, the loss at the end."""
BUDGET = 1500
Cells = Mapping[tuple[float, int], Known]
"""What each lr and seed of a lane would do."""


@dataclass(frozen=True)
class Table:
    """A lane, and what its trials would do."""

    cells: Cells
    batch_size: int = 64

    @property
    def lrs(self) -> list[float]:
        return sorted({lr for lr, _ in self.cells})

    @property
    def seeds(self) -> list[int]:
        return sorted({seed for _, seed in self.cells})

    @property
    def lane(self) -> Lane:
        return _lane(self.batch_size)

    def known(self, trial: TrialConfig) -> Known:
        return self.cells[trial.lr, trial.seed]

    def median(self, lr: float, seeds: Sequence[int]) -> float:
        """Return the median of the full grid, one that missed above every number; failed seeds are no answer."""
        own = [self.cells[lr, seed] for seed in seeds]
        times = [math.inf if one.met is None else float(one.met) for one in own if one.met or one.last != "failed"]
        return float(statistics.median(times)) if times else math.inf

    def best(self, seeds: Sequence[int]) -> tuple[float | None, float]:
        """Return the best lr of the full grid, of those that tie the smallest, and its median."""
        median, lr = min((self.median(lr, seeds), lr) for lr in self.lrs)
        return (lr, median) if math.isfinite(median) else (None, math.inf)


@functools.cache
def _lane(batch_size: int) -> Lane:
    return Lane("", TrialSettings(max_iterations=BUDGET, min_iterations=0), batch_size)


def digits() -> list[Table]:
    """Return the lanes of digits."""
    with DIGITS.open() as file:
        rows = list(csv.DictReader(file))
    found = []
    for size in sorted({int(row["batch_size"]) for row in rows}):
        cells = {(float(row["lr"]), int(row["seed"])): _recorded(row) for row in rows if int(row["batch_size"]) == size}
        found.append(Table(cells, size))
    return found


def _recorded(row: Mapping[str, str]) -> Known:
    found = trial(int(row["batch_size"]), float(row["iterations"] or math.inf))
    if found.met:
        return found
    end, falls, looks = float(row["loss"]), row["falls"] == "1", len(found.looks)
    return Known(found.looks, None, "missed", tuple(end * (1 + falls * (looks - 1 - n) / looks) for n in range(looks)))


def trial(batch_size: int, time: float, *, last: Last = "missed", end: int = BUDGET, falls: bool = True) -> Known:
    """Return what a trial would do that could meet the target from an iteration on, at the looks of its batch size.

    Args:
        time: infinite where it never does.
        last: how it ends then, and after how many iterations.
        falls: whether its loss falls to the end.
    """
    looks = looks_of(batch_size)
    own = [look for look in looks if look < end] + [end]
    met = next((look for look in own if look >= time), None) if time <= end else None
    loss = [1 / (1 + look) if falls else 1.0 for look in own]
    return Known(tuple(own), met, last, tuple(loss))


@functools.cache
def looks_of(batch_size: int) -> tuple[int, ...]:
    """Return the looks of a batch size of digits, up to the budget."""
    found = Looks(1.05, stretch=least_stretch(batch_size=batch_size, evaluated_examples=360, max_share=0.25))
    looks = [found.after(0)]
    while looks[-1] < BUDGET:
        looks.append(found.after(looks[-1]))
    return tuple(looks)


def synthetic(rng: np.random.Generator, *, seeds: int, lrs: int = 5) -> Table:
    """Return a lane of any kind: few distinct times, so that cells tie, and trials that miss or diverge."""
    levels = rng.integers(1, 12, size=lrs)
    spread, lost = rng.choice([0, 1, 3]), rng.choice([0.0, 0.2, 0.6])

    def one(level: int) -> Known:
        if rng.random() < lost:
            return trial(
                64, math.inf, last="diverged" if rng.random() < 0.5 else "missed", end=int(rng.integers(1, BUDGET))
            )
        return trial(64, 20.0 * 1.3 ** (level + rng.integers(-spread, spread + 1)))

    cells = {(0.01 * 2**j, seed): one(levels[j]) for j in range(lrs) for seed in range(seeds)}
    return Table({**cells}, 64)


def with_failures(table: Table, rng: np.random.Generator, *, seeds: Sequence[int]) -> Table:
    """Return the lane with all trials of some seeds failing, in every cell."""
    return Table({key: Known(k.looks[:3], None, "failed") if key[1] in seeds else k for key, k in table.cells.items()})


def outcomes_of(
    lane: Lane, ended: Mapping[TrialConfig, Ended], known: Callable[[TrialConfig], Known]
) -> dict[str, Outcome]:
    """Return how trials ended, as a search takes it."""
    return {
        lane.trial_id(one.lr, one.seed): Outcome(end.kind, float(end.iterations), *_end(known(one), end))
        for one, end in ended.items()
    }


def _end(known: Known, end: Ended) -> tuple[bool, float]:
    if end.kind not in ("missed", "outrun"):
        return True, math.inf
    loss = known.loss[: end.looks]
    return loss[-1] < loss[0], loss[-1]
