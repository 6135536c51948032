"""One whole trial: seed, build, train, judge, write, end."""

from __future__ import annotations

import contextlib
import functools
import itertools
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from bs_study.config import TrialConfig
from bs_study.store.paths import study_paths
from bs_study.store.schema import Status
from bs_study.store.writer import TrialWriter
from bs_study.target import Target
from bs_study.training.batches import epoch_batches, to_device
from bs_study.training.clock import Clocks, load_and_compute, timeline
from bs_study.training.divergence import DivergenceWatch, default_loss_limit
from bs_study.training.loop import Learner, evaluate, run_iterations
from bs_study.training.optimizer import make_optimizer, make_schedule
from bs_study.training.plan import Plan
from bs_study.training.surroundings import Surroundings, peak_memory_bytes, set_up, surroundings_columns
from bs_study.workloads.base import Data, Workload, examples_in, load_workload
from bs_study.workloads.check import read_data

STRETCH_ITERATIONS = 4096  # losses that wait on the device at most
STRETCH_SECONDS = 1.0  # between looks at the host's clock for progress, writes and the budget in seconds


@dataclass(frozen=True)
class Ending:
    """How a trial ended, and at which iteration it first met its target (None if it never did)."""

    status: Status
    stop_reason: str
    message: str | None = None
    iterations: int = 0
    reached_iteration: int | None = None


@dataclass(frozen=True)
class Progress:
    """How far a trial is: the share of its budget that is spent (None if not known), last loss, last metric."""

    iteration: int
    epoch: float
    loss: float
    metric: float | None
    share: float | None


Report = Callable[[Progress], None]


def run_trial(trial: TrialConfig, surroundings: Surroundings, *, report: Report = lambda _: None) -> Ending:
    """Train a trial to its end and commit it to the store.

    Args:
        trial: what to train.
        surroundings: where, and with what.
        report: called about once a second.

    Raises:
        Exception: whatever the workload or the store raises, but for memory that runs out, which is an answer.
    """
    start = datetime.now(UTC)
    run = TrialRun(trial, surroundings, report=report)
    try:
        ending = run.train()
    except (MemoryError, RuntimeError) as error:
        if not _is_out_of_memory(error):
            run.keep_what_was_recorded()
            raise
        ending = Ending("out_of_memory", "out_of_memory", str(error).split("\n")[0])
    except BaseException:
        run.keep_what_was_recorded()
        raise
    run.commit(ending, start=start)
    return replace(ending, iterations=run.iteration, reached_iteration=run.reached_iteration)


@functools.lru_cache(maxsize=1)
def load_data(workload: type[Workload], data_dir: Path, device: torch.device) -> tuple[Data, Data]:
    """Return the training and the held-out set, on the device; a worker that runs trial after trial keeps them."""
    train, held_out = read_data(workload(), data_dir)
    return to_device(train, device), to_device(held_out, device)


