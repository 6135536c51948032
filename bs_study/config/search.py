"""What a search asks of a study's settings: which it sets itself, which are its own, and which would not be fair."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, Field, TypeAdapter, ValidationError

from bs_study.config.question import of_question
from bs_study.config.recipe import typed_value
from bs_study.config.settings import TrialSettings
from bs_study.config.values import Positive, distinct
from bs_study.words import typed

DIGITS = 4  # of an lr that is made of others
FARTHEST = 2**8
"""The largest ratio of an lr to that at which the bracket of its batch size began, up or down."""
LEAST_FACTOR = 1.1
"""Neighbouring lrs of a bracket that are closer hardly differ in their times."""
MOST_MARGIN = 100
"""A race in which a trial may need more times the iterations of the best is none."""
EXTREME = 1e100
"""No bracket begins at an lr above this, or below one by it: on its way it would leave the numbers."""
USUAL_FACTOR = 2.0

Value = TypeVar("Value")
Lrs = Annotated[tuple[Positive, ...], AfterValidator(distinct), Field(min_length=1)]

RACES = ("race", "bracket")
"""The searches whose trials race."""
OWN = {
    "race_margin": RACES,
    "lr_start": ("bracket",),
    "lr_factor": ("bracket",),
    "refine": ("bracket",),
}
"""The settings that only some searches use, and which these are."""
OF_GRID = ("min_iterations", "stop_at_target")
"""The settings that only a full grid is free to choose."""


@dataclass(frozen=True)
class Lattice:
    """The lrs of a bracket: start · factor^j, rounded to four digits but for the start."""

    start: float
    factor: float

    def lr(self, place: float) -> float:
        return self.start if place == 0 else rounded(self.start * self.factor**place)

    def place(self, lr: float) -> float:
        """Return where an lr lies; of one on the lattice a whole number, of one half a step beside it a half."""
        place = math.log(lr / self.start) / math.log(self.factor)
        near = round(2 * place) / 2
        return near if self.lr(near) == lr else place

    @property
    def farthest(self) -> int:
        """How many steps are as far as a bracket goes."""
        return math.floor(math.log(FARTHEST) / math.log(self.factor) + 1e-9)

    def lrs(self, *, batch_sizes: int) -> list[float]:
        """Return all lrs that brackets may come to, half steps included: each begins where the one before ended."""
        most = min(self.farthest * batch_sizes + 1, math.floor(2 * math.log(EXTREME) / math.log(self.factor)))
        places = itertools.chain.from_iterable((place, place + 0.5) for place in range(-most, most + 1))
        return [self.lr(place) for place in places]


def overridden(file: Mapping[str, Any], flags: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a file and flags together: flags override the file.

    A search that is typed leaves out what the file says for another one, so that `--search grid` alone is enough with
    any file; so do seeds and a question that are typed. What is idle where it stands, in a file or among flags, is
    refused later. Where a flag says at which lr a bracket begins, it takes the place of the file's lrs, but for their
    step.
    """
    kept, flags = of_question(file, flags)
    search = flags.get("search", kept.get("search", "grid"))
    if "search" in flags:
        for name in [own for own, searches in OWN.items() if search not in searches] + [*OF_GRID] * (search in RACES):
            kept.pop(name, None)
    if flags.get("seeds", "auto") != "auto":
        kept.pop("max_seeds", None)
    if search == "bracket" and "lrs" not in flags:
        given = {name: flags[name] for name in ("search", "lr_factor") if name in flags}
        kept = searched(kept | given)
        if "lr_start" in flags:
            kept.pop("lrs", None)
    return kept | dict(flags)


