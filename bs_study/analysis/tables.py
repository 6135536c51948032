"""All tables of a study, from its store."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from bs_study.analysis.best import best
from bs_study.analysis.convergence import convergence, no_times, time_to_target
from bs_study.analysis.findings import findings
from bs_study.analysis.grid_state import grid_state
from bs_study.analysis.lr_fit import lr_fit
from bs_study.analysis.noise import noise_slope
from bs_study.analysis.recipe_findings import recipe_findings, recipe_warnings
from bs_study.analysis.recipe_split import Part, split_by_recipe, with_recipe
from bs_study.analysis.recipes import recipes
from bs_study.analysis.scaling import scaling
from bs_study.analysis.throughput import examples_per_iteration, throughput
from bs_study.analysis.throughput_fit import throughput_fit
from bs_study.analysis.timings import clean_iteration_seconds, clean_throughput, trials_own_timings
from bs_study.analysis.trials import complete_trials
from bs_study.analysis.warning_texts import warning_texts
from bs_study.analysis.windows import smoothness, study_curves
from bs_study.store import Study
from bs_study.store.listing import running_trials
from bs_study.target import Target


@dataclass(frozen=True)
class StudyTables:
    """What a study's store says, table by table. Only ended trials count.

    Of a study with several recipes no number is over more than one: each row is of one, named in a first column
    `recipe`, and `by_recipe` holds the tables of each, as if it were a study of its own.

    Attributes:
        trials: the store's table, with the columns that the analysis reads filled in where they were left out.
        times: what each trial took to the target.
        target: None where neither the config nor the trials name one.
        expected_trials: how many the config asks for; without a usable config, those that began.
        ended: trials with a row; running: begun without one (or interrupted); missing: asked for and neither.
        throughput: from the clocks of the trials.
        clean_throughput: from the timing pass; empty where there was none that tells of these trials.
        throughput_fit: of `speed`, the better of the two; its `source` says which.
        timings: the store's table.
        open_cells: batch_size and lr of the cells of which trials have not ended.
        warnings: what a reader must know before the numbers, in whole sentences.
        findings: the conclusions; with several recipes first which is the soonest at each batch size, then those of
            each recipe, which name it.
        by_recipe: the tables of each recipe by its name, in the order asked for; empty where there is one.
        recipes: how the recipes compare at each batch size; empty where there is one.
    """

    trials: pd.DataFrame
    throughput: pd.DataFrame
    throughput_fit: pd.DataFrame
    smoothness: pd.DataFrame
    noise_slope: pd.DataFrame
    times: pd.DataFrame
    convergence: pd.DataFrame
    best: pd.DataFrame
    scaling: pd.DataFrame
    lr_fit: pd.DataFrame
    target: Target | None
    expected_trials: int
    ended: int
    running: int
    missing: int
    open_cells: pd.DataFrame
    timings: pd.DataFrame = field(default_factory=pd.DataFrame)
    clean_throughput: pd.DataFrame = field(default_factory=pd.DataFrame)
    warnings: list[str] = field(default_factory=list)
    findings: list[dict[str, Any]] = field(default_factory=list)
    by_recipe: Mapping[str, StudyTables] = field(default_factory=dict)
    recipes: pd.DataFrame = field(default_factory=pd.DataFrame)

    @property
    def is_clean(self) -> bool:
        """Whether times are those of the timing pass, measured alone, and not the clocks of the trials."""
        return len(self.clean_throughput) > 0

    @property
    def speed(self) -> pd.DataFrame:
        """How long an epoch and an iteration take: measured alone where they were, else by the clocks of the trials."""
        return self.clean_throughput if self.is_clean else self.throughput

    @property
    def clock(self) -> str:
        """The clock by which cells are ranked: iterations times clean iteration time, or the trials' own."""
        return "clean_seconds" if self.is_clean else "train_seconds"


