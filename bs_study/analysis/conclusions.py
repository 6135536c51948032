"""What follows from the tables of a study: verdicts, the recommendation that rests on them, and warnings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import pandas as pd

from bs_study.analysis import verdicts_loss, verdicts_speed, verdicts_target
from bs_study.analysis.best import best_cells
from bs_study.analysis.cell_times import CellTimes
from bs_study.analysis.clock_alarm import clock_alarms
from bs_study.analysis.comparison import Field, fields_of
from bs_study.analysis.contest import Contest, contest, grid_edges
from bs_study.analysis.convergence import TARGET_CLOCKS
from bs_study.analysis.critical_batch import critical_batch
from bs_study.analysis.fresh_seeds import fresh_seeds
from bs_study.analysis.gradient_findings import Lrs, gradient_verdicts
from bs_study.analysis.open_anyway import OF_SPEED, TELLS_NOTHING, of_target, open_anyway, opened
from bs_study.analysis.recipes import recipes
from bs_study.analysis.recommendation import Recommendation, recommendation
from bs_study.analysis.rows import StudyRows
from bs_study.analysis.scaling_curve import scaling_curve
from bs_study.analysis.steps import steps
from bs_study.analysis.tables import Tables
from bs_study.analysis.trials import Cell
from bs_study.analysis.unreached import unanswered
from bs_study.analysis.verdict import Doubt, Verdict, confidences_of
from bs_study.analysis.warnings import Warning, is_untimed, warnings
from bs_study.target import Target


@dataclass(frozen=True)
class Conclusions:
    """The verdicts of a study, its recommendation, the warnings, and the tables that rest on comparisons of cells."""

    recommendation: Recommendation
    verdicts: tuple[Verdict, ...]
    warnings: tuple[Warning, ...]
    recipes: pd.DataFrame
    scaling_curve: pd.DataFrame
    critical_batch: pd.DataFrame


def conclusions(rows: StudyRows, tables: Tables, target: Target | None, *, lrs: Lrs) -> Conclusions:
    """Return the verdicts, the recommendation that one of them is, and the warnings.

    Args:
        lrs: by recipe and batch size, at which gradients and ends of training are compared.
    """
    clock = tables.clock
    fields = fields_of(tables.times, clocks=TARGET_CLOCKS, open_cells=rows.open_cells, timing=tables.timing_spread)
    alarms = clock_alarms(tables.speed, tables.timings)
    anyway = open_anyway(rows, tables, target, alarms)
    edges = grid_edges(rows.tried, best_cells(tables.best, clock))
    sizes = sorted(int(size) for size in tables.convergence["batch_size"].unique())
    confidences = confidences_of(
        recipes=len(rows.recipes), sizes=len(sizes), looks=rows.looks, has_gradients=len(tables.noise_scale) > 0
    )
    curve = scaling_curve(
        tables.best, scaling=tables.scaling, convergence=tables.convergence, by_iterations=fields["iterations"]
    )
    court = _Court(rows, tables, fields[clock], fields["iterations"], edges, anyway, confidences.claim, lrs)
    between = {size: court.contest(rows.recipes, batch_sizes=[size]) for size in sizes if len(rows.recipes) > 1}
    whole = court.contest(rows.recipes, confidence=confidences.fastest)
    fastest = verdicts_target.fastest_after_tuning(whole, tables.best, open_anyway=anyway)
    within = [verdict for recipe in rows.recipes for verdict in court.of_recipe(recipe, fastest)]
    none_judged = unanswered(tables.times, tables.trials)
    found = recommendation(
        fields,
        whole,
        fresh=_fresh(rows, tables, whole),
        clock=clock,
        target=target,
        state=rows.state,
        convergence=tables.convergence,
        unanswered=none_judged,
        fastest=fastest,
        edges=edges,
        recipes=rows.recipes,
        steps=steps(
            rows,
            fastest.doubts,
            field=fields[clock],
            contest=whole,
            scaling=tables.scaling,
            convergence=tables.convergence,
            target=target,
            unanswered=none_judged,
            is_untimed=is_untimed(tables),
        ),
    )
    tells = tuple(doubt.reason for doubt in anyway if doubt.reason in TELLS_NOTHING)
    told = warnings(rows, tables, target=target, edges={} if tells else edges, alarms=alarms, tells=tells)
    overall = [fastest] if len(rows.recipes) > 1 else []
    soonest = [
        verdicts_target.soonest_recipe(own, _at(tables.best, size), batch_size=size, clock=clock, open_anyway=anyway)
        for size, own in between.items()
    ]
    compared = recipes(tables.best, between, open_anyway=anyway) if between else pd.DataFrame()
    return Conclusions(found, (*soonest, *overall, *within), told, compared, curve, critical_batch(curve))


def _fresh(rows: StudyRows, tables: Tables, contest: Contest | None) -> CellTimes | None:
    """Return the winner's seeds that did not choose it: seeds that were listed, and not added, all did."""
    if contest is None or rows.config is None or rows.config.seeds != "auto":
        return None
    return fresh_seeds(
        tables.times, contest.winner, clock=tables.clock, recipes=rows.recipes, timing=tables.timing_spread
    )


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
    lrs: Lrs

    def contest(
        self, recipes: Sequence[str], *, batch_sizes: Sequence[int] | None = None, confidence: float | None = None
    ) -> Contest | None:
        """Return the contest of the cells of some recipes and batch sizes; None where the target tells nothing."""
        if of_target(self.anyway):
            return None
        return contest(
            self.field,
            recipes=recipes,
            batch_sizes=batch_sizes,
            edges=self.edges,
            open_cells=self.rows.open_cells,
            confidence=confidence or self.confidence,
            open_anyway=self.anyway,
        )

    def _left(self, recipe: str) -> list[Doubt]:
        """Return what of a recipe has not ended."""
        left = int((self.rows.open_cells["recipe"] == recipe).sum())
        return [Doubt("not_ended", recipe, count=left)] if left else []

    def _lrs_left(self, recipe: str, best: pd.DataFrame) -> list[Doubt]:
        """Return what may still move the best lr of a batch size: trials that have not ended, or ended too early."""
        cut = best[best["censored_rivals_by_iterations"] > 0]
        return [*self._left(recipe), *(Doubt("missed_earlier", recipe, int(size)) for size in cut["batch_size"])]

    def of_recipe(self, recipe: str, fastest: Verdict) -> list[Verdict]:
        """Return the verdicts of one recipe; where there is one, the study's own on the fastest batch size."""
        tables, rows = self.tables, self.rows
        best, lrs, speed = (_of(frame, recipe) for frame in (tables.best, tables.scaling, tables.speed))
        if len(rows.recipes) > 1:
            own = self.contest([recipe])
            fastest = verdicts_target.fastest_after_tuning(own, best, open_anyway=self.anyway, recipe=recipe)
        iteration_edges = grid_edges(rows.tried, best_cells(best, "iterations"))
        target_doubts = of_target(self.anyway)
        of_speed = [doubt for doubt in self.anyway if doubt.reason in OF_SPEED]
        of_iterations = [doubt for doubt in target_doubts if doubt.reason != "no_clock"]
        of_lrs = of_iterations or self._lrs_left(recipe, best)
        cells = {cell: own for cell, own in self.field.cells.items() if cell.recipe == recipe}
        level = {"confidence": self.confidence}
        noise = _of(tables.smoothness, recipe)
        own_verdicts = [
            opened(verdicts_speed.epoch_time_falls(speed, **level), of_speed),
            opened(verdicts_speed.iteration_time_is_flat(speed, **level), of_speed),
            verdicts_loss.noise_falls(noise, examples_per_iteration=tables.examples_per_iteration, **level),
            opened(verdicts_loss.small_batch_needs_small_lr(lrs, **level), self._left(recipe)),
            opened(verdicts_loss.large_batch_wants_large_lr(lrs, **level), of_lrs, alone=bool(of_iterations)),
            verdicts_target.middle_batch_size(
                Field(self.field.clock, cells),
                open_cells=rows.open_cells,
                open_anyway=self.anyway,
                recipe=recipe,
                **level,
            ),
            fastest,
            verdicts_target.updates_saturate(
                best,
                examples=dict(zip(lrs["batch_size"], lrs["examples_per_iteration"], strict=True)),
                edges=iteration_edges,
                open_cells=rows.open_cells,
                open_anyway=of_iterations,
                recipe=recipe,
                **level,
            ),
            *gradient_verdicts(rows, tables, recipe, lrs=self.lrs, left=self._left(recipe), **level),
        ]
        return [_named(verdict, recipe) for verdict in own_verdicts]


def _named(verdict: Verdict, recipe: str) -> Verdict:
    """Return a verdict with the name of its recipe, and its doubts too."""
    if verdict.recipe == recipe:
        return verdict
    doubts = tuple(replace(doubt, recipe=doubt.recipe or recipe) for doubt in verdict.doubts)
    return replace(verdict, recipe=recipe, doubts=doubts)


def _of(frame: pd.DataFrame, recipe: str) -> pd.DataFrame:
    """Return the rows of a recipe; of a table that has no recipe, all."""
    return frame[frame["recipe"] == recipe] if "recipe" in frame else frame


def _at(best: pd.DataFrame, batch_size: int) -> pd.DataFrame:
    return best[best["batch_size"] == batch_size]
