"""All tables of a study, from its store."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from bs_study.analysis.best import best
from bs_study.analysis.convergence import convergence, no_times, time_to_target
from bs_study.analysis.findings import findings
from bs_study.analysis.grid_state import asked_config, asked_train_examples, grid_state
from bs_study.analysis.noise import noise_slope
from bs_study.analysis.scaling import lr_fit, scaling
from bs_study.analysis.throughput import throughput, throughput_fit
from bs_study.analysis.timings import clean_iteration_seconds, clean_throughput, trials_own_timings
from bs_study.analysis.trials import complete_trials
from bs_study.analysis.warning_texts import warning_texts
from bs_study.analysis.windows import smoothness, study_curves
from bs_study.store import Study
from bs_study.target import Target


@dataclass(frozen=True)
class StudyTables:
    """What a study's store says, table by table. Only ended trials count.

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
    evaluations = study.evaluations()
    evaluations = evaluations[evaluations["trial_id"].isin(trials["trial_id"])]
    state = grid_state(study, trials)
    asked = target or _stored_target(study, trials)
    examples = asked_train_examples(study)
    timings = study.timings()
    own_timings = trials_own_timings(timings, trials)
    alone = clean_throughput(own_timings, train_examples=examples)
    clean = clean_iteration_seconds(own_timings)
    cells = convergence(evaluations, trials, target=asked, clean=clean)
    speed = throughput(study.epochs(), trials, train_examples=examples)
    losses = smoothness(study_curves(study), trials)
    lrs = scaling(cells, trials, smoothness=losses, grid=state.grid)
    tables = StudyTables(
        trials=trials,
        throughput=speed,
        throughput_fit=throughput_fit(alone if len(alone) else speed).assign(
            source="timings" if len(alone) else "trials"
        ),
        smoothness=losses,
        noise_slope=noise_slope(losses),
        times=(
            time_to_target(evaluations, target=asked, clean=clean)
            if asked and len(evaluations)
            else no_times(evaluations)
        ),
        convergence=cells,
        best=best(cells),
        scaling=lrs,
        lr_fit=lr_fit(lrs),
        target=asked,
        expected_trials=state.expected,
        ended=len(trials),
        running=state.running,
        missing=state.missing,
        open_cells=state.open_cells,
        timings=timings,
        clean_throughput=alone,
    )
    tables = dataclasses.replace(tables, warnings=warning_texts(tables, config=asked_config(study)))
    return dataclasses.replace(tables, findings=findings(tables))


def _stored_target(study: Study, trials: pd.DataFrame) -> Target | None:
    """Return the config's target, else the one that most trials had; None where there is none that can be read."""
    config = asked_config(study)
    if config is not None and config.target:
        return Target.parse(config.target)
    texts = trials.loc[trials["target"] != "", "target"].value_counts()
    return Target.parse(str(texts.index[0])) if len(texts) else None
