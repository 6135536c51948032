"""What each of several sweeps on one cluster may hold, so that none waits for another to end.

Dominant resource fairness (Ghodsi et al., NSDI 2011): trials are handed out one by one, each to the sweep whose largest
share of any resource is smallest, as long as it wants one and the cluster has what it costs.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

Costs = Mapping[str, float]
"""What a trial takes of the cluster, as a fraction of its CPUs and of its GPUs."""

SILENCE_SECONDS = 15.0  # after which a sweep counts as gone: its driver was killed, or hangs
TURN_SECONDS = 60.0  # how long a sweep is first when trials are handed out: what does not divide goes round


@dataclass(frozen=True)
class Claim:
    """What a sweep has left to do, and what one of its trials costs: of the nodes there are, and may be, later."""

    wanted: int
    costs_now: Costs
    costs_later: Costs


@dataclass(frozen=True)
class Share:
    """How many trials a sweep may run on the nodes there are, and on those there may be, beside how many others."""

    now: int
    later: int
    others: int


def fair_shares(wanted: Mapping[str, int], costs: Mapping[str, Costs]) -> dict[str, int]:
    """Return how many trials each sweep may run at once; of equal ones, the first is given first.

    >>> fair_shares({"a": 90, "b": 90, "c": 1}, dict.fromkeys("abc", {"GPU": 1 / 8}))
    {'a': 4, 'b': 3, 'c': 1}
    """
    shares = dict.fromkeys(wanted, 0)
    left = {kind: 1.0 for cost in costs.values() for kind in cost}
    asking = list(wanted)
    while asking:
        poorest = min(asking, key=lambda sweep: (shares[sweep] + 1) * max(costs[sweep].values()))
        cost = costs[poorest]
        if shares[poorest] < wanted[poorest] and all(cost[kind] <= left[kind] + 1e-9 for kind in cost):
            shares[poorest] += 1
            left |= {kind: left[kind] - cost[kind] for kind in cost}
        else:
            asking.remove(poorest)
    return shares


class Ledger:
    """Knows the sweeps of a cluster by what they claim, and forgets those that fall silent."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._claims: dict[str, tuple[Claim, float]] = {}

    def share(self, sweep: str, claim: Claim) -> Share:
        """Note what a sweep claims; return what it may hold."""
        now = self._clock()
        self._claims[sweep] = claim, now
        self._claims = {name: (c, at) for name, (c, at) in self._claims.items() if now - at < SILENCE_SECONDS}
        names = sorted(self._claims)
        turn = int(now / TURN_SECONDS) % len(names)
        claims = {name: self._claims[name][0] for name in names[turn:] + names[:turn]}
        wanted = {name: claim.wanted for name, claim in claims.items()}
        shares_now = fair_shares(wanted, {name: claim.costs_now for name, claim in claims.items()})
        shares_later = fair_shares(wanted, {name: claim.costs_later for name, claim in claims.items()})
        return Share(shares_now[sweep], shares_later[sweep], others=len(names) - 1)

    def leave(self, sweep: str) -> None:
        """Forget a sweep that has ended."""
        self._claims.pop(sweep, None)