class TrialRun:
    """A trial while it runs: what it learns, where it stands, what its clocks say."""

    def __init__(self, trial: TrialConfig, surroundings: Surroundings, *, report: Report) -> None:
        self._trial = trial
        self._surroundings = surroundings
        self._report = report
        self._device = set_up(surroundings, seed=trial.seed)
        self._workload = load_workload(trial.workload)
        self._target = Target.parse(trial.target) if trial.target else self._workload.target
        self._writer = TrialWriter(study_paths(surroundings.study), trial, metrics=surroundings.metrics)
        self._timeline = timeline(self._device)
        self._clocks = Clocks()
        self.iteration = 0
        self._examples = 0
        self.reached_iteration: int | None = None
        self._loss = float("nan")
        self._metric: float | None = None
        self._last_report = self._last_write = time.perf_counter()

    def train(self) -> Ending:
        """Train epoch after epoch until the trial ends."""
        self._build()
        for epoch in itertools.count(1):
            ending = self._train_epoch(epoch)
            if ending:
                return ending
        raise AssertionError("a trial without an end")

    def _build(self) -> None:
        self._train_data, self._held_out = load_data(type(self._workload), self._surroundings.data_dir, self._device)
        self._plan = Plan(self._trial, epoch_examples=examples_in(self._train_data))
        model = self._workload.model().to(self._device)
        optimizer = make_optimizer(model.parameters(), self._trial)
        self._learner = Learner(self._workload, model, optimizer, make_schedule(optimizer, self._plan))
        limit = self._trial.loss_limit or default_loss_limit(self._evaluate()["loss"])
        self._watch = DivergenceWatch(limit=limit, window=self._trial.loss_limit_iterations)

    def _train_epoch(self, epoch: int) -> Ending | None:
        self._clocks.start_epoch()
        batches = epoch_batches(
            self._train_data,
            seed=self._trial.seed,
            epoch=epoch,
            batch_size=self._trial.batch_size,
            device=self._device,
        )
        end = epoch * self._plan.epoch_iterations
        while self.iteration < end:
            ending = self._train_stretch(batches, epoch=epoch, end=end) or self._judge()
            self._keep_up()
            if ending:
                return ending
        return None

    def _train_stretch(self, batches: Iterator[tuple[Tensor, ...]], *, epoch: int, end: int) -> Ending | None:
        """Train up to the next iteration at which something else is to be done, and record it."""
        is_warmup = self.iteration < self._trial.warmup_iterations
        count = min(self._next_stop(), end) - self.iteration
        start = time.perf_counter()
        deadline = start + min(STRETCH_SECONDS, self._train_seconds_left())
        losses = run_iterations(self._learner, batches, count=count, deadline=deadline, timeline=self._timeline)
        load, compute = load_and_compute(self._timeline.take_seconds())
        seconds = time.perf_counter() - start
        if is_warmup:
            self._clocks.warmup_seconds += seconds
        else:
            self._clocks.add_training(seconds, load=load, compute=compute)
        ending = self._record(losses, epoch=epoch)
        if self.iteration == end and not ending:
            self._record_epoch(epoch)
        return ending

    @property
    def _is_reached(self) -> bool:
        return self.reached_iteration is not None

    def _next_stop(self) -> int:
        here, trial = self.iteration, self._trial
        stops = [here + STRETCH_ITERATIONS, self._plan.next_evaluation(here), trial.warmup_iterations]
        stops += [self._plan.last_iteration or here, trial.min_iterations if self._is_reached else here]
        return min(stop for stop in stops if stop > here)

    def _train_seconds_left(self) -> float:
        limit = self._trial.max_train_seconds
        return limit - self._clocks.train_seconds if limit else float("inf")

    def _record(self, losses: Tensor, *, epoch: int) -> Ending | None:
        """Add the losses of a stretch, up to the one at which the trial diverged if it did."""
        loss = losses.cpu().numpy()
        divergence = self._watch.first_divergence(loss)
        if divergence:
            loss = loss[: divergence[0] + 1]
        first = self.iteration + 1
        examples = np.array([self._plan.examples_after(i) for i in range(first, first + len(loss))])
        self._writer.add_iterations(epoch=epoch, first_iteration=first, examples=examples, loss=loss)
        self.iteration += len(loss)
        self._examples = int(examples[-1])
        self._loss = float(loss[-1])
        if not divergence:
            return None
        return Ending("diverged", divergence[1], f"loss {self._loss:g} at iteration {self.iteration}")

    def _record_epoch(self, epoch: int) -> None:
        self._writer.add_epoch(
            epoch=epoch,
            iterations=self.iteration,
            examples=self._examples,
            epoch_seconds=self._clocks.epoch_seconds,
            load_seconds=self._clocks.epoch_load_seconds,
            compute_seconds=self._clocks.epoch_compute_seconds,
            peak_memory_bytes=peak_memory_bytes(self._device),
        )

    def _judge(self) -> Ending | None:
        """Evaluate if it is time to, and say whether the trial has met its target or spent a budget."""
        spent = self._spent_budget()
        if spent or self._plan.next_evaluation(self.iteration - 1) == self.iteration:
            self._record_evaluation()
        is_enough = self._is_reached and self.iteration >= self._trial.min_iterations
        if is_enough and self._trial.stop_at_target:
            return Ending("completed", "target")
        return Ending("completed", spent) if spent else None

    def _spent_budget(self) -> str | None:
        spent = {name: end for name, end in self._plan.budgets.items() if self.iteration >= end}
        if spent:
            return min(spent, key=spent.__getitem__)
        return "max_train_seconds" if self._train_seconds_left() <= 0 else None

    def _record_evaluation(self) -> None:
        start = time.perf_counter()
        metrics = self._evaluate()
        seconds = time.perf_counter() - start
        self._clocks.eval_seconds += seconds
        self._writer.add_evaluation(
            epoch=self._plan.epochs_after(self.iteration),
            iteration=self.iteration,
            examples=self._examples,
            train_seconds=self._clocks.train_seconds,
            load_seconds=self._clocks.load_seconds,
            compute_seconds=self._clocks.compute_seconds,
            eval_seconds=seconds,
            **metrics,
        )
        self._metric = metrics[self._target.metric]
        if self.reached_iteration is None and self._target.is_met(self._metric):
            self.reached_iteration = self.iteration

    def _evaluate(self) -> dict[str, float]:
        return evaluate(self._learner, self._held_out, batch_size=self._trial.eval_batch_size, device=self._device)

    def _keep_up(self) -> None:
        """Report and write, if it is time to."""
        now = time.perf_counter()
        if now - self._last_report >= STRETCH_SECONDS:
            self._report(self._progress())
            self._last_report = now
        if now - self._last_write >= self._surroundings.checkpoint_seconds:
            self._writer.write_part()
            self._last_write = time.perf_counter()
            self._clocks.write_seconds += self._last_write - now

    def _progress(self) -> Progress:
        shares = [self.iteration / end for end in self._plan.budgets.values()]
        if self._trial.max_train_seconds:
            shares.append(self._clocks.train_seconds / self._trial.max_train_seconds)
        epoch = self._plan.epochs_after(self.iteration)
        return Progress(self.iteration, epoch, self._loss, self._metric, max(shares, default=None))

    def keep_what_was_recorded(self) -> None:
        """Write what is not yet written, for who continues or looks; the store itself may be what failed."""
        with contextlib.suppress(OSError):
            self._writer.write_part()

    def commit(self, ending: Ending, *, start: datetime) -> None:
        """End the trial in the store."""
        end = datetime.now(UTC)
        clocks = self._clocks
        self._writer.commit(
            surroundings_columns(self._surroundings)
            | {
                "status": ending.status,
                "stop_reason": ending.stop_reason,
                "message": ending.message,
                "target": str(self._target),
                "iterations": self.iteration,
                "examples": self._examples,
                "train_seconds": clocks.train_seconds,
                "load_seconds": clocks.load_seconds,
                "compute_seconds": clocks.compute_seconds,
                "warmup_seconds": clocks.warmup_seconds,
                "eval_seconds": clocks.eval_seconds,
                "write_seconds": clocks.write_seconds,
                "wall_seconds": (end - start).total_seconds(),
                "start_time": start,
                "end_time": end,
            }
        )


def _is_out_of_memory(error: BaseException) -> bool:
    """Return whether memory ran out: torch's own error on a GPU; on a CPU, its allocator says so in the text only."""
    is_typed = isinstance(error, MemoryError | torch.OutOfMemoryError)
    return is_typed or "can't allocate memory" in str(error) or "out of memory" in str(error)
