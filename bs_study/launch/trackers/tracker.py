"""What a tracker takes: a run for each trial, and one for the study's answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from bs_study.config import TrialConfig
from bs_study.training.progress import Ending

Series = Sequence[tuple[int, Mapping[str, float]]]
"""The iteration of each look at a trial, and its numbers."""
Answer = Mapping[str, str | float]
"""What a study says, by name."""

STUDY_RUN = "study"
"""The name of the run that holds the answer."""


class Run(NamedTuple):
    """A trial as trackers show it. Its recipe has no name in a study of one."""

    trial: TrialConfig
    study: str
    recipe: str = ""

    @property
    def name(self) -> str:
        return self.trial.trial_id

    @property
    def labels(self) -> dict[str, str]:
        """What a trial is found by."""
        cell = {name: f"{getattr(self.trial, name):.15g}" for name in ("batch_size", "lr", "seed")}
        return {"study": self.study, **cell} | ({"recipe": self.recipe} if self.recipe else {})


class Tracker(Protocol):
    """Shows the trials of a study elsewhere. What it raises ends it, and nothing else."""

    def log(self, run: Run, series: Series) -> None:
        """Take more numbers of a trial; the first begin its run."""

    def end(self, run: Run, ending: Ending) -> None:
        """Take how a trial ended."""

    def conclude(self, answer: Answer) -> None:
        """Take what the study says."""

    def close(self) -> None:
        """End what is still open: the study was interrupted, or is over."""


def outcome(ending: Ending) -> dict[str, str]:
    """Return how a trial ended, by name."""
    told = {"status": ending.status, "stop_reason": ending.stop_reason, "message": ending.message}
    return {name: value for name, value in told.items() if value}
