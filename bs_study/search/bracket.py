"""A bracket: lrs on a lattice, from a start to the one whose two neighbours are known to be worse.

Where it stands follows from the outcomes alone, so it needs no memory: a resume takes the same steps.
"""

from __future__ import annotations

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
        best: the place on the lattice of the best lr, or the better one beside it; None as long as none reached the
            target.
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

    It runs both neighbours of the best lr, and of those that tie with it, until they are known to be worse; it steps
    over one whose trials all failed. Where none has reached the target yet, it goes down from an lr that diverges, and
    from one that missed on a plateau; up from one that missed while its loss fell. Before it ends so, it has seen both
    neighbours of the lr with the least loss.

    Args:
        start: the place on the lattice at which it begins.
        seeds: of each lr.
        extra: lrs to try in any case, which need not lie on the lattice.
        refine: whether it tries half a step on each side of the best lr at its end.
        more: seeds of some lrs beside these.
    """
    reach = range(start - lattice.farthest, start + lattice.farthest + 1)

    def race_of(places: Sequence[float]) -> Race:
        lrs = dict.fromkeys([*(lattice.lr(place) for place in (*places, *halves)), *extra])
        return race(lane, list(lrs), seeds=seeds, outcomes=outcomes, margin=margin, more=more)

    def has_begun(place: float) -> bool:
        return any(lane.trial_id(lattice.lr(place), seed) in outcomes for seed in seeds)

    halves = [place + 0.5 for place in range(reach[0] - 1, reach[-1] + 1) if has_begun(place + 0.5)]
    begun = sorted(filter(has_begun, reach), key=lambda place: (abs(place - start), place))
    known = race_of(begun)
    at = {lattice.place(entry.lr): entry for entry in known.entries}
    if known.leader is None:
        places = _towards_one(at, known, reach, start)
        found = race_of(list(dict.fromkeys([*begun, *(place for place in places if place in reach)])))
        is_over = all(map(found.is_decided, found.entries))
        return Bracket(found, None, is_over, _why_nothing(found, lattice, reach) if is_over else "")
    best = lattice.place(known.leader.lr)
    tied = [place for place, entry in at.items() if entry.upper == known.leader.upper]
    around = [_answering(at, math.floor(max(tied)) + 1, step=1), _answering(at, math.ceil(min(tied)) - 1, step=-1)]
    within = [place for place in around if place in reach]
    places = [*(place for place in begun if place == best), *begun, *within]
    found = race_of(places)
    is_over = all(map(found.is_decided, found.entries))
    at = {lattice.place(entry.lr): entry for entry in found.entries}
    beside = [place for place in (best - 0.5, best + 0.5) if place in at]
    whole = best if best not in halves else min(beside, key=lambda place: at[place].upper)
    if is_over and refine:
        found = race_of([*places, whole + 0.5, whole - 0.5])
        is_over = all(map(found.is_decided, found.entries))
    end: End = "limit" if len(within) < len(around) else ""
    return Bracket(found, int(whole), is_over, end if is_over else "")


Known = dict[float, Entry]
"""What is known of an lr, by its place."""


def _answering(at: Known, place: int, *, step: int) -> int:
    """Return the next place, from one on, whose trials did not all fail: of one that did nothing is known."""
    while place in at and at[place].is_over and at[place].answers == 0:
        place += step
    return place


def _towards_one(at: Known, known: Race, reach: range, start: int) -> list[int]:
    """Return the places to see before it is given up that an lr reaches the target; some may lie out of reach."""
    places = list(_steps(at, known, reach, start))
    if any(place not in at or not known.is_decided(at[place]) for place in places if place in reach):
        return places
    least = _least_loss(at, places[-1])
    return places if least is None else [*places, math.floor(least) + 1, math.ceil(least) - 1]


def _steps(at: Known, known: Race, reach: range, start: int) -> Iterator[int]:
    """Yield the places that a bracket comes to as long as it goes on in one direction."""
    place, before = start, 0
    while True:
        yield place
        if place not in reach or place not in at or not known.is_decided(at[place]):
            return
        step = _step(at[place]) if at[place].answers else before
        if step == 0 or step == -before:
            return
        place, before = place + step, step


def _step(entry: Entry) -> int:
    """Return where to go from an lr that did not reach the target: up, down, or nowhere."""
    if entry.has_all_of(("diverged",)):
        return -1
    if entry.has_all_of(("out_of_memory",)):
        return 0
    falls = [outcome.is_falling for outcome in entry.ended.values() if outcome.kind in ("missed", "outrun")]
    return 1 if sum(falls) * 2 >= max(1, len(falls)) else -1


def _least_loss(at: Known, last: float) -> float | None:
    """Return the place whose loss ended the least, of those that tie the nearest to the last; None if all diverged."""
    place = min(at, key=lambda place: (at[place].loss, abs(place - last)), default=None)
    return place if place is not None and math.isfinite(at[place].loss) else None


def _why_nothing(found: Race, lattice: Lattice, reach: range) -> End:
    answered = [entry for entry in found.entries if entry.answers]
    if not answered:
        return "failed"
    for kind in ("out_of_memory", "diverged"):
        if all(entry.has_all_of((kind,)) for entry in answered):
            return "out_of_memory" if kind == "out_of_memory" else "diverged"
    at = {lattice.place(entry.lr): entry for entry in found.entries}
    return "limit" if any(_least_loss(at, end) == end for end in (reach[0], reach[-1])) else "nothing_reached"
