"""The seeds that would settle a study: to every cell, or where they decide."""

from __future__ import annotations

import numpy as np

from bs_study.analysis.comparison import Comparison, Field
from bs_study.analysis.contest import Contest
from bs_study.analysis.rows import StudyRows
from bs_study.analysis.step import Step
from bs_study.analysis.verdict import Reason

FEW_SEEDS = 3
MOST_SEEDS = 8  # to add at once
OF_SEEDS: tuple[Reason, ...] = ("one_seed", "within_spread", "tie", "missed_seeds")
BY_SEEDS: tuple[Reason, ...] = (*OF_SEEDS, "within_looks")
"""Doubts of a comparison that more seeds may settle: looks are a part of its interval, and seeds another."""


def more_seeds(rows: StudyRows, field: Field, contest: Contest | None) -> Step | None:
    """Return the seeds to add: up to three, else as many as would tell the closest open rival apart.

    Where cells were tried with another version of the workload alone, one more seed tries all of them with this one.
    With n seeds each the standard error of a difference of logs is sqrt(2 v / n), so that the interval of a level that
    is t standard errors wide leaves out d with n = 2 v (t / d)^2.
    """
    is_auto = rows.config is not None and rows.config.seeds == "auto"  # it takes no list of seeds
    if contest is None:
        return _next_seeds(rows, 1) if len(rows.versions.others) and not is_auto else None
    if rows.config is not None and (is_auto or not len(rows.versions.others)):
        found = _auto_seeds(rows, field, contest)
        if found is not None or is_auto:
            return found
    has = len(field.cells[contest.winner].met)
    wanted = FEW_SEEDS
    spread = field.spread.of(contest.winner)
    open_rivals = [c for c in contest.rivals if any(d.reason == "within_spread" for d in c.doubts) and c.ratio > 1]
    if spread is not None and has >= FEW_SEEDS and open_rivals:
        closest = min(np.log(c.ratio) for c in open_rivals)
        width = np.log(open_rivals[0].ratio / open_rivals[0].low) / np.sqrt(2 * spread[0] / has)
        wanted = int(np.ceil(2 * spread[0] * (width / closest) ** 2))
    return _next_seeds(rows, int(np.clip(wanted - has, 1, MOST_SEEDS)))


def _auto_seeds(rows: StudyRows, field: Field, contest: Contest) -> Step | None:
    """Return the step by which seeds go where they decide: to `auto` from seeds 0, 1, ..., or beyond `max_seeds`.

    Of a study whose rounds are not over nothing is to be added: it goes on by itself. A round takes a trial of the
    winner, and one of each cell of the other batch sizes that seeds may tell apart from it.
    """
    config = rows.config
    if config is None:
        return None
    found = open_rivals(field, contest)
    rivals = len(found)
    if not rivals:
        return None
    if config.seeds != "auto":
        is_first = tuple(sorted(config.seeds)) == tuple(range(len(config.seeds)))
        return (
            Step("seeds", is_auto=True, trials=1 + rivals)
            if is_first and len(config.seeds) < config.max_seeds
            else None
        )
    used = max(field.cells[cell].seeds for cell in (contest.winner, *(one.rival for one in found)))
    more = MOST_SEEDS // 2
    return Step("seeds", max_seeds=config.max_seeds + more, trials=1 + rivals) if used >= config.max_seeds else None


def open_rivals(field: Field, contest: Contest) -> list[Comparison]:
    """Return the comparison with each cell of another batch size or recipe that seeds may tell apart from the winner.

    A batch size is open as long as its best cell is: the others, of which most are outrun, wait until that is decided.
    Of a study of one batch size and recipe the other lrs are the rivals.
    """
    if not contest.rivals:
        return [one for one in contest.lrs if _is_open(one)]
    found: list[Comparison] = []
    for lane in contest.rivals:
        if lane.is_slower or lane.is_equal:
            continue
        cells = [cell for cell in field.cells if cell[:2] == lane.rival[:2]]
        compared = [field.compare(contest.winner, cell, confidence=lane.confidence) for cell in cells]
        still_open = [one for one in compared if _is_open(one)]
        found += [one for one in still_open if one.rival == lane.rival] or still_open
    return found


def _is_open(one: Comparison) -> bool:
    return not one.is_equal and any(doubt.reason in BY_SEEDS for doubt in one.doubts)


def _next_seeds(rows: StudyRows, more: int) -> Step:
    known = {
        *rows.trials["seed"],
        *rows.versions.others["seed"],
        *(rows.asked["seed"] if rows.asked is not None else ()),
    }
    first = max((int(seed) for seed in known), default=-1) + 1
    return Step("seeds", seeds=tuple(range(first, first + more)), trials=more * len(rows.cells))
