"""How large a study may be: what is typed by mistake, as ten million seeds, is refused before any of it is built."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sized
from typing import Any

from bs_study.config.recipe import AXES
from bs_study.words import count, counted

MOST_TRIALS = 1_000_000
MOST_RECIPES = 10_000
_NOUNS = {"recipes": "recipe", "batch_sizes": "batch size", "lrs": "lr", "seeds": "seed"}


def refuse_long_lists(given: Mapping[str, Any]) -> None:
    """Raise if a list of flat settings is longer than any study takes, or if its lists make too many recipes.

    Nothing is built of the lists: they may hold anything.
    """
    for name in ("batch_sizes", "lrs", "seeds"):
        if (length := _length(given.get(name))) > MOST_TRIALS:
            raise ValueError(f"{name}: {count(length)} values are too many. Give at most {count(MOST_TRIALS)}")
    lengths = {name: _length(given.get(name)) for name in ("recipes", *AXES)}
    recipes = math.prod(max(1, length) for length in lengths.values())
    if recipes > MOST_RECIPES:
        longest = max(lengths, key=lambda name: lengths[name])
        raise ValueError(f"{longest}: {count(recipes)} recipes are too many. Give at most {count(MOST_RECIPES)}")


def _length(value: object) -> int:
    is_list = isinstance(value, Sized) and not isinstance(value, str | bytes | Mapping)
    return len(value) if is_list else 0  # type: ignore[arg-type]


def refuse_too_many_trials(*, recipes: int, batch_sizes: int, lrs: int, seeds: int) -> None:
    """Raise if a grid of so many recipes, batch sizes, lrs and seeds has more trials than a study takes.

    >>> refuse_too_many_trials(recipes=1, batch_sizes=1000, lrs=1000, seeds=2)
    Traceback (most recent call last):
    ValueError: batch_sizes: 1,000 batch sizes × 1,000 lrs × 2 seeds are 2,000,000 trials. Ask for at most 1,000,000
    """
    lengths = {"recipes": recipes, "batch_sizes": batch_sizes, "lrs": lrs, "seeds": seeds}
    trials = math.prod(lengths.values())
    if trials > MOST_TRIALS:
        longest = max(lengths, key=lambda name: lengths[name])
        factors = " × ".join(counted(length, _NOUNS[name]) for name, length in lengths.items() if length > 1)
        raise ValueError(f"{longest}: {factors} are {count(trials)} trials. Ask for at most {count(MOST_TRIALS)}")
