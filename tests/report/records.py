"""Analyses made by hand: no store and no statistics, records that a reader can check."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from bs_study.analysis.comparison import Comparison
from bs_study.analysis.convergence import OUTCOMES, TARGET_CLOCKS
from bs_study.analysis.recommendation import CellResult, Recommendation
from bs_study.analysis.rows import State
from bs_study.analysis.study import Analysis
from bs_study.analysis.tables import Tables
from bs_study.analysis.trials import Cell
from bs_study.analysis.verdict import Doubt, Verdict
from bs_study.config import StudyConfig
from bs_study.target import Target

TARGET = Target("accuracy", 0.9)
STATE = State(expected=12, ended=12, running=0, missing=0)
CONFIG = StudyConfig(batch_sizes=(16, 64, 256), lrs=(0.1, 0.2), seeds=(0, 1), max_epochs=5, target=TARGET)  # type: ignore[call-arg]
BEST = Cell("", 64, 0.2)
OTHER_LR = Cell("", 64, 0.1)
RIVAL = Cell("", 256, 0.2)


def result(cell: Cell = BEST, *, clock: str = "train_seconds", **changes: Any) -> CellResult:
    """Return what a cell took: a median of 2 s over 3 seeds, chosen from 6 cells."""
    plain = CellResult(cell, clock, value=2.0, low=1.8, high=2.4, times=(1.9, 2.0, 2.1), seeds=3, chosen_from=6)
    return dataclasses.replace(plain, **changes)


def comparison(rival: Cell = RIVAL, *doubts: Doubt, winner: Cell = BEST, **changes: Any) -> Comparison:
    """Return a comparison with a rival that takes 1.4 times as long, known to be slower unless there are doubts."""
    plain = Comparison(winner, rival, "train_seconds", 1.4, 1.2, 1.7, 1e-4, 0.999, doubts)
    return dataclasses.replace(plain, **changes)


def verdict(*doubts: Doubt, claim: str = "fastest_after_tuning", outcome: str = "", **evidence: Any) -> Verdict:
    """Return a verdict: undecided if there are doubts, else supported."""
    return Verdict(claim, outcome or ("undecided" if doubts else "supported"), doubts, evidence)  # type: ignore[arg-type]


def recommendation(**changes: Any) -> Recommendation:
    """Return the recommendation of `BEST`, which is known to be sooner than `RIVAL`."""
    plain = Recommendation(
        target=TARGET,
        clock="train_seconds",
        state=STATE,
        best=result(),
        closest=None,
        comparisons=(comparison(),),
        missed=(),
        by_clock={"train_seconds": result()},
        fastest=verdict(batch_size=64, lr=0.2),
        doubts=(),
        steps=(),
    )
    return dataclasses.replace(plain, **changes)


def analysis(
    *,
    outcomes: Mapping[Cell, Mapping[str, int]] | None = None,
    seconds: Mapping[Cell, float] | None = None,
    **changes: Any,
) -> Analysis:
    """Return an analysis.

    Args:
        outcomes: how many trials of each cell ended in each way; by default three of the best cell and of its rival
            reached the target.
        seconds: the median of each cell that has one.
        changes: of the analysis, or of its recommendation.
    """
    ends = outcomes if outcomes is not None else {BEST: {"reached": 3}, RIVAL: {"reached": 3}}
    own = {name: value for name, value in changes.items() if name in Analysis.__dataclass_fields__}
    told = recommendation(**{name: value for name, value in changes.items() if name not in own})
    plain = Analysis(
        name="digits",
        uri="results/digits",
        config=CONFIG,
        recipes=tuple(dict.fromkeys(cell.recipe for cell in ends)),
        tables=tables(ends, seconds or ({BEST: 2.0, RIVAL: 2.8} if outcomes is None else {})),
        recommendation=told,
        verdicts=(told.fastest,),
        warnings=(),
        shown={},
    )
    return dataclasses.replace(plain, **own)


def tables(outcomes: Mapping[Cell, Mapping[str, int]], seconds: Mapping[Cell, float]) -> Tables:
    """Return the tables that sentences read: of cells, whose iterations are ten a second."""
    rows = [_row(cell, counts, seconds.get(cell, np.nan)) for cell, counts in outcomes.items()]
    names = ["recipe", "batch_size", "lr", "seeds", "best_metric", *OUTCOMES]
    times = [f"{clock}_to_target" for clock in TARGET_CLOCKS] + [f"censored_{clock}" for clock in TARGET_CLOCKS]
    cells = pd.DataFrame(rows, columns=[*names, *times]).astype(dict.fromkeys(times, float))
    empty = {field.name: pd.DataFrame() for field in dataclasses.fields(Tables)}
    trials = pd.DataFrame({"device_name": ["a laptop"], "neighbours": [0]})
    return Tables(**empty | {"trials": trials, "convergence": cells, "best": _best(seconds)})


def _row(cell: Cell, counts: Mapping[str, int], seconds: float) -> dict[str, Any]:
    clocks = {f"{clock}_to_target": seconds for clock in TARGET_CLOCKS[2:5]}
    iterations = np.round(10 * seconds)
    rates = {
        "iterations_to_target": iterations,
        "examples_to_target": iterations * cell.batch_size,
        "best_metric": np.nan,
    }
    ends = dict.fromkeys(OUTCOMES, 0) | dict(counts)
    return {**cell._asdict(), "seeds": sum(counts.values()), **ends, **clocks, **rates}


def _best(seconds: Mapping[Cell, float]) -> pd.DataFrame:
    """Return the best lr of each batch size that has a time, by training time."""
    first: dict[tuple[str, int], Cell] = {}
    for cell in sorted(seconds, key=lambda cell: seconds[cell]):
        first.setdefault(cell[:2], cell)
    rows = [(*place, cell.lr, seconds[cell]) for place, cell in first.items()]
    return pd.DataFrame(rows, columns=["recipe", "batch_size", "best_lr_by_train_seconds", "train_seconds_to_target"])
