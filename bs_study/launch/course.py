"""What is trained next in a study while it runs: the search is asked again each time a trial has ended."""

from __future__ import annotations

from bs_study.bound import Bound, race_of
from bs_study.config import TrialConfig
from bs_study.search.record import Plan


class Course:
    """The way of a study from its first trial to its last, as launchers follow it.

    It keeps no decision of its own: what is wanted follows from the rows of the trials that have ended.
    """

    plan: Plan

    def next(self) -> TrialConfig | None:
        """Return a trial to begin now, which is given out once; None where none is wanted until another has ended."""
        raise NotImplementedError

    def ended(self, trial: TrialConfig) -> None:
        """Hear that a trial that was given out has ended, and stands in the store."""
        raise NotImplementedError

    @property
    def is_over(self) -> bool:
        """Whether nothing is wanted, and nothing that was given out still runs."""
        raise NotImplementedError

    def bound(self, trial: TrialConfig) -> Bound | None:
        """Return by when a trial must have met the target."""
        return self.plan.bounds.get(race_of(trial))
