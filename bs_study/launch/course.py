"""What is trained next in a study while it runs: the search is asked again each time a trial has ended."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import pandas as pd

from bs_study.analysis.rows import StudyRows, read_ended, with_trial
from bs_study.analysis.timings import KIND, clean_iteration_seconds
from bs_study.analysis.versions import of_version
from bs_study.bound import Bound, race_of
from bs_study.config import StudyConfig, TrialConfig
from bs_study.grid import is_full_grid
from bs_study.launch.leads import NO_PACE, Pace
from bs_study.search.full_grid import full_grid
from bs_study.search.plan import plan
from bs_study.search.record import Plan
from bs_study.store.own_trials import answered_trials
from bs_study.store.reader import Study
from bs_study.store.versions import version_in_force

Named = tuple[str, int, float, int]
"""A trial by what tells it from the others of its study, which is quicker to make than its id."""


def _name(recipe: str, trial: TrialConfig) -> Named:
    return recipe, trial.batch_size, trial.lr, trial.seed


def pace_of(timings: pd.DataFrame, batch_sizes: Collection[int]) -> Pace:
    """Return the pace of batch sizes by the timing pass.

    Args:
        timings: the store's table, of the version of workload and data in force.
        batch_sizes: of the study.
    """
    done = timings[timings["status"] == "completed"]
    if not set(batch_sizes) <= set(done["batch_size"]) or len(done[KIND].drop_duplicates()) != 1:
        return NO_PACE
    newest = done.sort_values("end_time").drop_duplicates("batch_size", keep="last")
    return Pace(clean_iteration_seconds(newest), bool(newest["disturbed"].eq(True).any()))


class Course:
    """The way of a study from its first trial to its last, as launchers follow it.

    It keeps no decision of its own: what is wanted follows from the rows of the trials that have ended. Those that
    failed before are tried again; those that fail now are not. A launcher asks for a trial, runs it, says that it has
    ended, and only then tells its watcher, who may look at the plan.

    Args:
        config: of the study.
        study: its store, which may hold nothing yet.
        version: of workload and data, with which trials are made; None for the one that is judged now. Trials that
            ended with another have no answer, and are not trained again.

    Attributes:
        fault: what went wrong when the search was asked; nothing is given out from then on.

    Raises:
        OSError: the store does not answer.
    """

    def __init__(self, config: StudyConfig, study: Study, *, version: int | None = None) -> None:
        self._study, self._version = study, version
        self._sizes = config.batch_sizes
        self._rows: StudyRows | None = None
        self._recipes: dict[str, str] = {}  # of the trials that were given out, by id
        self._given: set[Named] = set()
        self._running: set[Named] = set()
        self._unread: dict[str, TrialConfig] = {}
        self.fault: Exception | None = None
        if is_full_grid(config):
            self._follow(full_grid(config, answered=answered_trials(self._study, config=config)))
            return
        rows = read_ended(self._study, config=config, version=version, with_asked=False)
        answered = rows.trials[rows.trials["status"] != "failed"].reset_index(drop=True)
        self._rows = replace(rows, trials=answered)
        self._follow(plan(self._rows))

    def next(self) -> TrialConfig | None:
        """Return a trial to begin now, which is given out once; None where none is wanted until another has ended."""
        self._read()
        if self.fault or not self.has_more:
            return None
        wanted = self._more.pop()
        name = _name(wanted.recipe, wanted.trial)
        self._given.add(name)
        self._running.add(name)
        self._recipes[wanted.trial.trial_id] = wanted.recipe
        return wanted.trial

    def ended(self, trial: TrialConfig) -> None:
        """Hear that a trial that was given out has ended, and stands in the store.

        A store that does not answer is asked again when the next question comes.
        """
        trial_id = trial.trial_id
        name = _name(self._recipes[trial_id], trial)
        if name in self._running:
            self._running.discard(name)
            self._left -= name in self._wanted
        if self._rows is not None:
            self._unread[trial_id] = trial
        self._read()

    @property
    def is_over(self) -> bool:
        """Whether nothing is wanted, and nothing that was given out still runs."""
        self._read()
        if self._running or (self._unread and not self.fault):
            return False
        return not self.has_more or self.fault is not None

    @property
    def has_more(self) -> bool:
        """Whether a trial is wanted that was not given out."""
        return bool(self._more)

    @property
    def left(self) -> int:
        """How many of the trials that are wanted now have not ended."""
        return self._left

    def timings(self) -> pd.DataFrame:
        """Return the store's timings of the version of workload and data that trials are made with.

        Raises:
            OSError: the store does not answer.
        """
        version = self._version or version_in_force(self._study.asked)["version"]
        return of_version(self._study.timings(), version)

    def pace(self) -> Pace:
        """Return the seconds of an iteration of each batch size, as the timing pass has them now."""
        return pace_of(self.timings(), self._sizes)

    def bound(self, trial: TrialConfig) -> Bound | None:
        """Return by when a trial must have met the target."""
        return self.plan.bounds.get(race_of(trial)) if self.plan.bounds else None

    def _follow(self, found: Plan) -> None:
        """Follow a plan: look once at all that it wants, so that no later question has to."""
        self.plan = found
        names = [_name(recipe, trial) for recipe, trial in found.wanted]
        self._wanted = set(names)
        new = [wanted for wanted, name in zip(found.wanted, names, strict=True) if name not in self._given]
        self._left = len(new) + len(self._wanted & self._running)
        self._more = new[::-1]  # the last is the next: a list is short of its last one at once

    def _read(self) -> None:
        """Read the rows of the trials that have ended, as far as the store answers, and ask the search again."""
        if not self._unread or self._rows is None or self.fault:
            return
        for trial_id, trial in list(self._unread.items()):
            try:
                trials = self._study.trials(trial_id=trial_id)
                evaluations = self._study.evaluations(trial_id=trial_id)
            except OSError:
                return
            if trials.empty:  # it failed, and the store did not take its row
                trials = pd.DataFrame([trial.model_dump() | {"trial_id": trial_id, "status": "failed"}])
            self._rows = with_trial(self._rows, self._recipes[trial_id], trials, evaluations)
            del self._unread[trial_id]
        try:
            self._follow(plan(self._rows))
        except Exception as error:
            self.fault = error
            raise
