"""What a search answers when it is asked what to train next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from bs_study.bound import Bound
from bs_study.config import TrialConfig

End = Literal["", "limit", "diverged", "nothing_reached", "out_of_memory", "failed"]


@dataclass(frozen=True)
class LaneState:
    """How far the search is within one recipe and batch size.

    Attributes:
        contenders: lrs that may still be the best.
        lrs: tried, or to be tried as far as is known.
        seeds: of the best lr, those that gave an answer.
        best_lr: with the smallest median so far; None where none is known.
        best_iterations: that median, or the least that it is known not to be above.
        is_over: whether nothing of it is wanted.
        end: why a bracket stopped before both neighbours of the best lr were known to be worse: limit, too far from
            its start; diverged, above the largest lr that trains; nothing_reached; out_of_memory; failed.
    """

    recipe: str
    batch_size: int
    contenders: int
    lrs: int
    seeds: int = 0
    best_lr: float | None = None
    best_iterations: float | None = None
    is_over: bool = False
    end: End = ""


class Wanted(NamedTuple):
    """A trial to make, and of which recipe it is."""

    recipe: str
    trial: TrialConfig


@dataclass(frozen=True)
class Plan:
    """What is wanted of a study now.

    Attributes:
        wanted: trials that have not ended, in the order in which to begin them. Those that run are among them.
        bounds: by `race_of` a trial: by when it has to meet the target.
        lanes: a state for each recipe and batch size.
        at_most: how many trials the study may need in all, those that have ended included.
        expected: how many it takes as a rule.
        ended: how many have ended.
    """

    wanted: tuple[Wanted, ...]
    bounds: Mapping[str, Bound] = field(default_factory=dict)
    lanes: tuple[LaneState, ...] = ()
    at_most: int = 0
    expected: int = 0
    ended: int = 0
