"""Studies with `seeds: auto` whose truth is known, round by round: no training, only the times of seeds."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from bs_study import StudyConfig
from bs_study.analysis.comparison import Comparison, ranking_field
from bs_study.analysis.contest import Contest, contest
from bs_study.analysis.fit import FloatArray
from bs_study.analysis.rows import StudyRows
from bs_study.analysis.trials import CELL, Cell
from bs_study.analysis.verdict import confidences_of
from bs_study.search.seeds import contenders
from bs_study.store.schema import table_schema

MAX_SEEDS = 8
NONE = pd.DataFrame(columns=CELL)


@dataclass(frozen=True)
class Truth:
    """Median seconds of each cell, shape (batch sizes, lrs), and what seeds and looks show of them.

    Attributes:
        spread: standard deviation of the log time over seeds.
        step: factor from a look to the next.
        margin: of the race within a batch size; None where trials run to the target.
    """

    seconds: FloatArray
    spread: float
    step: float = 1.05
    margin: float | None = 1.25

    def ratio(self, winner: Cell, rival: Cell) -> float:
        """Return the true time of the best cell of a rival's batch size over that of the winner's."""
        best = self.seconds.min(axis=1)
        return float(best[rival.batch_size - 1] / best[winner.batch_size - 1])

    def cell_ratio(self, winner: Cell, rival: Cell) -> float:
        return self.of(rival) / self.of(winner)

    def of(self, cell: Cell) -> float:
        return float(self.seconds[cell.batch_size - 1, round(cell.lr) - 1])


@dataclass(frozen=True)
class Round:
    """What is known after a round of seeds: the times of all trials, and the contest."""

    seeds: int
    times: pd.DataFrame
    contest: Contest


def rounds(truth: Truth, rng: np.random.Generator, *, max_seeds: int = MAX_SEEDS) -> Iterator[Round]:
    """Yield a study after each of its rounds, from the first to that after which no seed decides anything."""
    rows = _rows(max_seeds)
    sizes, lrs = truth.seconds.shape
    cells = [Cell("", i + 1, j + 1.0) for i in range(sizes) for j in range(lrs)]
    offset = rng.uniform(size=sizes)  # where the looks of a batch size lie
    trials: list[dict[str, Any]] = []
    for seed in range(max_seeds):
        for size in sorted({cell.batch_size for cell in cells}):
            of_size = [cell for cell in cells if cell.batch_size == size]
            trials += _raced(truth, of_size, trials, seed, rng, offset[size - 1])
        times = pd.DataFrame(trials)
        if seed:
            yield Round(seed + 1, times, judged(rows, times))
        cells = contenders(rows, times, seeds=seed + 1)
        if not cells:
            return


def judged(rows: StudyRows, times: pd.DataFrame) -> Contest:
    """Return the contest that a study is judged by after some rounds."""
    found = contest(
        ranking_field(times, rows.timings, rows.trials, open_cells=NONE),
        recipes=rows.recipes,
        edges={},
        open_cells=NONE,
        confidence=confidences_of(recipes=1, sizes=2, looks=rows.looks).fastest,
    )
    if found is None:
        raise ValueError("no cell reached the target")
    return found


def _raced(
    truth: Truth,
    cells: Sequence[Cell],
    trials: list[dict[str, Any]],
    seed: int,
    rng: np.random.Generator,
    offset: float,
) -> Iterator[dict[str, Any]]:
    """Yield one more trial of each cell of a batch size: none but the leader's goes far beyond the leader's time."""
    met = {
        cell: _look(truth.of(cell) * math.exp(truth.spread * rng.standard_normal()), truth, offset) for cell in cells
    }
    limit, leader = math.inf, None
    if truth.margin:
        own = {cell: [*_known(trials, cell), time] for cell, time in met.items()}
        upper = {cell: sorted(known)[len(known) // 2] for cell, known in own.items()}
        leader = min(upper, key=lambda cell: upper[cell])
        limit = upper[leader] * (truth.margin if seed % 2 == 0 else max(2.0, truth.margin))
    for cell, time in met.items():
        is_out = time > limit and cell != leader
        end = _look(limit, truth, offset) if is_out else time
        at, before = (np.nan, np.nan) if is_out else (time, time / truth.step)
        yield {
            "recipe": "", "batch_size": cell.batch_size, "lr": cell.lr, "seed": seed,
            "outcome": "outrun" if is_out else "reached", "train_seconds_to_target": at,
            "train_seconds_before_target": before, "train_seconds_at_end": end,
        }  # fmt: skip


def _known(trials: list[dict[str, Any]], cell: Cell) -> list[float]:
    own = (trial for trial in trials if (trial["batch_size"], trial["lr"]) == cell[1:])
    return [trial["train_seconds_to_target"] if trial["outcome"] == "reached" else math.inf for trial in own]


def _look(seconds: float, truth: Truth, offset: float) -> float:
    """Return the first look at or after a time."""
    step = math.log(truth.step)
    return math.exp((math.ceil(math.log(seconds) / step - offset) + offset) * step) if step else seconds


def _rows(max_seeds: int) -> StudyRows:
    """Return rows of a study without a timing pass, as far as rounds of seeds read them."""
    empty = {
        name: table_schema(name).empty_table().to_pandas() for name in ("trials", "evaluations", "epochs", "timings")
    }
    config = StudyConfig(workload="digits", max_epochs=1, batch_sizes=[1], lrs=[0.1], seeds="auto", max_seeds=max_seeds)
    return StudyRows(recipes=("",), smoothness=pd.DataFrame(), config=config, **empty)


@dataclass(frozen=True)
class Told:
    """What a simulated study said: at any of its looks, and at its end."""

    is_false: bool
    false_at_end: bool
    seeds: int
    is_decided: bool


def told(truth: Truth, rng: np.random.Generator, *, max_seeds: int = MAX_SEEDS) -> Told:
    """Return what a study said.

    False is a batch size that is called slower though its best lr takes no longer, and one that is called as good
    though the two cells differ by more than 10 %.
    """
    said, last = False, None
    for last in rounds(truth, rng, max_seeds=max_seeds):
        wrong = any(is_false(one, truth) for one in last.contest.rivals)
        said |= wrong
    if last is None:
        return Told(False, False, 1, False)
    decided = all(one.is_slower or one.is_equal for one in last.contest.rivals)
    return Told(said, wrong, last.seeds, decided)


def is_false(one: Comparison, truth: Truth) -> bool:
    """Return whether a comparison with another batch size says what is not so."""
    if one.is_slower:
        return truth.ratio(one.winner, one.rival) <= 1
    return one.is_equal and abs(math.log(truth.cell_ratio(one.winner, one.rival))) > math.log(1.1)
