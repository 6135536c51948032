"""The best so far of a study that runs, of which no more is said than is known at that moment."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from bs_study.config import TrialConfig
from bs_study.search.record import LaneState
from bs_study.training.progress import Ending
from bs_study.words import count, counted, duration, setting

MOST_LEADS = 3


class Lead(NamedTuple):
    """The best lr of a recipe and batch size so far, and after how many iterations its median seed met the target."""

    recipe: str
    batch_size: int
    lr: float
    iterations: float


class Pace(NamedTuple):
    """The seconds of an iteration of each batch size, timed alone on one kind of machine; none where any lacks them."""

    seconds: Mapping[int, float]
    is_disturbed: bool = False


NO_PACE = Pace({})


def leads_of_lanes(lanes: Iterable[LaneState]) -> list[Lead]:
    """Return what a search has found so far within each batch size; nothing of one whose target no lr met."""
    return [
        Lead(lane.recipe, lane.batch_size, lane.best_lr, lane.best_iterations)
        for lane in lanes
        if lane.best_lr is not None and lane.best_iterations is not None and math.isfinite(lane.best_iterations)
    ]


def leads_of_endings(ended: Iterable[tuple[str, TrialConfig, Ending]]) -> list[Lead]:
    """Return the same of trials by how they ended, each with its recipe: a seed that missed is above every number."""
    cells: dict[tuple[str, int, float], list[float]] = {}
    for recipe, trial, ending in ended:
        if ending.status != "failed":
            reached = math.inf if ending.reached_iteration is None else float(ending.reached_iteration)
            cells.setdefault((recipe, trial.batch_size, trial.lr), []).append(reached)
    best: dict[tuple[str, int], Lead] = {}
    for (recipe, size, lr), after in cells.items():
        lead, before = Lead(recipe, size, lr, statistics.median(after)), best.get((recipe, size))
        if math.isfinite(lead.iterations) and (before is None or lead.iterations < before.iterations):
            best[recipe, size] = lead
    return list(best.values())


def best_so_far(leads: Sequence[Lead], pace: Pace = NO_PACE) -> str:
    """Return the fastest cell so far in a clause; nothing where none has met the target.

    Iterations compare within a batch size. Between batch sizes they do not: there it takes the time of an iteration.

    >>> leads = [Lead("", 2, 0.04, 488), Lead("", 32, 0.16, 82)]
    >>> best_so_far(leads, Pace({2: 0.0006, 32: 0.001}))
    'best so far: batch size 32, lr 0.16, target reached after about 82 ms (iteration 82)'
    >>> best_so_far(leads)
    'so far, not yet compared: batch size 2, lr 0.04 at iteration 488; batch size 32, lr 0.16 at iteration 82'
    """
    if not leads:
        return ""
    if all(lead.batch_size in pace.seconds for lead in leads):
        seconds, best = min((lead.iterations * pace.seconds[lead.batch_size], lead) for lead in leads)
        doubt = ", by a disturbed timing" if pace.is_disturbed else ""
        after = f"about {duration(float(f'{seconds:.2g}'))} (iteration {count(best.iterations)}{doubt})"
        return f"best so far: {_name(best)}, target reached after {after}"
    if len({lead.batch_size for lead in leads}) == 1:
        best = min(leads, key=lambda lead: lead.iterations)
        return f"best so far: {_name(best)}, target reached at iteration {count(best.iterations)}"
    named = [f"{_name(lead)} at iteration {count(lead.iterations)}" for lead in leads[:MOST_LEADS]]
    left = len(leads) - len(named)
    return "so far, not yet compared: " + "; ".join([*named, *([f"{counted(left, 'other')}"] if left else [])])


def _name(lead: Lead) -> str:
    recipe = f"{lead.recipe}, " if lead.recipe else ""
    return f"{recipe}batch size {lead.batch_size}, lr {setting(lead.lr)}"
