"""The tables beneath the answer: the best cell by each clock, and how every other one compares with the best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bs_study.analysis.comparison import Comparison
from bs_study.analysis.recommendation import CellResult
from bs_study.analysis.study import Analysis
from bs_study.report.sentences.doubts import doubts, edges_of
from bs_study.report.sentences.rivals import how_much
from bs_study.report.sentences.times import clock_of, interval, took
from bs_study.words import CLOCK_WORDS, UNKNOWN, sentence, setting


@dataclass(frozen=True)
class ClockRow:
    """The best cell by a clock: what it took with its interval, and over which seeds."""

    clock: str
    recipe: str
    batch_size: str
    lr: str
    took: str
    interval: str
    seeds: str


def clock_rows(found: Analysis) -> list[ClockRow]:
    """Return the best cell by each clock that is known, the study's own first."""
    best = found.recommendation.by_clock
    own_first = sorted(CLOCK_WORDS, key=lambda clock: clock != found.recommendation.clock)
    return [_clock_row(best[clock], found) for clock in own_first if clock in best]


def _clock_row(best: CellResult, found: Analysis) -> ClockRow:
    return ClockRow(
        clock=clock_of(best.clock, found),
        recipe=best.cell.recipe,
        batch_size=setting(best.cell.batch_size),
        lr=setting(best.cell.lr),
        took=took(best),
        interval=interval(best),
        seeds=_seeds(best),
    )


def _seeds(best: CellResult) -> str:
    fresh = f", of which {len(best.fresh)} did not choose it" if best.fresh else ""
    return f"{best.reached} of {best.seeds}{fresh}"


@dataclass(frozen=True)
class RivalRow:
    """How a cell compares with the best one: how many times as long it takes, and why that is open if it is."""

    recipe: str
    batch_size: str
    lr: str
    ratio: str
    is_slower: bool
    is_equal: bool
    why: str


def rival_rows(found: Analysis, comparisons: Sequence[Comparison]) -> list[RivalRow]:
    """Return a row for each comparison of the best cell."""
    return [
        RivalRow(
            recipe=comparison.rival.recipe,
            batch_size=setting(comparison.rival.batch_size),
            lr=setting(comparison.rival.lr),
            ratio="can't reach it" if np.isinf(comparison.ratio) else how_much(comparison, found) or UNKNOWN,
            is_slower=comparison.is_slower,
            is_equal=comparison.is_equal,
            why=" ".join(sentence(clause) for clause in doubts(comparison.doubts, edges=edges_of(found))),
        )
        for comparison in comparisons
    ]
