"""What is false of all that an analysis says, where the truth is known, and which of its intervals hold the truth."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import numpy as np

from bs_study.analysis.comparison import Comparison
from bs_study.analysis.recommendation import CellResult
from bs_study.analysis.study import Analysis
from bs_study.analysis.trials import Cell
from bs_study.analysis.verdict import Verdict
from bs_study.analysis.verdicts_target import SATURATED
from tests.analysis.worlds import World

EQUAL = 1e-9  # of two logs
FLAT = 1.25  # times the smallest batch size's iteration
EXPONENTS = {
    "noise": "noise",
    "small_batch_lr": "stable_lr",
    "large_batch_lr": "best_lr",
    "updates_saturate": "iterations",
}


class Interval(NamedTuple):
    """An interval that was told, and what is true."""

    name: str
    low: float
    truth: float
    high: float

    @property
    def holds(self) -> bool:
        return self.low <= self.truth * (1 + EQUAL) and self.truth * (1 - EQUAL) <= self.high


def true_times(world: World) -> dict[Cell, float]:
    """Return the log of the median clean seconds of each cell."""
    return {
        Cell("", batch_size, lr): float(world.log_seconds[i, j])
        for i, batch_size in enumerate(world.batch_sizes)
        for j, lr in enumerate(world.lrs)
    }


def false_orders(comparisons: Iterable[Comparison], world: World) -> list[str]:
    """Return the rivals that are called slower and are not; of another batch size all cells are."""
    truth, found = true_times(world), []
    for told in comparisons:
        if told.is_slower:
            is_other = told.rival.batch_size != told.winner.batch_size
            group = [cell for cell in truth if cell.batch_size == told.rival.batch_size] if is_other else [told.rival]
            if min(truth[cell] for cell in group) <= truth[told.winner] + EQUAL:
                found.append("slower_batch_size" if is_other else "slower_lr")
    return found


def false_statements(found: Analysis, world: World) -> list[str]:
    """Return what an analysis says with certainty and is not so: claims of verdicts, and orders of cells."""
    wrong = false_orders(found.recommendation.comparisons, world)
    return wrong + [verdict.claim for verdict in found.verdicts if _is_false(verdict, world)]


def _is_false(verdict: Verdict, world: World) -> bool:
    if verdict.outcome == "undecided":
        return False
    is_supported, evidence = verdict.outcome == "supported", verdict.evidence
    best = world.log_seconds.min(axis=1)
    match verdict.claim:
        case "epoch_time":
            epoch = world.iteration_seconds / np.array(world.batch_sizes)
            others = epoch[1:].min()
            return bool(others >= epoch[0] * (1 - EQUAL)) if is_supported else bool(others <= epoch[0] * (1 + EQUAL))
        case "iteration_time":
            sizes, longer = np.array(world.batch_sizes), world.iteration_seconds / world.iteration_seconds[0]
            if is_supported:
                return bool((longer[sizes <= evidence["up_to_batch_size"]] > FLAT).any())
            return not (longer[sizes <= 4 * sizes[0]] > FLAT).any()
        case "noise":
            return _is_wrong_side(-world.exponents["noise"], is_supported)
        case "small_batch_lr":
            return _is_wrong_side(world.exponents["stable_lr"], is_supported)
        case "large_batch_lr":
            return _is_wrong_side(world.exponents["best_lr"], is_supported)
        case "updates_saturate":
            return _is_wrong_side(world.exponents["iterations"] - SATURATED, is_supported)
        case "fastest_after_tuning":
            own = world.batch_sizes.index(evidence["batch_size"])
            return bool(np.delete(best, own).min() <= best[own] + EQUAL)
        case "middle_batch_size":
            places = {lr: _place(world.log_seconds[:, j]) for j, lr in enumerate(world.lrs)}
            told = dict.fromkeys(evidence["middle_at_lrs"], "middle") | dict.fromkeys(evidence["end_at_lrs"], "end")
            return any(places[lr] != place for lr, place in told.items())
    raise ValueError(verdict.claim)


def _is_wrong_side(truth: float, is_supported: bool) -> bool:
    """Return whether a trend was told to lie above 0 (or below) that does not."""
    return bool(truth <= 0 if is_supported else truth >= 0)


def _place(log_seconds: np.ndarray) -> str:
    first, second = np.sort(log_seconds)[:2]
    if not second > first + EQUAL:
        return "tie"
    return "end" if int(log_seconds.argmin()) in (0, len(log_seconds) - 1) else "middle"


def intervals(found: Analysis, world: World) -> Iterator[Interval]:
    """Yield the intervals that an analysis tells: of ratios, of the winner's time, and of slopes."""
    yield from told_ratios(found.recommendation.comparisons, world)
    if found.recommendation.best is not None:
        yield from told_time(found.recommendation.best, world)
    for verdict in found.verdicts:
        yield from _slopes(verdict.claim, verdict.evidence, world)


def told_ratios(comparisons: Iterable[Comparison], world: World) -> Iterator[Interval]:
    """Yield the intervals of ratios to cells that can reach the target."""
    truth = true_times(world)
    for told in comparisons:
        ratio = float(np.exp(truth[told.rival] - truth[told.winner]))
        if np.isfinite(ratio) and np.isfinite(told.low):
            yield Interval("ratio", told.low, ratio, told.high)


def told_time(result: CellResult, world: World) -> Iterator[Interval]:
    """Yield the interval of a cell's time, if it has one."""
    if np.isfinite(result.low):
        yield Interval("time", result.low, float(np.exp(true_times(world)[result.cell])), result.high)


def _slopes(claim: str, evidence: Mapping[str, float], world: World) -> Iterator[Interval]:
    name = "exponent" if claim == "large_batch_lr" else "slope"
    if claim in EXPONENTS and np.isfinite(evidence.get(f"{name}_low", np.nan)):
        yield Interval(claim, evidence[f"{name}_low"], world.exponents[EXPONENTS[claim]], evidence[f"{name}_high"])
