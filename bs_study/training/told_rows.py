"""What a function reports of its training, checked and kept as rows: losses of iterations, metrics of evaluations."""

from __future__ import annotations

import math
from typing import NamedTuple

from bs_study.config import TrialConfig
from bs_study.store.writer import TrialWriter
from bs_study.target import Target
from bs_study.training.clock import Clocks
from bs_study.training.metric_columns import refuse_bad_columns
from bs_study.training.progress import Position
from bs_study.training.reported_values import number, whole
from bs_study.words import listing


class _Look(NamedTuple):
    """An evaluation, and what the training clock said."""

    iteration: int
    examples: int
    timed_iterations: float
    train_seconds: float


class ToldRows:
    """Takes one report after another. Python lists collect what it tells, as a call may come with every update.

    Args:
        trial: what is trained.
        target: whose metric each evaluation has.
        position: where the trial stands, which moves with each report.
        clocks: of the trial, which each evaluation has.
        writer: takes the rows.
    """

    def __init__(
        self, trial: TrialConfig, target: Target, *, position: Position, clocks: Clocks, writer: TrialWriter
    ) -> None:
        self._trial, self._target = trial, target
        self._position, self._clocks, self._writer = position, clocks, writer
        self._iterations: list[int] = []
        self._examples: list[int] = []
        self._losses: list[float] = []
        self._loss_iteration = self._look_iteration = 0
        self._looks: list[tuple[_Look, float, dict[str, float]]] = []
        self._told_pauses = 0.0
        self._metrics: dict[str, None] = {}

    @property
    def lacks_look(self) -> bool:
        """Whether there is no evaluation at the iteration where the trial stands."""
        return self._position.iteration > self._look_iteration

    def take_counts(self, iteration: int, examples: int | None) -> None:
        """Move to an iteration, which never falls, and to the examples seen by it."""
        position = self._position
        if type(iteration) is not int:
            iteration = whole("iteration", iteration)
        if iteration < max(1, position.iteration):
            after = f", after {position.iteration}. It never falls" if position.iteration else ". It begins at 1"
            raise ValueError(f"report: iteration is {iteration}{after}: give the number of updates so far")
        if examples is None:
            examples = iteration * self._trial.batch_size
        elif type(examples) is not int:
            examples = whole("examples", examples)
        if examples < position.examples:
            raise ValueError(
                f"report: examples is {examples}, after {position.examples}. Give those seen so far, in each call or "
                "in none (then they are iteration × batch size)"
            )
        position.iteration, position.examples = iteration, examples

    def take_loss(self, loss: float) -> float:
        """Keep the training loss of the iteration, and return it as Python's number."""
        position = self._position
        if position.iteration == self._loss_iteration:
            raise ValueError(f"report: iteration {position.iteration} has a loss already. Give one for each iteration")
        if type(loss) is not float:
            loss = number("loss", loss)
        self._loss_iteration, position.loss = position.iteration, loss
        self._iterations.append(position.iteration)
        self._examples.append(position.examples)
        self._losses.append(loss)
        return loss

    def take_metrics(self, metrics: dict[str, float]) -> None:
        """Keep the metrics of an evaluation at the iteration, with what the clocks say now."""
        position = self._position
        self._refuse_unfit(metrics)
        values = {name: value if type(value) is float else number(name, value) for name, value in metrics.items()}
        clocks = self._clocks
        look = _Look(position.iteration, position.examples, clocks.trial_timed_iterations, clocks.train_seconds)
        self._looks.append((look, clocks.eval_seconds, values))
        self._look_iteration = position.iteration
        position.look(values[self._target.metric], target=self._target, window=self._trial.settings.target_window)

    def _refuse_unfit(self, metrics: dict[str, float]) -> None:
        metric, iteration = self._target.metric, self._position.iteration
        if metric not in metrics:
            raise ValueError(
                f"report: {metric}, which the target asks for, is not among {listing(list(metrics))}. Give all metrics "
                "of an evaluation in one call, or another --target"
            )
        if iteration == self._look_iteration:
            raise ValueError(f"report: iteration {iteration} has metrics already. Give all of them in one call")
        if not metrics.keys() <= self._metrics.keys():
            names = self._metrics | dict.fromkeys(metrics)
            refuse_bad_columns("report", list(names), has_test=False)
            self._metrics = names

    def flush(self) -> None:
        """Hand what was collected to the writer."""
        for look, pauses, metrics in self._looks:
            row = look._asdict() | {"train_seconds": look.train_seconds or math.nan}
            unknown = dict.fromkeys(("epoch", "load_seconds", "compute_seconds"), math.nan)
            self._writer.add_evaluation(**row, **unknown, eval_seconds=pauses - self._told_pauses, **metrics)
            self._told_pauses = pauses
        self._looks = []
        if self._losses:
            self._writer.add_reported(iteration=self._iterations, examples=self._examples, loss=self._losses)
            self._iterations, self._examples, self._losses = [], [], []
