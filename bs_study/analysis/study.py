"""All that the rows of a study say, as one record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from bs_study.analysis.conclusions import conclusions
from bs_study.analysis.costs import costs
from bs_study.analysis.gradient_findings import ends
from bs_study.analysis.loss_at import LossAt, loss_at
from bs_study.analysis.machine_times import machine_times
from bs_study.analysis.machines import machines
from bs_study.analysis.minima import minima
from bs_study.analysis.recommendation import Recommendation
from bs_study.analysis.rows import StudyRows
from bs_study.analysis.shown import shown_lrs
from bs_study.analysis.tables import Tables, study_tables
from bs_study.analysis.trials import Cell
from bs_study.analysis.verdict import Verdict
from bs_study.analysis.warnings import OF_TARGET, Warning
from bs_study.budget import Budget
from bs_study.config import StudyConfig
from bs_study.config.costs import CostSettings
from bs_study.target import Target


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
        asked_costs: prices, a deadline and GPUs, by which costs are computed.
        rows: of which all this is said; None where it is made by hand.
        verdicts: first those that compare recipes, then those of each recipe.
        warnings: what a reader must know before the numbers, the gravest first.
        loss_at: the held-out loss after a fixed budget; None where that is not asked. All else is of the target.
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
    asked_costs: CostSettings = field(default_factory=CostSettings)
    rows: StudyRows | None = field(default=None, repr=False, compare=False)
    loss_at: LossAt | None = None

    @property
    def best_cell(self) -> Cell | None:
        """The cell that is recommended, by what is asked."""
        best = self.loss_at.best if self.loss_at else self.recommendation.best
        return best.cell if best else None

    def _repr_html_(self) -> str:
        """Return the recommendation as a notebook shows it: the card of the page, and its main figure."""
        from bs_study.report.notebook import card_html

        return card_html(self)


def analyse_rows(
    rows: StudyRows,
    *,
    target: Target | None = None,
    at: Budget | None = None,
    name: str = "",
    uri: str = "",
    known: Tables | None = None,
    asked_costs: CostSettings | None = None,
) -> Analysis:
    """Return what the rows of a study say: a pure function.

    Args:
        at: asks for the held-out loss after this budget, beside all that there is to say of the target.
        known: tables of the same rows by another target, of which not all need to be made again.
        asked_costs: by which costs are computed.
    """
    target = target or rows.target
    tables = study_tables(rows, target=target, known=known)
    lrs = shown_lrs(tables, target)
    ended = ends(rows, tables, lrs=lrs, target=target, known=None if known is None else known.ends)
    tables = replace(tables, ends=ended, minima=minima(ended))
    found = conclusions(rows, tables, target, lrs=lrs)
    asked = asked_costs or CostSettings()
    of_machines = machine_times(
        rows.timings, rows.trials, rows.epochs, recipes=rows.recipes, train_examples=rows.train_examples
    )
    at_cost = costs(found.scaling_curve, of_machines, asked=asked)
    loss = loss_at(rows, tables, at) if at else None
    return Analysis(
        name=name,
        uri=uri,
        config=rows.config,
        recipes=rows.recipes,
        tables=replace(
            tables,
            recipes=found.recipes,
            scaling_curve=found.scaling_curve,
            critical_batch=found.critical_batch,
            costs=at_cost,
            machines=machines(at_cost, of_machines, found.critical_batch),
            **({"loss_at": loss.table} if loss else {}),
        ),
        recommendation=found.recommendation,
        verdicts=found.verdicts,
        warnings=tuple(one for one in found.warnings if loss is None or one.kind not in OF_TARGET),
        shown=lrs,
        asked_costs=asked,
        rows=rows,
        loss_at=loss.record if loss else None,
    )
