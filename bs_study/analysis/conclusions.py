"""What follows from the tables of a study: verdicts, the recommendation that rests on them, and warnings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import pandas as pd

from bs_study.analysis import verdicts_loss, verdicts_speed, verdicts_target
from bs_study.analysis.best import best_cells
from bs_study.analysis.clock_alarm import ClockAlarm, clock_alarms
from bs_study.analysis.comparison import Field, fields_of
from bs_study.analysis.contest import Contest, contest, grid_edges, once
from bs_study.analysis.convergence import TARGET_CLOCKS
from bs_study.analysis.recipes import recipes
from bs_study.analysis.recommendation import Recommendation, recommendation
from bs_study.analysis.rows import StudyRows
from bs_study.analysis.steps import steps
from bs_study.analysis.tables import Tables
from bs_study.analysis.trials import Cell
from bs_study.analysis.verdict import CONFIDENCE, JUDGED, Doubt, Verdict
from bs_study.analysis.warnings import Warning, is_fraction, is_untimed, warnings
from bs_study.target import Target


@dataclass(frozen=True)
class Conclusions:
    """The verdicts of a study, its recommendation, the warnings, and the table that compares its recipes."""

    recommendation: Recommendation
    verdicts: tuple[Verdict, ...]
    warnings: tuple[Warning, ...]
    recipes: pd.DataFrame


def conclusions(rows: StudyRows, tables: Tables, target: Target | None) -> Conclusions:
    """Return the verdicts, the recommendation that one of them is, and the warnings."""
    clock = tables.clock
    fields = fields_of(tables.times, clocks=TARGET_CLOCKS, open_cells=rows.open_cells, timing=tables.timing_spread)
    alarms = clock_alarms(tables.speed, tables.timings)
    anyway = _open_anyway(rows, tables, target, alarms)
    edges = grid_edges(rows.tried, best_cells(tables.best, clock))
    sizes = sorted(int(size) for size in tables.convergence["batch_size"].unique())
    claims = JUDGED * len(rows.recipes) + (len(sizes) + 2 if len(rows.recipes) > 1 else 0)
    court = _Court(rows, tables, fields[clock], fields["iterations"], edges, anyway, 1 - (1 - CONFIDENCE) / claims)
    between = {size: court.contest(rows.recipes, batch_sizes=[size]) for size in sizes if len(rows.recipes) > 1}
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
        recipes=rows.recipes,
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
    told = warnings(rows, tables, target=target, edges={} if tells else edges, alarms=alarms, tells=tells)
    overall = [fastest] if len(rows.recipes) > 1 else []
    soonest = [
        verdicts_target.soonest_recipe(own, _at(tables.best, size), batch_size=size, clock=clock, open_anyway=anyway)
        for size, own in between.items()
    ]
    compared = recipes(tables.best, between, open_anyway=anyway) if between else pd.DataFrame()
    return Conclusions(found, (*soonest, *overall, *within), told, compared)


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
        if _but_of_clock(self.anyway):
            return None
        return contest(
            self.field,
            recipes=recipes,
            batch_sizes=batch_sizes,
            edges=self.edges,
            open_cells=self.rows.open_cells,
            confidence=self.confidence,
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
        of_target = _but_of_clock(self.anyway)
        of_clock = [doubt for doubt in self.anyway if doubt.reason == "clock_alarm"]
        of_lrs = of_target or self._lrs_left(recipe, best)
        cells = {cell: own for cell, own in self.field.cells.items() if cell.recipe == recipe}
        level = {"confidence": self.confidence}
        noise = _of(tables.smoothness, recipe)
        own_verdicts = [
            _open(verdicts_speed.epoch_time_falls(speed, **level), of_clock),
            _open(verdicts_speed.iteration_time_is_flat(speed, **level), of_clock),
            verdicts_loss.noise_falls(noise, examples_per_iteration=tables.examples_per_iteration, **level),
            _open(verdicts_loss.small_batch_needs_small_lr(lrs, **level), self._left(recipe)),
            _open(verdicts_loss.large_batch_wants_large_lr(lrs, **level), of_lrs, alone=bool(of_target)),
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
                open_anyway=of_target,
                recipe=recipe,
                **level,
            ),
        ]
        return [_named(verdict, recipe) for verdict in own_verdicts]


def _but_of_clock(doubts: Sequence[Doubt]) -> list[Doubt]:
    """Return the doubts that leave nothing to rank."""
    return [doubt for doubt in doubts if doubt.reason not in ("clock_alarm", "differing_devices")]


def _open(verdict: Verdict, doubts: Sequence[Doubt], *, alone: bool = False) -> Verdict:
    """Return a verdict that further doubts keep open.

    Args:
        alone: whether these are all that there is to say, as of a target that tells nothing.
    """
    if not doubts:
        return verdict
    return replace(verdict, outcome="undecided", doubts=once([*doubts, *(() if alone else verdict.doubts)]))


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


def _open_anyway(
    rows: StudyRows, tables: Tables, target: Target | None, alarms: Sequence[ClockAlarm]
) -> tuple[Doubt, ...]:
    """Return what keeps every ranking open, whoever is first."""
    if target is None:
        return (Doubt("no_target"),)
    of_clock = tuple(Doubt("clock_alarm", batch_size=alarm.batch_size) for alarm in alarms)
    devices = rows.trials["device_name"].dropna().nunique() if "device_name" in rows.trials else 0
    if devices > 1 and tables.clock == "train_seconds":
        of_clock += (Doubt("differing_devices", count=devices),)
    if _is_out_of_range(tables.convergence, target):
        return (Doubt("out_of_range"), *of_clock)
    outcomes, times = tables.times["outcome"], tables.times
    is_reached = outcomes == "reached"
    if is_reached.any() and not (times.loc[is_reached, f"{tables.clock}_to_target"] > 0).any():
        return (Doubt("no_clock", count=int(is_reached.sum())), *of_clock)
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
