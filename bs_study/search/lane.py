"""A lane: the lrs of one recipe and batch size, among which trials race."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from bs_study.config import TrialConfig, TrialSettings
from bs_study.grid import at_batch_size, cell_trial

INFEASIBLE = ("diverged", "out_of_memory")
NO_ANSWER = ("failed", "not_evaluated")


class Outcome(NamedTuple):
    """How a trial ended.

    Attributes:
        kind: reached, missed, outrun, not_tried, diverged, out_of_memory, failed or not_evaluated.
        iterations: to the first look that met the target, or to its end.
        is_falling: whether the loss still fell at its end.
        loss: at its end, of one that did not reach the target; infinite where that is not known.
    """

    kind: str
    iterations: float
    is_falling: bool = False
    loss: float = math.inf


Outcomes = Mapping[str, Outcome]
"""How each trial that has ended did so, by its id."""


@dataclass(frozen=True)
class Lane:
    """One recipe and batch size. Its lrs are as they are typed: of the base batch size, under an lr rule.

    `races` is what `race` remembers of it: when a trial has ended, the races of the other lanes are what they were.
    """

    recipe: str
    settings: TrialSettings
    batch_size: int
    _trials: dict[tuple[float, int], TrialConfig] = field(default_factory=dict, compare=False, repr=False)
    _ids: dict[tuple[float, int], str] = field(default_factory=dict, compare=False, repr=False)
    races: dict[Any, Any] = field(default_factory=dict, compare=False, repr=False)

    @functools.cached_property
    def _sized(self) -> TrialSettings:
        return at_batch_size(self.settings, self.batch_size)

    def trial(self, lr: float, seed: int) -> TrialConfig:
        """Return the trial of an lr and a seed."""
        if (lr, seed) not in self._trials:
            used = self.settings.trial_lr(lr=lr, batch_size=self.batch_size)
            self._trials[lr, seed] = cell_trial(self._sized, batch_size=self.batch_size, lr=used, seed=seed)
        return self._trials[lr, seed]

    def trial_id(self, lr: float, seed: int) -> str:
        """Return the id of that trial. To make one takes a while, and a search asks again and again."""
        if (lr, seed) not in self._ids:
            self._ids[lr, seed] = self.trial(lr, seed).trial_id
        return self._ids[lr, seed]


@functools.lru_cache(maxsize=8)
def lanes_of(recipes: tuple[tuple[str, TrialSettings], ...], batch_sizes: tuple[int, ...]) -> tuple[Lane, ...]:
    """Return the lanes of a study, recipe by recipe; the same ones each time, with the ids that they know."""
    return tuple(Lane(name, settings, size) for name, settings in recipes for size in batch_sizes)
