"""What a trial has done so far, how far that is, and how it ended."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bs_study.config import TrialConfig
from bs_study.store.schema import Status
from bs_study.target import Target, is_met_by_window
from bs_study.training.plan import Plan

if TYPE_CHECKING:
    from bs_study.training.clock import Clocks  # with torch, which who only hears of a trial need not wait for


@dataclass
class Position:
    """What a trial has done so far.

    Args:
        iteration: the last one made, counted from 1.
        examples: seen in them.
        loss: of the last iteration.
        metric: of the last evaluation.
        initial_metric: the same with the initial weights.
        judged_iteration: the last one after which nothing is left to do: evaluated, if that was due.
        recent_met: whether each of the last evaluations met the target, as many as `target_window` asks for.
        reached_iteration: the one at which it first met its target.
    """

    iteration: int = 0
    examples: int = 0
    loss: float = math.nan
    metric: float | None = None
    initial_metric: float | None = None
    judged_iteration: int = 0
    recent_met: list[bool] = field(default_factory=list)
    reached_iteration: int | None = None

    @property
    def is_reached(self) -> bool:
        return self.reached_iteration is not None

    def look(self, metric: float, *, target: Target, window: int) -> None:
        """Take the target's metric of an evaluation: the target is reached when the median of a window meets it."""
        self.metric = metric
        self.recent_met = [*self.recent_met, target.is_met(metric)][-window:]
        if not self.is_reached and is_met_by_window(self.recent_met, window=window):
            self.reached_iteration = self.iteration


@dataclass(frozen=True)
class Ending:
    """How a trial ended, at which iteration it first met its target (None if it never did), and how long it took.

    `seconds` are those of its updates, evaluations and writes, without what only its start takes; None if not known.
    `bound` and `outrun_by` are of one that was outrun: by how many iterations, and the trial that had won.
    """

    status: Status
    stop_reason: str
    message: str | None = None
    iterations: int = 0
    reached_iteration: int | None = None
    seconds: float | None = field(default=None, compare=False)
    bound: int | None = None
    outrun_by: str | None = None


@dataclass(frozen=True)
class Progress:
    """How far a trial is: the share of its budget that is spent (None if not known), last loss, last metric.

    `epoch` and `loss` are NaN where they are not known: of a function's epochs nothing is.
    """

    iteration: int
    epoch: float
    loss: float
    metric: float | None
    share: float | None


Report = Callable[[Progress], None]


def progress(position: Position, clocks: Clocks, plan: Plan) -> Progress:
    """Return how far a trial is."""
    shares = [position.iteration / end for end in plan.budgets.values()]
    most_seconds = plan.trial.settings.max_train_seconds
    if most_seconds:
        shares.append(clocks.train_seconds / most_seconds)
    epoch = plan.epochs_after(position.iteration)
    return Progress(position.iteration, epoch, position.loss, position.metric, max(shares, default=None))


def train_seconds_left(trial: TrialConfig, clocks: Clocks) -> float:
    """Return what is left of the budget in seconds; infinite where there is none."""
    most_seconds = trial.settings.max_train_seconds
    return most_seconds - clocks.train_seconds if most_seconds else math.inf


def spent_budget(position: Position, clocks: Clocks, plan: Plan) -> str | None:
    """Return the budget that ran out, the first if there are several, or None."""
    spent = {name: end for name, end in plan.budgets.items() if position.iteration >= end}
    if spent:
        return min(spent, key=spent.__getitem__)
    return "max_train_seconds" if train_seconds_left(plan.trial, clocks) <= 0 else None
