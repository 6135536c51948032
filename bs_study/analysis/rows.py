"""The store's tables of one study as the analysis needs them: complete, and each row with its recipe."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any

import numpy as np
import pandas as pd

from bs_study.analysis.minima import Losses
from bs_study.analysis.probes import READ
from bs_study.analysis.recipes_of_rows import named_recipes_of
from bs_study.analysis.trials import CELL, complete_trials
from bs_study.analysis.versions import Versions, of_version, versions_of
from bs_study.analysis.windows import loss_curves, smoothness
from bs_study.config import StudyConfig, TrialSettings
from bs_study.grid import recipe_trials
from bs_study.store import Study
from bs_study.store.listing import running_trials
from bs_study.store.own_trials import ended_rows
from bs_study.store.study_json import is_of_function, times_asked
from bs_study.target import Target


@dataclass(frozen=True)
class State:
    """How many trials are expected, have ended, are running (or were interrupted), and were not begun."""

    expected: int
    ended: int
    running: int
    missing: int

    @property
    def left(self) -> int:
        return self.expected - self.ended


@dataclass(frozen=True)
class StudyRows:
    """The rows of a study. Only ended trials have any; `recipe` is a column of each, "" where the study has one.

    Attributes:
        recipes: the names of the recipes, in the order asked for.
        trials: as `complete_trials` returns them.
        smoothness: what is kept of the iterations: the loss-variance statistics of each trial.
        timings: the store's table, which has no recipe.
        asked: recipe, trial_id, batch_size, lr and seed of the trials asked for; None where that is not known.
        begun: ids of trials that have begun; those without a row in `trials` are running, or were interrupted.
        settings: of each recipe that was asked for, by its name.
        train_examples, eval_examples: how many there are; NaN if not known.
        versions: of workload and data. All other rows are of one of them, the judged one.
        times_asked: how often more was asked of the study, the first time included.
        search_ends: why the bracket of a recipe and batch size stopped, of those that stopped early.
        is_of_function: whether a function has trained by itself, which can't be timed alone.
        left_out: files that are not read, by their paths from the study's folder on, each with its fault.
        is_imported: whether its runs were made elsewhere: no other trial of it can be trained.
        gradients: the store's table, of its columns those that the analysis reads; without columns if not read.
        losses: reads the training losses of some trials; None where that can't be done.
    """

    recipes: tuple[str, ...]
    trials: pd.DataFrame
    evaluations: pd.DataFrame
    epochs: pd.DataFrame
    smoothness: pd.DataFrame
    timings: pd.DataFrame
    asked: pd.DataFrame | None = None
    begun: Collection[str] = ()
    config: StudyConfig | None = None
    settings: Mapping[str, TrialSettings] = field(default_factory=dict)
    train_examples: float = np.nan
    eval_examples: float = np.nan
    versions: Versions = field(default_factory=Versions)
    times_asked: int = 1
    search_ends: Mapping[tuple[str, int], str] = field(default_factory=dict)
    is_of_function: bool = False
    left_out: Mapping[str, str] = field(default_factory=dict)
    is_imported: bool = False
    gradients: pd.DataFrame = field(default_factory=pd.DataFrame)
    losses: Losses | None = field(default=None, repr=False, compare=False)

    @property
    def looks(self) -> int:
        """How often the study is looked at before it is over: after each round of seeds, or each time it has grown."""
        rounds = self.config.max_seeds - 1 if self.config and self.config.seeds == "auto" else 1
        return max(rounds, self.times_asked)

    @property
    def target(self) -> Target | None:
        """The config's target, else the one that most trials had; None where there is none that can be read."""
        if self.config is not None and isinstance(self.config.settings.target, Target):
            return self.config.settings.target
        texts = self.trials.loc[self.trials["target"] != "", "target"].value_counts()
        return Target.parse(str(texts.index[0])) if len(texts) else None

    @property
    def target_window(self) -> int:
        """Of how many looks the median must meet the target."""
        return self.config.settings.target_window if self.config else 1

    @cached_property  # asked by each verdict, and alike for every target
    def open_cells(self) -> pd.DataFrame:
        """recipe, batch_size and lr of the cells of which trials that were asked for have not ended."""
        if self.asked is None:
            return pd.DataFrame(columns=CELL)
        asked = self.asked[[*CELL, "seed"]].drop_duplicates()
        ended = self.trials[[*CELL, "seed"]].drop_duplicates()
        left = asked.merge(ended, how="left", indicator=True)
        return left.loc[left["_merge"] == "left_only", CELL].drop_duplicates(ignore_index=True)

    @property
    def tried(self) -> pd.DataFrame:
        """recipe, batch_size and lr of every cell that was asked for or has an ended trial."""
        known = [frame[CELL] for frame in (self.asked, self.trials) if frame is not None and len(frame)]
        return pd.concat(known or [self.trials[CELL]]).drop_duplicates(ignore_index=True)

    @property
    def cells(self) -> pd.DataFrame:
        """recipe, batch_size and lr of every cell of the study, with whichever version of its workload it was tried.

        What is added to a study is trained in all of them, and what one of them has already adds nothing.
        """
        return pd.concat([self.tried, self.versions.others[CELL]]).drop_duplicates(ignore_index=True)

    @cached_property
    def state(self) -> State:
        """How much of what was asked has ended, by recipe, batch size, lr and seed.

        Without a usable config nothing is missing. A running trial counts as running, not as missing; trials beyond
        the config, of an older one, are expected too.
        """
        running = len(set(self.begun) - set(self.trials["trial_id"]))
        ended = len(self.trials)
        if self.asked is None:
            return State(ended + running, ended, running, 0)
        keys = [*CELL, "seed"]
        wanted = set(self.asked[keys].itertuples(index=False, name=None))
        missing = max(0, len(wanted - set(self.trials[keys].itertuples(index=False, name=None))) - running)
        return State(ended + running + missing, ended, running, missing)