def searched(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return flat settings with what the search sets: no least iterations in a race; where a bracket begins.

    A bracket of several lrs begins at the middle one and has their step, the mean of the ratios on logs. It is then
    asked for `lr_start` alone: lrs that are given beside it, or added later, are tried at every batch size.

    Raises:
        ValueError: the step of the lrs is too small or too large for a bracket.
    """
    search, settings = given.get("search", "grid"), dict(given)
    if search in RACES and "settings" not in settings:  # else they are complete, and are checked as they are
        settings.setdefault("min_iterations", 0)
    if search != "bracket":
        return settings
    lrs, start = _read(_LRS, settings.get("lrs")), _read(_LR, settings.get("lr_start"))
    if settings.get("lr_factor") is None:
        is_step = settings.get("lr_start") is None and lrs is not None and len(lrs) > 1
        settings["lr_factor"] = _step(sorted(lrs)) if is_step and lrs else USUAL_FACTOR
    if start is None and settings.get("lr_start") is None and lrs is not None:
        start = sorted(lrs)[(len(lrs) - 1) // 2]
        return settings | {"lrs": (start,), "lr_start": start}
    if start is not None and "lrs" not in settings:
        return settings | {"lrs": (start,)}
    if start is not None and lrs is not None and start not in lrs:
        return settings | {"lrs": (start, *lrs)}
    if "lrs" not in settings and settings.get("lr_start") is not None:
        settings["lrs"] = (1.0,)  # what is wrong with lr_start is said where all settings are read, and that alone
    return settings


_LRS: TypeAdapter[tuple[float, ...]] = TypeAdapter(Lrs)
_LR: TypeAdapter[float] = TypeAdapter(Positive)


def _read(kind: TypeAdapter[Value], given: Any) -> Value | None:
    """Return a value as its setting reads it; None where there is none, or a wrong one."""
    try:
        return None if given is None else kind.validate_python(given)
    except ValidationError:
        return None


def _step(ordered: list[float]) -> float:
    step = (ordered[-1] / ordered[0]) ** (1 / (len(ordered) - 1))
    if not LEAST_FACTOR <= step <= FARTHEST:
        raise ValueError(
            f"lrs: {typed(ordered[0])} to {typed(ordered[-1])} are a factor of {typed(rounded(step))} apart, and a "
            f"bracket takes steps of {LEAST_FACTOR} to {FARTHEST}. Give other lrs, or lr_factor"
        )
    return rounded(step)


EVEN = 2
"""The least margin for an even number of seeds: their median is a mean of two, of which the lesser may be anything."""


def margin_in_force(margin: Fraction, *, is_even: bool) -> Fraction:
    """Return the margin of a race, which is larger where a cell has an even number of seeds."""
    return max(margin, Fraction(EVEN)) if is_even else margin


def times_as_many(margin: float) -> str:
    """Return a margin before "the iterations".

    >>> times_as_many(1.25) + "the iterations", times_as_many(1.0) + "the iterations"
    ('1.25 times the iterations', 'the iterations')
    """
    return f"{typed(margin)} times " if margin > 1 else ""


def rounded(number: float) -> float:
    return float(f"{number:.{DIGITS}g}")


def refuse_idle(search: str, *, given: Mapping[str, Any], defaults: Mapping[str, Any]) -> None:
    """Raise if a setting of another search differs from its default, so that it would do nothing."""
    for name, searches in OWN.items():
        if search not in searches and given[name] != defaults[name]:
            raise ValueError(
                f"{name}: {typed_value(given[name])} is for search {' or '.join(searches)}, and the search is "
                f"{search}. Leave it out, or give search {searches[0]}"
            )


def refuse_extreme_start(lr_start: float | None) -> None:
    """Raise if a bracket that begins here could come to an lr of 0 or infinity."""
    if lr_start is not None and not 1 / EXTREME <= lr_start <= EXTREME:
        raise ValueError(
            f"lr_start: {typed(lr_start)} leaves a bracket no room, which goes down and up from there. "
            f"Begin between {1 / EXTREME:g} and {EXTREME:g}"
        )


def refuse_unfit_search(search: str, settings: TrialSettings) -> None:
    """Raise if trials of these settings can't race.

    Raises:
        ValueError: their times would be those of different experiments, or they would not end at the target.
    """
    if search not in RACES:
        return
    if settings.lr_decay in ("cosine", "linear") and not (settings.lr_decay_iterations or settings.lr_decay_epochs):
        raise ValueError(
            f"search: {search} can't be had with lr_decay {settings.lr_decay} to the end of the budget: the target is "
            "met where the budget ends, and times at different budgets are different experiments. Use search grid, or "
            "give lr_decay_iterations or lr_decay_epochs"
        )
    if settings.min_iterations:
        raise ValueError(
            f"min_iterations: {settings.min_iterations} needs search grid, and search {search} has 0. Leave it out, "
            "or use search grid"
        )
    if not settings.stop_at_target:
        raise ValueError(
            f"stop_at_target: false needs search grid, and search {search} ends trials at the target. Leave it out, "
            "or use search grid"
        )
