"""`analyse(study)`: all that a store says, as one record."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from bs_study.analysis import verdicts_loss, verdicts_speed, verdicts_target
from bs_study.analysis.clock_alarm import ClockAlarm, clock_alarms
from bs_study.analysis.comparison import Cell, Field, fields_of
from bs_study.analysis.contest import Contest, contest, grid_edges
from bs_study.analysis.convergence import TARGET_CLOCKS
from bs_study.analysis.recommendation import Recommendation, closest, recommendation
from bs_study.analysis.rows import StudyRows, read_rows
from bs_study.analysis.steps import steps
from bs_study.analysis.tables import Tables, study_tables
from bs_study.analysis.verdict import CLAIMS, CONFIDENCE, Doubt, Verdict
from bs_study.analysis.warnings import Warning, is_fraction, is_untimed, warnings
from bs_study.config import StudyConfig
from bs_study.store import Study
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
        verdicts: first those that compare recipes, then those of each recipe.
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


def analyse(study: Study, target: Target | str | None = None) -> Analysis:
    """Return what a study's store says; its iterations are read trial by trial.

    It works on a study that still runs, and on one of which nothing has ended.

    Args:
        study: as `open_study` returns it.
        target: asks the evaluations again with another target than the study's own, as "accuracy>=0.97".

    Raises:
        ValueError: the target is none, or its metric is not among the evaluations.
    """
    asked = Target.parse(target) if isinstance(target, str) else target
    uri = study.paths.uri.partition("?")[0]
    return analyse_rows(read_rows(study), target=asked, name=study.name, uri=uri)


def analyse_rows(rows: StudyRows, *, target: Target | None = None, name: str = "", uri: str = "") -> Analysis:
    """Return what the rows of a study say: a pure function."""
    target = target or rows.target
    tables = study_tables(rows, target=target)
    found = _concluded(rows, tables, target)
    return Analysis(
        name=name,
        uri=uri,
        config=rows.config,
        recipes=rows.recipes,
        tables=tables,
        recommendation=found.recommendation,
        verdicts=found.verdicts,
        warnings=found.warnings,
        shown=_shown(tables, target),
    )


@dataclass(frozen=True)
class _Conclusions:
    recommendation: Recommendation
    verdicts: tuple[Verdict, ...]
    warnings: tuple[Warning, ...]


def _concluded(rows: StudyRows, tables: Tables, target: Target | None) -> _Conclusions:
    """Return the verdicts, the recommendation that one of them is, and the warnings."""
    clock = tables.clock
    fields = fields_of(tables.times, clocks=TARGET_CLOCKS, open_cells=rows.open_cells, timing=tables.timing_spread)
    alarms = clock_alarms(tables.speed, tables.timings)
    anyway = _open_anyway(rows, tables, target, alarms)
    edges = grid_edges(rows.tried, _best_cells(tables.best, clock))
    sizes = sorted(int(size) for size in tables.convergence["batch_size"].unique())
    claims = len(CLAIMS) * len(rows.recipes) + (len(sizes) + 1 if len(rows.recipes) > 1 else 0)
    court = _Court(rows, tables, fields[clock], fields["iterations"], edges, anyway, 1 - (1 - CONFIDENCE) / claims)
    between = [court.soonest_recipe(size) for size in sizes] if len(rows.recipes) > 1 else []
    whole = court.contest(rows.recipes)
    fastest = verdicts_target.fastest_after_tuning(whole, tables.best, open_anyway=anyway)
    within = [verdict for recipe in rows.recipes for verdict in court.of_recipe(recipe, fastest)]
    found = recommendation(
        fields,
        whole,
        clock=clock,
        target=target,
        state=rows.state,
        convergence=tables.convergence,
        fastest=fastest,
        edges=edges,
        steps=steps(
            rows,
            fastest.doubts,
            field=fields[clock],
            contest=whole,
            scaling=tables.scaling,
            convergence=tables.convergence,
            target=target,
            is_untimed=is_untimed(tables),
        ),
    )
    tells = next((doubt.reason for doubt in anyway if doubt.reason in ("first_look", "out_of_range")), None)
    told = warnings(rows, tables, target=target, edges=edges, alarms=alarms, tells=tells)
    overall = [fastest] if len(rows.recipes) > 1 else []
    return _Conclusions(found, (*between, *overall, *within), told)


@dataclass(frozen=True)
class _Court:
    """What the verdicts of a study are judged by."""

    rows: StudyRows
    tables: Tables
    field: Field
    by_iterations: Field
    edges: Mapping[Cell, str]
    anyway: Sequence[Doubt]
    confidence: float

    def contest(self, recipes: Sequence[str], *, batch_sizes: Sequence[int] | None = None) -> Contest | None:
        """Return the contest of the cells of some recipes and batch sizes; None where the target tells nothing."""
        if any(doubt.reason != "clock_alarm" for doubt in self.anyway):
            return None
        return contest(
            self.field,
            recipes=recipes,
            batch_sizes=batch_sizes,
            edges=self.edges,
            open_cells=self.rows.open_cells,
            confidence=self.confidence,
        )

    def soonest_recipe(self, batch_size: int) -> Verdict:
        best = self.tables.best
        found = self.contest(self.rows.recipes, batch_sizes=[batch_size])
        own = best[best["batch_size"] == batch_size]
        return verdicts_target.soonest_recipe(found, own, batch_size=batch_size, clock=self.field.clock)

    def of_recipe(self, recipe: str, fastest: Verdict) -> list[Verdict]:
        """Return the verdicts of one recipe; where there is one, the study's own on the fastest batch size."""
        tables, rows = self.tables, self.rows
        examples = tables.examples_per_iteration
        best, lrs, speed = (_of(frame, recipe) for frame in (tables.best, tables.scaling, tables.speed))
        if len(rows.recipes) > 1:
            own = self.contest([recipe])
            fastest = verdicts_target.fastest_after_tuning(own, best, open_anyway=self.anyway, recipe=recipe)
        iteration_edges = grid_edges(rows.tried, _best_cells(best, "iterations"))
        level = {"confidence": self.confidence, "recipe": recipe}
        of_target = [doubt for doubt in self.anyway if doubt.reason != "clock_alarm"]
        cells = {cell: own for cell, own in self.field.cells.items() if cell.recipe == recipe}
        return [
            verdicts_speed.epoch_time_falls(speed, **level),
            verdicts_speed.iteration_time_is_flat(speed, **level),
            verdicts_loss.noise_falls(_of(tables.noise_slope, recipe), **level),
            verdicts_loss.small_batch_needs_small_lr(lrs, _of(tables.convergence, recipe), **level),
            verdicts_loss.large_batch_wants_large_lr(lrs, _of(tables.lr_fit, recipe), **level),
            verdicts_target.middle_batch_size(
                Field(self.field.clock, cells), open_cells=rows.open_cells, open_anyway=self.anyway, **level
            ),
            fastest,
            verdicts_target.updates_saturate(
                best,
                examples=examples,
                edges=iteration_edges,
                open_cells=rows.open_cells,
                open_anyway=of_target,
                **level,
            ),
        ]


