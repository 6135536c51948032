"""Doubts of one reason, and what a clause says they are of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from bs_study.analysis.trials import Cell
from bs_study.analysis.verdict import Claim, Doubt
from bs_study.report.sentences.places import Place, cells_of, is_one, sizes_of
from bs_study.words import MOST_NAMED, count, listing, setting


@dataclass(frozen=True)
class Group:
    """Doubts of one reason."""

    doubts: Sequence[Doubt]
    claim: Claim | None
    edge: str

    @cached_property
    def places(self) -> list[Place]:
        return [(one.recipe, one.batch_size) for one in self.doubts if one.batch_size is not None]

    @cached_property
    def cells(self) -> list[Cell]:
        known = (one for one in self.doubts if one.batch_size is not None and one.lr is not None)
        return [Cell(one.recipe, one.batch_size, one.lr) for one in known]  # type: ignore[arg-type]

    @property
    def lrs(self) -> list[float]:
        return sorted({one.lr for one in self.doubts if one.lr is not None})

    @property
    def where(self) -> str:
        """Cells or batch sizes; empty where the doubts are of neither."""
        if len(self.cells) == len(self.places) > 0:
            return cells_of(self.cells)
        return sizes_of(self.places) if self.places else ""

    @property
    def at_lrs(self) -> str:
        """The lrs of doubts that are of a whole lr; empty where they are not."""
        if self.places or not self.lrs:
            return ""
        if len(self.lrs) > MOST_NAMED:
            return f" at {count(len(self.lrs))} lrs"
        return f" at lr {listing([setting(lr) for lr in self.lrs])}"

    @property
    def is_one(self) -> bool:
        return is_one(self.cells or self.places)

    @property
    def has(self) -> str:
        return "has" if self.is_one else "have"

    @property
    def total(self) -> int | None:
        """How many there are of what the reason speaks of, over all doubts; None where one does not tell."""
        counts = [one.count for one in self.doubts]
        return None if None in counts else sum(counts)  # type: ignore[arg-type]
