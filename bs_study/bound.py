"""By when the trials of a batch size must have met the target, so as not to be outrun."""

from __future__ import annotations

from dataclasses import dataclass

from bs_study.config import TrialConfig


@dataclass(frozen=True)
class Bound:
    """The end of a race among the lrs of one recipe and batch size.

    Attributes:
        iterations: a trial that has made so many, and has not met the target at its evaluation, is outrun.
        outrun_by: the trial whose time this follows from.
        spared: lrs whose trials run on: that of the cell that leads, and of others whose times are to be known.
    """

    iterations: int
    outrun_by: str
    spared: frozenset[float]

    def ends(self, trial: TrialConfig, *, iteration: int) -> bool:
        """Return whether a trial that has not met the target by this evaluation is outrun."""
        return iteration >= self.iterations and trial.lr not in self.spared


def race_of(trial: TrialConfig) -> str:
    """Return what is the same for all trials that race: all of the config but the lr and the seed."""
    return trial.distinction(but=("lr", "seed"))