def read_rows(study: Study, *, keep: bool = False) -> StudyRows:
    """Return the rows of a study's store; its iterations are read trial by trial, and of each only statistics stay.

    Args:
        keep: write these statistics beside the study's report, so that the next time only new trials are read.
    """
    rows = read_ended(study)
    return replace(
        rows,
        epochs=_named(study.epochs(), rows.trials),
        gradients=_named(study.gradients(READ), rows.trials),
        smoothness=smoothness(study, rows.trials, keep=keep),
        losses=partial(loss_curves, study),
        begun=frozenset(running_trials(study.paths)),
        left_out={file.removeprefix(f"{study.paths.root}/"): fault for file, fault in study.left_out.items()},
    )


def read_ended(
    study: Study, *, config: StudyConfig | None = None, version: int | None = None, with_asked: bool = True
) -> StudyRows:
    """Return the rows that tell how trials ended: without epochs, iterations, gradients and trials that run.

    Args:
        config: what is asked; None for what study.json says.
        version: of workload and data, which is judged; None for the one in force, once it has an answer.
        with_asked: whether the trials that were asked for are listed, which takes a while for many.
    """
    config = config or study.known_config
    trials, evaluations = ended_rows(study, config=config)
    of_trials, asked, names = named_recipes_of(trials, config)
    trials = complete_trials(trials.assign(recipe=of_trials))
    versions = versions_of(trials, study, judged=version)
    trials = of_version(trials, versions.judged)
    evaluations = _named(evaluations, trials)
    return StudyRows(
        recipes=names,
        trials=trials,
        evaluations=evaluations.drop(columns=[name for name in evaluations if name in versions.foreign_metrics]),
        epochs=pd.DataFrame(),
        smoothness=pd.DataFrame(),
        timings=of_version(study.timings(), versions.judged),
        asked=_asked(config, asked, but=versions.answered_by_others, only=study.imported)
        if config and with_asked
        else None,
        config=config,
        settings=asked,
        train_examples=study.train_examples,
        eval_examples=study.eval_examples,
        versions=versions,
        is_of_function=is_of_function(study.known_asked),
        times_asked=_times_asked(study, config) if config else 1,
        is_imported=study.imported is not None,
    )


def _times_asked(study: Study, config: StudyConfig) -> int:
    """Return how often more was asked, a config counted that study.json does not have yet: it is about to grow."""
    try:
        told = times_asked(study.asked)
    except FileNotFoundError:  # a study that is to begin
        return 1
    before = study.known_config
    return told + (before is not None and config.model_copy(update={"name": before.name}) != before)


def with_trial(rows: StudyRows, recipe: str, trials: pd.DataFrame, evaluations: pd.DataFrame) -> StudyRows:
    """Return rows with one more trial that has ended.

    Args:
        recipe: its name.
        trials: its row, as the store has it.
        evaluations: its rows.
    """
    trials = complete_trials(trials.assign(recipe=recipe))
    evaluations = _named(evaluations, trials)
    if len(rows.evaluations):
        evaluations = evaluations.reindex(columns=rows.evaluations.columns)
    return replace(rows, trials=_joined(rows.trials, trials), evaluations=_joined(rows.evaluations, evaluations))


def _joined(rows: pd.DataFrame, more: pd.DataFrame) -> pd.DataFrame:
    if rows.empty or more.empty:
        return more if rows.empty and len(more) else rows
    return pd.concat([rows, more], ignore_index=True)


def _named(frame: pd.DataFrame, trials: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of trials that have ended, the name of their recipe first."""
    recipes = dict(zip(trials["trial_id"], trials["recipe"], strict=True))
    named = frame.assign(recipe=frame["trial_id"].map(recipes))
    return named.loc[named["recipe"].notna(), ["recipe", *frame.columns]].reset_index(drop=True)


def _asked(
    config: StudyConfig,
    recipes: Mapping[str, TrialSettings],
    *,
    but: Collection[Any],
    only: Collection[tuple[int, float, int]] | None,
) -> pd.DataFrame:
    """Return the trials asked for, but for some of which recipe, batch size, lr and seed are given.

    Args:
        only: batch size, lr and seed of those that there can be; None for the whole grid.
    """
    there = None if only is None else set(only)
    rows = [
        (name, trial.trial_id, trial.batch_size, trial.lr, trial.seed)
        for name, settings in recipes.items()
        for trial in recipe_trials(config, settings)
        if (name, trial.batch_size, trial.lr, trial.seed) not in but
        and (there is None or (trial.batch_size, trial.lr, trial.seed) in there)
    ]
    return pd.DataFrame(rows, columns=["recipe", "trial_id", "batch_size", "lr", "seed"])
