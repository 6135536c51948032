"""Analyses at random, whose parts fit together: what a sentence must be true of, whatever a study finds."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, get_args

import numpy as np

from bs_study.analysis.comparison import Comparison
from bs_study.analysis.convergence import OUTCOMES
from bs_study.analysis.open_anyway import TELLS_NOTHING
from bs_study.analysis.recommendation import CellResult
from bs_study.analysis.rows import State
from bs_study.analysis.step import Step
from bs_study.analysis.study import Analysis
from bs_study.analysis.trials import Cell
from bs_study.analysis.unreached import Closest, Missed
from bs_study.analysis.verdict import Claim, Doubt, Reason, Verdict
from bs_study.analysis.warnings import Warning
from bs_study.search.record import End
from bs_study.target import Target
from tests.report.records import analysis, result, verdict

Counts = Mapping[Cell, Mapping[str, int]]
Seconds = Mapping[Cell, float]
OF_RIVALS: tuple[Reason, ...] = (
    "one_seed", "within_spread", "within_looks", "within_timing", "missed_earlier", "not_tried", "no_answer", "tie",
)  # fmt: skip
RECIPES = ("constant lr", "warm-up 1 epoch, linear decay", "Adam, weight decay 0.01")


def random_analysis(seed: int) -> Analysis:
    """Return an analysis of one to three recipes, up to seven batch sizes and four lrs."""
    rng = np.random.default_rng(seed)
    recipes = ("",) if rng.random() < 0.6 else RECIPES[: rng.integers(2, 4)]
    sizes = sorted(int(size) for size in 2 ** rng.choice(12, rng.integers(1, 8), replace=False))
    lrs = [0.01 * 2**k for k in range(rng.integers(1, 5))]
    cells = [Cell(recipe, size, lr) for recipe in recipes for size in sizes for lr in lrs]
    counts = {cell: _counts(rng) for cell in cells}
    reached = [cell for cell in cells if 2 * counts[cell].get("reached", 0) > _seeds(counts[cell])]
    seconds = {cell: float(rng.lognormal(1.0, 1.0)) for cell in reached}
    left = int(rng.choice([0, 0, 2]))
    found = analysis(
        outcomes=counts,
        seconds=seconds,
        recipes=recipes,
        missed=_missed(counts, seconds),
        state=State(len(cells) + left, len(cells), 0, left),
        steps=_steps(rng, sizes),
        warnings=_warnings(rng, cells),
    )
    changes = _ranked(rng, counts, seconds) if seconds else _unranked(rng, cells)
    told = dataclasses.replace(found.recommendation, **changes)
    return dataclasses.replace(found, recommendation=told, verdicts=(told.fastest, *_verdicts(rng, cells)))


def _counts(rng: np.random.Generator) -> dict[str, int]:
    drawn = rng.choice(OUTCOMES, int(rng.integers(1, 5)), p=[0.5, 0.1, 0.1, 0.06, 0.1, 0.06, 0.04, 0.04])
    kinds = rng.choice(drawn, 1) if rng.random() < 0.3 else drawn
    return {str(name): int((kinds == name).sum()) for name in dict.fromkeys(kinds)}


def _seeds(counts: Mapping[str, int]) -> int:
    return sum(trials for name, trials in counts.items() if name not in ("failed", "not_evaluated"))


def _missed(counts: Counts, seconds: Seconds) -> tuple[Missed, ...]:
    places = dict.fromkeys(cell[:2] for cell in counts)
    lost = [place for place in places if not any(cell[:2] == place for cell in seconds)]
    why = {
        place: {n: sum(own.get(n, 0) for cell, own in counts.items() if cell[:2] == place) for n in OUTCOMES}
        for place in lost
    }
    return tuple(Missed(*place, {name: n for name, n in why[place].items() if n}, np.nan) for place in lost)


def _ranked(rng: np.random.Generator, counts: Counts, seconds: Seconds) -> dict[str, Any]:
    """Return what a recommendation says where a cell reached the target."""
    winner = min(seconds, key=lambda cell: seconds[cell])
    others = dict.fromkeys(cell[:2] for cell in counts if cell[:2] != winner[:2])
    best = [min((c for c in counts if c[:2] == place), key=lambda c: seconds.get(c, np.inf)) for place in others]
    lrs = [cell for cell in counts if cell[:2] == winner[:2] and cell != winner]
    rivals, own = ([_compared(rng, winner, cell, counts, seconds) for cell in group] for group in (best, lrs))
    doubts = tuple(dict.fromkeys(doubt for one in rivals for doubt in one.doubts)) or (
        (Doubt("alone"),) if not rivals else ()
    )
    return {
        "best": (found := _result(rng, winner, counts, seconds)),
        "comparisons": (*sorted(rivals, key=lambda one: np.nan_to_num(one.ratio, nan=np.inf)), *own),
        "by_clock": {"train_seconds": found} | _by_clock(rng, found, list(counts)),
        "doubts": doubts,
        "fastest": verdict(*doubts, batch_size=winner.batch_size, lr=winner.lr),
    }


def _result(rng: np.random.Generator, winner: Cell, counts: Counts, seconds: Seconds) -> CellResult:
    value, seeds = seconds[winner], _seeds(counts[winner])
    times = tuple(float(time) for time in value * rng.lognormal(0, 0.1, counts[winner]["reached"]))
    low, high = (value / 1.3, value * float(rng.choice([1.5, np.inf]))) if seeds > 1 else (np.nan, np.nan)
    tied = int(rng.choice([1, 1, 2, 4]))
    fresh = times[1:] if rng.random() < 0.3 else ()
    ranked = len(seconds)
    return result(
        winner, value=value, low=low, high=high, times=times, seeds=seeds, chosen_from=ranked, tied=tied, fresh=fresh
    )


def _by_clock(rng: np.random.Generator, found: CellResult, cells: Sequence[Cell]) -> dict[str, CellResult]:
    clocks = ("iterations", "examples", "compute_seconds", "wall_seconds")
    elsewhere = {clock: cells[int(rng.integers(len(cells)))] for clock in clocks if rng.random() < 0.3}
    return {c: dataclasses.replace(found, clock=c, cell=elsewhere.get(c, found.cell), fresh=()) for c in clocks}


def _compared(rng: np.random.Generator, winner: Cell, rival: Cell, counts: Counts, seconds: Seconds) -> Comparison:
    drawn = rng.choice(OF_RIVALS, int(rng.integers(1, 3)), replace=False)
    doubts = [Doubt(reason, *rival) for reason in drawn] if rng.random() < 0.5 else []
    own = counts[rival]
    infeasible = own.keys() <= {"diverged", "out_of_memory"}
    if own.keys() <= {"failed", "not_evaluated"}:
        doubts, ratio = [Doubt("no_answer", *rival)], np.nan
    else:
        ratio = np.inf if infeasible else max(1.0, seconds.get(rival, 9.0) / seconds[winner])
    is_cut = any(own.get(name) for name in ("missed", "outrun", "not_tried", "diverged", "out_of_memory"))
    low, high = ratio / (1.5 if doubts else 1.0), np.inf if is_cut else ratio * 1.5
    return Comparison(winner, rival, "train_seconds", ratio, low, high, 0.01, 0.9995, tuple(doubts))


def _unranked(rng: np.random.Generator, cells: Sequence[Cell]) -> dict[str, Any]:
    """Return what a recommendation says where no cell reached the target."""
    reasons: list[Reason] = ["nothing_reached", "no_clock", *TELLS_NOTHING]
    doubts = (Doubt(reasons[int(rng.integers(len(reasons)))]),)
    closest = Closest(cells[0], 0.8123) if rng.random() < 0.5 else None
    return {"best": None, "comparisons": (), "by_clock": {}, "closest": closest, "doubts": doubts,
            "fastest": verdict(*doubts)}  # fmt: skip


def _verdicts(rng: np.random.Generator, cells: Sequence[Cell]) -> list[Verdict]:
    found = []
    for claim in get_args(Claim):
        outcome = str(rng.choice(["supported", "contradicted", "undecided"]))
        doubts = _any_doubts(rng, cells) if outcome == "undecided" else ()
        found.append(verdict(*doubts, claim=claim, outcome=outcome, slope=np.nan, lrs=np.int64(3), by={0.1: np.inf}))
    return found


def _any_doubts(rng: np.random.Generator, cells: Sequence[Cell]) -> tuple[Doubt, ...]:
    found = []
    for reason in rng.choice(get_args(Reason), int(rng.integers(1, 9))):
        cell, part = cells[int(rng.integers(len(cells)))], int(rng.integers(4))
        places = [(), cell[:2], tuple(cell), ("", None, cell.lr)]
        found.append(Doubt(str(reason), *places[part], count=int(rng.integers(1, 4))))  # type: ignore[arg-type, misc]
    return tuple(found)


def _steps(rng: np.random.Generator, sizes: Sequence[int]) -> tuple[Step, ...]:
    every = (
        Step("finish", trials=3),
        Step("timing"),
        Step("harder_target", target=Target("accuracy", 90.0) if rng.random() < 0.5 else None),
        Step("target", target=Target("loss", 0.25, "min")),
        Step("seeds", seeds=tuple(range(3, 3 + int(rng.integers(1, 9)))), trials=36),
        Step("lrs", lrs=(0.005, 0.1 / 3, 0.64), at=tuple(sizes), trials=48),
        Step("batch_sizes", batch_sizes=(4096, 8192), trials=8),
        Step("budget", at=tuple(sizes), target=Target("accuracy", 0.98), trials=48),
    )
    return tuple(step for step in every if rng.random() < 0.5)


def _warnings(rng: np.random.Generator, cells: Sequence[Cell]) -> tuple[Warning, ...]:
    sizes = tuple(dict.fromkeys(cell.batch_size for cell in cells))
    noise = {"cells": 3, "of_cells": 4, "step": 0.001, "noise": 0.0043, "examples": 1000.0}
    every = (
        Warning("clock_alarm", batch_sizes=sizes[:1], names=("beyond_peak",), numbers={"ratio": 3.2}),
        Warning("no_target"),
        Warning(
            "several_versions",
            names=("2026-11-26T21:03:00+00:00",),
            numbers={"judged": 2, "version_1": 11, "version_2": 1},
        ),
        Warning(
            "left_out", names=("trials/b8-lr0.1-s0-0a.parquet: it is a folder, and only .parquet files may lie here",)
        ),
        Warning("different_targets", names=("accuracy >= 0.9", "accuracy >= 0.95")),
        Warning("initial_weights", names=("accuracy",), numbers={"metric": 0.91, "trials": 2, "of_trials": 30}),
        Warning("first_look", names=("accuracy",)),
        Warning("out_of_reach", names=("accuracy",)),
        Warning("out_of_range", names=("accuracy",)),
        Warning("target_in_noise", names=("accuracy",), numbers=noise),
        Warning("lr_on_edge", cells[0].recipe, tuple(cells), sizes, (str(rng.choice(["low", "high", "both"])),)),
        Warning("search_stopped", cells[0].recipe, batch_sizes=sizes, names=(str(rng.choice(get_args(End)[1:])),)),
        Warning("failed", numbers={"failed": 1, "trials": 30}),
        Warning("diverged_later", cells=tuple(cells)),
        Warning("untimed"),
        Warning("one_timing", names=("adam", "adamw", "sgd")),
        Warning("differing_settings", cells[0].recipe, names=("momentum", "weight_decay")),
        Warning("differing_budgets", cells[0].recipe, names=("max_epochs",)),
        Warning("looks_differ", batch_sizes=(4, 1024), numbers={"smallest": 1.04, "largest": 1.5}),
    )
    return tuple(one for one in every if rng.random() < 0.5)
