"""A bracket: lrs on a lattice, from a start to the one whose two neighbours are known to be worse.

Where it stands follows from the outcomes alone, so it needs no memory: a resume takes the same steps.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bs_study.config.search import Lattice
from bs_study.search.lane import Lane, Outcomes
from bs_study.search.race import Entry, Race, Seeds, race
from bs_study.search.record import End


@dataclass(frozen=True)
class Bracket:
    """How far a bracket is.

    Attributes:
        race: of the lrs that it has come to.
        best: the place of the best lr on the lattice; None as long as none reached the target.
        is_over: whether it has come to its end.
        end: why it ended before both neighbours of the best lr were known to be worse.
    """

    race: Race
    best: int | None = None
    is_over: bool = False
    end: End = ""


def bracket(
    lane: Lane,
    lattice: Lattice,
    *,
    start: int,
    seeds: Sequence[int],
    outcomes: Outcomes,
    margin: float,
    extra: Sequence[float] = (),
    refine: bool = False,
    more: Seeds | None = None,
) -> Bracket:
    """Return how far the bracket of a lane is.

    It runs both neighbours of the best lr, and of those that tie with it, until they are known to be worse. Where none
    has reached the target yet, it goes down from an lr that diverges, and from one that missed on a plateau; up from
    one that missed while its loss fell.

    Args:
        start: the place on the lattice at which it begins.
        seeds: of each lr.
        extra: lrs to try in any case, which need not lie on the lattice.
        refine: whether it tries half a step on each side of the best lr at its end.
        more: seeds of some lrs beside these.
    """
    reach = range(start - lattice.farthest, start + lattice.farthest + 1)

    def race_of(places: Sequence[float]) -> Race:
        lrs = dict.fromkeys([*(lattice.lr(place) for place in places), *extra])
        return race(lane, list(lrs), seeds=seeds, outcomes=outcomes, margin=margin, more=more)

    def has_begun(place: float) -> bool:
        return any(lane.trial_id(lattice.lr(place), seed) in outcomes for seed in seeds)

    begun = sorted((place for place in reach if has_begun(place)), key=lambda place: (abs(place - start), place))
    known = race_of(begun)
    at = dict(zip(begun, known.entries, strict=False))
    best = min((place for place in begun), key=lambda place: (at[place].upper, at[place].lr), default=start)
    if not begun or math.isinf(at[best].upper):
        steps = list(_search_for_one(at, known, reach, start))
        places = [place for place in steps if place in reach]
        found = race_of(list(dict.fromkeys([*begun, *places])))
        is_over = len(places) < len(steps) or all(map(found.is_decided, found.entries))
        return Bracket(found, None, is_over, _why_nothing(at, steps, reach) if is_over else "")
    tied = _tied(at, best)
    around = [max(tied) + 1, min(tied) - 1]
    within = [place for place in around if place in reach]
    found = race_of([best, *(p for p in begun if p != best), *(p for p in within if p not in at)])
    is_over = all(map(found.is_decided, found.entries))
    if is_over and refine:
        found = race_of([best, *(p for p in begun if p != best), best + 0.5, best - 0.5])
        is_over = all(map(found.is_decided, found.entries))
    end: End = "limit" if len(within) < len(around) else ""
    return Bracket(found, best, is_over, end if is_over else "")


def _tied(at: dict[int, Entry], best: int) -> list[int]:
    """Return the places about the best lr whose median is the same."""
    run = [best]
    for step in (1, -1):
        for place in itertools.count(best + step, step):
            if place not in at or at[place].upper != at[best].upper:
                break
            run.append(place)
    return run


def _search_for_one(at: dict[int, Entry], known: Race, reach: range, start: int) -> Iterator[int]:
    """Yield the places that a bracket comes to before an lr has reached the target; the last may lie out of reach."""
    place, seen = start, set[int]()
    while place not in seen:
        yield place
        seen.add(place)
        if place not in at or not known.is_decided(at[place]):
            return
        step = _step(at[place])
        if step == 0 or place not in reach:
            return
        place += step


def _step(entry: Entry) -> int:
    """Return where to go from an lr that did not reach the target: up, down, or nowhere."""
    if entry.has_all_of(("diverged",)):
        return -1
    if entry.has_all_of(("out_of_memory",)) or entry.answers == 0:
        return 0
    falls = [outcome.is_falling for outcome in entry.ended.values() if outcome.kind in ("missed", "outrun")]
    return 1 if sum(falls) * 2 >= max(1, len(falls)) else -1


def _why_nothing(at: dict[int, Entry], steps: list[int], reach: range) -> End:
    last = at.get(steps[-1])
    if last is None:
        return "limit" if steps[-1] not in reach else ""
    if last.answers == 0:
        return "failed"
    if last.has_all_of(("out_of_memory",)):
        return "out_of_memory"
    return "diverged" if last.has_all_of(("diverged",)) else "nothing_reached"
