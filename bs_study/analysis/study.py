"""`analyse(study)`: all that a store says, as one record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bs_study.analysis.comparison import Cell
from bs_study.analysis.recommendation import Recommendation
from bs_study.analysis.tables import Tables
from bs_study.analysis.verdict import Verdict
from bs_study.analysis.warnings import Warning
from bs_study.config import StudyConfig


@dataclass(frozen=True)
class Analysis:
    """What a study says: tables, verdicts and one recommendation.

    Attributes:
        name: of the study.
        uri: where it is, as a person types it.
        config: what was asked; None where study.json can't be read.
        recipes: names of the recipes in the order asked for; one empty name where there is one.
        shown: the lr at which figures draw each recipe and batch size: its best by the study's clock, or where it
            missed the one that came closest.
        verdicts: of each claim and recipe; first those that compare recipes.
        warnings: what a reader must know before the numbers, the gravest first.
    """

    name: str
    uri: str
    config: StudyConfig | None
    recipes: tuple[str, ...]
    tables: Tables
    recommendation: Recommendation
    verdicts: tuple[Verdict, ...]
    warnings: tuple[Warning, ...]
    shown: Mapping[tuple[str, int], float]

    @property
    def best_cell(self) -> Cell | None:
        """The cell that is recommended."""
        best = self.recommendation.best
        return best.cell if best else None