def _of(frame: pd.DataFrame, recipe: str) -> pd.DataFrame:
    """Return the rows of a recipe; of a table that has no recipe, all."""
    return frame[frame["recipe"] == recipe] if "recipe" in frame else frame


def _open_anyway(
    rows: StudyRows, tables: Tables, target: Target | None, alarms: Sequence[ClockAlarm]
) -> tuple[Doubt, ...]:
    """Return what keeps every ranking open, whoever is first."""
    if target is None:
        return (Doubt("no_target"),)
    of_clock = (Doubt("clock_alarm", batch_size=alarms[0].batch_size),) if alarms else ()
    if _is_out_of_range(tables.convergence, target):
        return (Doubt("out_of_range"), *of_clock)
    outcomes, times = tables.times["outcome"], tables.times
    is_first = times.loc[outcomes == "reached", "iterations_before_target"] == 0
    if len(is_first) and is_first.all() and not outcomes.isin(["missed", "not_tried"]).any():
        return (Doubt("first_look", count=len(is_first)), *of_clock)
    return of_clock


def _is_out_of_range(convergence: pd.DataFrame, target: Target) -> bool:
    """Return whether a metric that is a fraction by its name is none; a target above 1 takes it for a percentage."""
    best = convergence["best_metric"].dropna()
    if not is_fraction(target.metric) or best.empty:
        return False
    most = 1.0 if target.value <= 1 else 100.0
    return bool(best.max() > most * (1 + 1e-6) or best.min() < 0)


def _best_cells(best: pd.DataFrame, clock: str) -> Iterable[Cell]:
    known = best.dropna(subset=[f"best_lr_by_{clock}"])
    rows = known[["recipe", "batch_size", f"best_lr_by_{clock}"]].itertuples(index=False, name=None)
    return [Cell(str(recipe), int(size), float(lr)) for recipe, size, lr in rows]


def _shown(tables: Tables, target: Target | None) -> dict[tuple[str, int], float]:
    """Return the lr at which each recipe and batch size is drawn.

    Its best by the study's clock; where none reached the target, the lr whose metric came closest; without a metric the
    middle one of the lrs that did not diverge.
    """
    found = {}
    for key, cells in tables.convergence.groupby(["recipe", "batch_size"]):
        cell = closest(cells, target)
        calm = cells[cells["status"] != "diverged"]
        lrs = (calm if len(calm) else cells)["lr"].sort_values()
        middle = lrs.iloc[(len(lrs) - 1) // 2]
        found[str(key[0]), int(key[1])] = float(middle if cell is None else cell["lr"])
    best = {cell[:2]: cell.lr for cell in _best_cells(tables.best, tables.clock)}
    return dict(sorted((found | best).items()))
