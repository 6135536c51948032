"""Studies replayed without training: what each trial would do is known, and workers play it at any pace."""

from __future__ import annotations

import functools
import heapq
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from bs_study.bound import Bound, race_of
from bs_study.config import TrialConfig

Last = Literal["missed", "diverged", "out_of_memory", "failed"]


@dataclass(frozen=True)
class Known:
    """What a trial would do if nothing ended it.

    Attributes:
        looks: the iterations after which it is evaluated, in order.
        met: the first of them at which it meets the target; None where it never does.
        last: how it ends otherwise, after its last look.
        loss: at each look.
    """

    looks: tuple[int, ...]
    met: int | None
    last: Last = "missed"
    loss: tuple[float, ...] = ()


class Ended(NamedTuple):
    """How a trial ended in a replay; `looks` of its looks were made."""

    kind: str
    iterations: int
    looks: int
    at: float = 0.0


class Answer(NamedTuple):
    """What a search says when it is asked."""

    wanted: Sequence[TrialConfig]
    bounds: Mapping[str, Bound]


Ask = Callable[[Mapping[TrialConfig, Ended]], Answer]


@dataclass
class _Running:
    trial: TrialConfig
    known: Known
    begun: float
    pace: float
    look: int = 0

    @functools.cached_property
    def race(self) -> str:
        return race_of(self.trial)

    @property
    def next_at(self) -> float:
        return self.begun + self.pace * self.known.looks[self.look]


def replay(
    ask: Ask,
    known: Callable[[TrialConfig], Known],
    *,
    workers: int = 1,
    pace: Callable[[TrialConfig], float] = lambda trial: 1.0,
    delay: Callable[[], float] = lambda: 0.0,
    dies: Callable[[], bool] = lambda: False,
    most: int = 100_000,
) -> dict[TrialConfig, Ended]:
    """Return how the trials of a study ended, in order, that workers run as a search wants them.

    Args:
        pace: seconds that an iteration takes, evaluations included.
        delay: seconds until a trial hears of a bound, drawn at each look.
        dies: whether the driver dies now, with all that runs; drawn each time a trial ends.
        most: ends; a search that wants more does not end.
    """
    ended: dict[TrialConfig, Ended] = {}
    running: dict[str, _Running] = {}
    now, said = 0.0, [(0.0, ask(ended))]
    while len(ended) <= most:
        for trial in said[-1][1].wanted:
            if len(running) == workers:
                break
            name = _name(trial)
            if name not in running:
                running[name] = _Running(trial, known(trial), now, pace(trial))
        if not running:
            return ended
        name, end = _next_end(running, said, delay)
        now = end.at
        ended[running.pop(name).trial] = end
        if dies():
            running.clear()
        said.append((now, ask(ended)))
    raise RuntimeError("the search does not end")


@functools.lru_cache(maxsize=10_000)
def _name(trial: TrialConfig) -> str:
    return trial.trial_id


def _next_end(
    running: Mapping[str, _Running], said: Sequence[tuple[float, Answer]], delay: Callable[[], float]
) -> tuple[str, Ended]:
    """Return which running trial ends next, and how; the others have made their looks until then."""
    queue = [(one.next_at, name) for name, one in running.items()]
    heapq.heapify(queue)
    while True:
        now, name = queue[0]
        one = running[name]
        heard = now - delay()
        bounds = next((answer.bounds for at, answer in reversed(said) if at <= heard), {})
        end = _look(one, bounds.get(one.race) if bounds else None)
        if end is not None:
            return name, end._replace(at=now)
        one.look += 1
        heapq.heapreplace(queue, (one.next_at, name))


def _look(one: _Running, bound: Bound | None) -> Ended | None:
    """Return how a trial ends at the look that it has come to; None where it goes on."""
    at, looks = one.known.looks[one.look], one.look + 1
    if one.known.met is not None and at >= one.known.met:
        return Ended("reached", at, looks)
    if looks == len(one.known.looks):
        return Ended(one.known.last, at, looks)
    return Ended("outrun", at, looks) if bound and bound.ends(one.trial, iteration=at) else None
