"""What a search asks of a study's settings: which of them it sets itself, and with which it would not be fair."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bs_study.config.settings import TrialSettings

DIGITS = 4  # of an lr that is made of others
FARTHEST = 2**8
"""The largest ratio of an lr to that at which a bracket began, up or down."""


@dataclass(frozen=True)
class Lattice:
    """The lrs of a bracket: start · factor^j, rounded to four digits but for the start."""

    start: float
    factor: float

    def lr(self, place: float) -> float:
        return self.start if place == 0 else rounded(self.start * self.factor**place)

    @property
    def farthest(self) -> int:
        """How many steps are as far as a bracket goes."""
        return math.floor(math.log(FARTHEST) / math.log(self.factor) + 1e-9)

    def lrs(self, *, batch_sizes: int) -> list[float]:
        """Return all lrs that brackets may come to, half steps included: each begins where the one before ended."""
        most = self.farthest * batch_sizes + 1
        places = itertools.chain.from_iterable((place, place + 0.5) for place in range(-most, most + 1))
        return [lr for place in places if 0 < (lr := self.lr(place)) < math.inf]


def searched(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return flat settings with what the search sets: no least iterations in a race; where a bracket begins.

    A bracket of several lrs begins at the middle one and has their step, the mean of the ratios on logs. It is then
    asked for `lr_start` alone: lrs that are added later are tried at every batch size.
    """
    search, settings = given.get("search", "grid"), dict(given)
    if search in ("race", "bracket"):
        settings.setdefault("min_iterations", 0)
    lrs = settings.get("lrs")
    if search != "bracket" or settings.get("lr_start") is not None or not isinstance(lrs, list | tuple):
        return settings
    if not all(map(_is_lr, lrs)) or not lrs:
        return settings  # what is wrong with them is said where all settings are read
    ordered = sorted(lrs)
    start = ordered[(len(ordered) - 1) // 2]
    if settings.get("lr_factor") is None:
        step = (ordered[-1] / ordered[0]) ** (1 / (len(ordered) - 1)) if len(ordered) > 1 else 2.0
        settings["lr_factor"] = rounded(step)
    return settings | {"lrs": [start], "lr_start": start}


def _is_lr(lr: Any) -> bool:
    return isinstance(lr, int | float) and not isinstance(lr, bool) and lr > 0


def rounded(number: float) -> float:
    return float(f"{number:.{DIGITS}g}")


def refuse_unfit_search(search: str, settings: TrialSettings) -> None:
    """Raise if trials of these settings can't race.

    Raises:
        ValueError: their times would be those of different experiments, or they would not end at the target.
    """
    if search == "grid":
        return
    if settings.lr_decay in ("cosine", "linear") and not (settings.lr_decay_iterations or settings.lr_decay_epochs):
        raise ValueError(
            f"search: {search} can't be had with lr_decay {settings.lr_decay} to the end of the budget: the target is "
            "met where the budget ends, and times at different budgets are different experiments. Use search grid, or "
            "give lr_decay_iterations or lr_decay_epochs"
        )
    if settings.min_iterations:
        raise ValueError(f"min_iterations: {settings.min_iterations} needs search grid; a race has none. Leave it out")
    if not settings.stop_at_target:
        raise ValueError(f"stop_at_target: search {search} ends trials at the target. Leave it out, or use search grid")
