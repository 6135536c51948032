"""A race among the lrs of a lane: which cells are out, which leads, and by when the others must be there.

Within a recipe and batch size all clocks are the same multiple of iterations, so trials race on iterations. With n
seeds U is the smallest upper bound on any cell's median. A cell of which more than half of the seeds are past
U × margin has a median above that, whatever its other seeds do: it is out. So the best cell of the race, and its
median, are those of the full grid, in whatever order trials end and however late they hear of the bound.

With an even number of seeds the median is a mean of two, of which one may be past the bound. At 2 U it is above U all
the same, so the margin is 2 at least, and the same holds.

It does not hold of seeds that are added once a race is over. A trial that fewer seeds had outrun counts as never there,
though it may have been the quicker half of what is now a larger number. A median may then be told too large, never too
small, and another lr may be the best of the full grid. A seed that fails for good changes the number likewise.
"""

from __future__ import annotations

import functools
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from bs_study.bound import Bound
from bs_study.config import TrialConfig
from bs_study.config.search import margin_in_force
from bs_study.search.lane import INFEASIBLE, NO_ANSWER, Lane, Outcome, Outcomes
from bs_study.search.record import Wanted


@dataclass(frozen=True)
class Entry:
    """A cell in a race: what its seeds did so far.

    Attributes:
        seeds: with which it is to be trained.
        ended: of these, by seed.
        more: how many of its seeds are for a comparison with the best cell of the study, beside those of the race.
    """

    lr: float
    seeds: tuple[int, ...]
    ended: dict[int, Outcome]
    more: int = 0

    @functools.cached_property
    def answers(self) -> int:
        """How many of its seeds give an answer, as far as is known."""
        return len(self.seeds) - sum(outcome.kind in NO_ANSWER for outcome in self.ended.values())

    @property
    def is_compared(self) -> bool:
        """Whether its times are to be known, though it leads no race: a seed that was cut off would keep it open."""
        return self.more > 0 and all(outcome.kind == "reached" for outcome in self.ended.values())

    @property
    def quorum(self) -> int:
        """More than half of the seeds."""
        return self.answers // 2 + 1

    @property
    def is_over(self) -> bool:
        """Whether all of its seeds have ended."""
        return len(self.ended) == len(self.seeds)

    @functools.cached_property
    def times(self) -> list[float]:
        """Iterations to the target of the seeds that reached it, the least first."""
        return sorted(outcome.iterations for outcome in self.ended.values() if outcome.kind == "reached")

    @functools.cached_property
    def upper(self) -> float:
        """What the median is at most; infinite as long as half of the seeds have not reached the target."""
        times = self.times
        if len(times) < self.quorum:
            return math.inf
        return self.median if self.is_over else times[self.quorum - 1]

    @property
    def median(self) -> float:
        """The median over seeds, one that missed above every number; infinite where it missed or is not known yet."""
        times, n = self.times, self.answers
        if not self.is_over or 2 * len(times) <= n:
            return math.inf
        return (times[(n - 1) // 2] + times[n // 2]) / 2

    @property
    def loss(self) -> float:
        """The median of the losses at the end of its seeds, of a cell that did not reach the target."""
        return statistics.median([outcome.loss for outcome in self.ended.values()] or [math.inf])

    def past(self, limit: float) -> int:
        """Return how many seeds are known to take longer than a number of iterations, or for ever."""
        return sum(_is_past(outcome, limit) for outcome in self.ended.values())

    def is_out(self, limit: float) -> bool:
        """Return whether the median is above a number of iterations for certain."""
        return self.answers > 0 and self.past(limit) >= self.quorum

    def has_all_of(self, kinds: Sequence[str]) -> bool:
        """Return whether most of its seeds ended in one of some ways."""
        return sum(outcome.kind in kinds for outcome in self.ended.values()) >= max(1, self.quorum)

    @property
    def is_infeasible(self) -> bool:
        return self.has_all_of(INFEASIBLE)


def _is_past(outcome: Outcome, limit: float) -> bool:
    if outcome.kind in ("outrun", "not_tried"):  # of a race with fewer seeds, perhaps, whose limit was lower
        return outcome.iterations >= limit
    return outcome.iterations > limit if outcome.kind == "reached" else outcome.kind not in NO_ANSWER


@dataclass(frozen=True)
class Race:
    """The cells of a lane, in the order in which they begin; without a margin none is ever out."""

    lane: Lane
    entries: tuple[Entry, ...]
    margin: Fraction | None

    @functools.cached_property
    def leader(self) -> Entry | None:
        """The cell with the smallest upper bound on its median; of those that tie, with the smallest lr."""
        begun = (entry for entry in self.entries if entry.ended)  # of the others no median is known
        best = min(begun, key=lambda entry: (entry.upper, entry.lr), default=None)
        return best if best is not None and math.isfinite(best.upper) else None

    @functools.cached_property
    def limit(self) -> float:
        """The iterations past which a seed can't make its cell the best."""
        leader = self.leader
        if leader is None or self.margin is None:
            return math.inf
        is_even = any(entry.answers % 2 == 0 for entry in self.entries)
        return math.ceil(Fraction(leader.upper) * margin_in_force(self.margin, is_even=is_even))

    def is_decided(self, entry: Entry) -> bool:
        """Return whether no further seed of a cell is needed."""
        return entry.is_over or self.is_out(entry)

    def is_out(self, entry: Entry) -> bool:
        """Return whether a cell can't be the best."""
        if not entry.ended:
            return False
        return self.margin is not None and entry is not self.leader and entry.is_out(self.limit)

    @functools.cached_property
    def wanted(self) -> Sequence[TrialConfig]:
        """The trials to make: of the leading cell all, of others first as many as may put them out."""
        leader, soon, later = self.leader, list[TrialConfig](), list[TrialConfig]()
        first = leader or next((entry for entry in self.entries if not entry.is_over), None)
        ordered = sorted(self.entries, key=lambda entry: entry is not first) if self.margin else self.entries
        for entry in ordered:
            if self.is_decided(entry):
                continue
            left = [self.lane.trial(entry.lr, seed) for seed in entry.seeds if seed not in entry.ended]
            needed = max(1, entry.quorum - len(entry.ended)) if self.margin and entry is not first else len(left)
            soon += left[:needed]
            later += left[needed:]
        return soon + later

    @functools.cached_property
    def named(self) -> Sequence[Wanted]:
        """The same with the name of their recipe."""
        return [Wanted(self.lane.recipe, trial) for trial in self.wanted]

    @functools.cached_property
    def contenders(self) -> int:
        """How many cells may still be the best."""
        return sum(entry is self.leader or not self.is_decided(entry) for entry in self.entries)

    @property
    def bound(self) -> Bound | None:
        """By when the trials of the other cells have to be there; None as long as none has set a time."""
        leader = self.leader
        if leader is None or self.margin is None:
            return None
        by = max(
            (o.iterations, s) for s, o in leader.ended.items() if o.kind == "reached" and o.iterations <= leader.upper
        )
        spared = frozenset(
            self.lane.trial(entry.lr, 0).lr for entry in self.entries if entry is leader or entry.is_compared
        )
        return Bound(int(self.limit), self.lane.trial_id(leader.lr, by[1]), spared)


def race(
    lane: Lane,
    lrs: Sequence[float],
    *,
    seeds: Sequence[int],
    outcomes: Outcomes,
    margin: float | None,
    more: Seeds | None = None,
) -> Race:
    """Return the race of some lrs of a lane.

    Args:
        lrs: in the order in which they begin.
        seeds: of each cell.
        more: seeds of some cells beside these.
    """
    cells = tuple((lr, (*seeds, *(more or {}).get(lr, ()))) for lr in lrs)
    question = cells, len(seeds), margin
    if question not in lane.races:
        if len(lane.races) >= MOST_RACES:
            lane.races.clear()
        lane.races[question] = _Asked()
    asked: _Asked = lane.races[question]
    if outcomes and not asked.names:  # of a first plan no id is needed: to make those of a large study takes a while
        asked.names = [lane.trial_id(lr, seed) for lr, own in cells for seed in own]
    ended = {name: outcomes[name] for name in asked.names if name in outcomes}
    if asked.found is None or asked.ended != ended:
        asked.ended, asked.found = ended, _race(lane, cells, outcomes=ended, seeds=len(seeds), margin=margin)
    return asked.found


MOST_RACES = 8
"""That a lane remembers: a bracket asks for a few, and each time a trial has ended it is one of another lane mostly."""


@dataclass
class _Asked:
    """A race that was asked for: the ids of its trials, those that had ended, and what was found."""

    names: Sequence[str] = ()
    ended: Outcomes = field(default_factory=dict)
    found: Race | None = None


def _race(
    lane: Lane,
    cells: Sequence[tuple[float, tuple[int, ...]]],
    *,
    outcomes: Outcomes,
    seeds: int,
    margin: float | None,
) -> Race:
    entries = []
    for lr, own in cells:
        ids = {seed: lane.trial_id(lr, seed) for seed in own} if outcomes else {}
        ended = {seed: outcomes[name] for seed, name in ids.items() if name in outcomes}
        entries.append(Entry(lr, own, ended, more=len(own) - seeds))
    return Race(lane, tuple(entries), None if margin is None else Fraction(str(margin)))


Seeds = dict[float, tuple[int, ...]]
"""Further seeds of the cells of a lane, by lr."""