def study_tables(study: Study, *, target: Target | None = None) -> StudyTables:
    """Return every table of a study; its iterations are read trial by trial.

    Args:
        target: asks the evaluations again with another target. By default it is the config's, else the trials' own.

    Raises:
        ValueError: the target's metric is not among the evaluations.
    """
    trials = complete_trials(study.trials())
    asked = target or _stored_target(study, trials)
    rows = _Rows(study.evaluations(), study.epochs(), study.timings(), trials_own_timings(study.timings(), trials))
    parts = split_by_recipe(trials, config=study.known_config, begun=set(running_trials(study.paths)))
    tables = {name: _tables(study, part, rows, target=asked) for name, part in parts.items()}
    return joined_tables(tables) if len(tables) > 1 else next(iter(tables.values()))


@dataclass(frozen=True)
class _Rows:
    """The store's tables of a study, and the timings that tell of its trials, whatever their recipe."""

    evaluations: pd.DataFrame
    epochs: pd.DataFrame
    timings: pd.DataFrame
    own_timings: pd.DataFrame


def _tables(study: Study, part: Part, rows: _Rows, *, target: Target | None) -> StudyTables:
    """Return the tables of trials that have one recipe."""
    trials = part.trials
    evaluations = rows.evaluations[rows.evaluations["trial_id"].isin(trials["trial_id"])]
    epochs = rows.epochs[rows.epochs["trial_id"].isin(trials["trial_id"])]
    state = grid_state(trials, asked=part.asked, begun=part.begun)
    examples = study.train_examples
    alone = clean_throughput(rows.own_timings, train_examples=examples)
    clean = clean_iteration_seconds(rows.own_timings)
    cells = convergence(evaluations, trials, target=target, clean=clean)
    speed = throughput(epochs, trials, train_examples=examples)
    losses = smoothness(study_curves(study), trials)
    best_lrs = best(cells)
    grid = {("", size, lr) for size, lr in state.grid}
    lrs = scaling(cells, trials, best=best_lrs, smoothness=losses, grid=grid)
    tables = StudyTables(
        trials=trials,
        throughput=speed,
        throughput_fit=throughput_fit(alone if len(alone) else speed).assign(
            source="timings" if len(alone) else "trials"
        ),
        smoothness=losses,
        noise_slope=noise_slope(losses, examples_per_iteration=examples_per_iteration(trials)),
        times=(
            time_to_target(evaluations, target=target, clean=clean)
            if target and len(evaluations)
            else no_times(evaluations)
        ),
        convergence=cells,
        best=best_lrs,
        scaling=lrs,
        lr_fit=lr_fit(lrs),
        target=target,
        expected_trials=state.expected,
        ended=len(trials),
        running=state.running,
        missing=state.missing,
        open_cells=state.open_cells,
        timings=rows.timings,
        clean_throughput=alone,
    )
    tables = dataclasses.replace(tables, warnings=warning_texts(tables, settings=part.settings))
    return dataclasses.replace(tables, findings=findings(tables))


_JOINED = (
    "trials",
    "throughput",
    "throughput_fit",
    "smoothness",
    "noise_slope",
    "times",
    "convergence",
    "best",
    "scaling",
    "lr_fit",
    "open_cells",
)
_SUMMED = ("expected_trials", "ended", "running", "missing")


def joined_tables(by_recipe: Mapping[str, StudyTables]) -> StudyTables:
    """Return the tables of a study from those of each of its recipes."""
    frames: dict[str, Any] = {
        name: with_recipe({key: getattr(part, name) for key, part in by_recipe.items()}) for name in _JOINED
    }
    sums = {name: sum(getattr(part, name) for part in by_recipe.values()) for name in _SUMMED}
    first = next(iter(by_recipe.values()))
    compared = recipes(by_recipe)
    return StudyTables(
        **frames,
        **sums,
        target=first.target,
        timings=first.timings,
        clean_throughput=first.clean_throughput,
        warnings=recipe_warnings(by_recipe),
        findings=recipe_findings(by_recipe, compared),
        by_recipe=by_recipe,
        recipes=compared,
    )


def _stored_target(study: Study, trials: pd.DataFrame) -> Target | None:
    """Return the config's target, else the one that most trials had; None where there is none that can be read."""
    config = study.known_config
    if config is not None and config.settings.target:
        return config.settings.target
    texts = trials.loc[trials["target"] != "", "target"].value_counts()
    return Target.parse(str(texts.index[0])) if len(texts) else None
