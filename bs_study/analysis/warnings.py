"""What a reader must know before the numbers, as records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from bs_study.analysis.comparison import Cell

Kind = Literal[
    "no_target",
    "clock_alarm",
    "first_look",
    "out_of_range",
    "target_in_noise",
    "different_targets",
    "lr_on_edge",
    "failed",
    "diverged_later",
    "untimed",
    "one_timing",
    "differing_settings",
    "differing_budgets",
    "looks_differ",
]


@dataclass(frozen=True)
class Warning:  # noqa: A001  the word of DESIGN.md
    """What a reader must know before the numbers.

    Attributes:
        recipe: of which it is; empty where the study has one, or where it is of all.
        cells: that it is about.
        batch_sizes: that it is about.
        names: of settings, or of a kind of alarm, or the edge of the grid (low, high or both).
        numbers: by name.
    """

    kind: Kind
    recipe: str = ""
    cells: tuple[Cell, ...] = ()
    batch_sizes: tuple[int, ...] = ()
    names: tuple[str, ...] = ()
    numbers: Mapping[str, float] = field(default_factory=dict)
