"""What would settle a doubt of a study, as a record."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from bs_study.target import Target

StepKind = Literal[
    "finish",
    "target",
    "harder_target",
    "timing",
    "seeds",
    "lrs",
    "batch_sizes",
    "budget",
    "own_study",
    "curvature",
]


@dataclass(frozen=True)
class Step:
    """What would settle a doubt, as the settings to add to the study.

    Attributes:
        kind: finish: resume what has not ended; target: ask for another one; harder_target: train to a harder one, in a
            study of its own; timing: time the batch sizes alone; seeds, lrs, batch_sizes: add these; budget: a larger
            one, in a study of its own; own_study: train to the target that was asked, in a study of its own;
            curvature: measure it, in a study of its own.
        seeds, lrs, batch_sizes: to add. With an lr rule lrs are those of the base batch size, as they are typed.
        at: the batch sizes that it is for.
        is_auto: whether seeds are to be `auto`: added where they decide, in place of to every cell.
        max_seeds: the most seeds of a cell to ask for, where they are `auto` already.
        target: the target to ask for, where one is known; of a budget, that of the new study where it differs.
        trials: how many it trains; of a search about so many, of `is_auto` and `max_seeds` in a round.
    """

    kind: StepKind
    seeds: tuple[int, ...] = ()
    lrs: tuple[float, ...] = ()
    batch_sizes: tuple[int, ...] = ()
    at: tuple[int, ...] = ()
    target: Target | None = None
    trials: int = 0
    is_auto: bool = False
    max_seeds: int = 0
