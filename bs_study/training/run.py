"""A trial while it runs: stretches of iterations, and what is to be done between them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict, astuple
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bs_study.config import TrialConfig
from bs_study.store.writer import TrialWriter
from bs_study.target import Target
from bs_study.training.assembly import Assembly, assemble
from bs_study.training.checkpoint import State, learner_state, restore_learner, write_checkpoint
from bs_study.training.clock import Clocks, load_and_compute, timeline
from bs_study.training.data import DataSets
from bs_study.training.divergence import DivergenceWatch, default_loss_limit
from bs_study.training.kernels import Kernels
from bs_study.training.loop import evaluate, run_iterations
from bs_study.training.machine_load import MachineLoad
from bs_study.training.placement import Surroundings, peak_memory_bytes
from bs_study.training.progress import Ending, Position, Report, progress, spent_budget, train_seconds_left
from bs_study.training.randomness import random_state, restore_random
from bs_study.training.rows import assembly_columns, epoch_row, evaluation_row, outcome_columns
from bs_study.training.watchdog import Watchdog
from bs_study.workloads.base import Workload

STRETCH_ITERATIONS = 4096  # losses that wait on the device at most
REPORT_SHARE = 0.01  # of the time so far, between reports at least: Ray keeps 2 kB of each until the trial ends
STRETCH_SECONDS = 1.0  # between looks at the host's clock for progress, writes and the budget in seconds


class TrialRun:
    """What a trial learns, where it stands, what its clocks say.

    Args:
        trial: what is trained.
        surroundings: where, and with what.
        writer: takes its rows, and commits it in the end.
        watchdog: fed with every stretch.
        load: counts the trials beside this one.
        report: told of its progress.
    """

    def __init__(
        self,
        trial: TrialConfig,
        surroundings: Surroundings,
        writer: TrialWriter,
        *,
        watchdog: Watchdog,
        load: MachineLoad,
        report: Report,
    ) -> None:
        self.writer = writer
        self.position = Position()
        self.clocks = Clocks()
        self.assembly: Assembly | None = None
        self._trial = trial
        self._surroundings = surroundings
        self._watchdog = watchdog
        self._machine_load = load
        self._report = report
        self._device = torch.device(surroundings.device)
        self._timeline = timeline(self._device)
        self._warm_from = trial.warmup_iterations
        self._earlier_seconds = 0.0
        self._micro_batch = min(trial.micro_batch or trial.batch_size, trial.batch_size)
        self._start = self._last_report = self._last_write = time.perf_counter()

    def build(self, workload: Workload, data: DataSets, state: State | None) -> None:
        """Put together all that trains and judges the model; go on from a saved state if there is one."""
        start = time.perf_counter()
        kernels = Kernels(*state["kernels"]) if state and state["kernels"] else None
        self._target = Target.parse(self._trial.target) if self._trial.target else workload.target
        self.assembly = assembly = assemble(
            self._trial, workload, data, self._surroundings, losses_kept=STRETCH_ITERATIONS, kernels=kernels
        )
        self._plan, self._learner, self._engine = assembly.plan, assembly.learner, assembly.engine
        self._train_set, self._held_out, self._test_set = assembly.train, assembly.held_out, assembly.test
        self._kernels = assembly.kernels
        if self._trial.warmup_iterations:
            self.clocks.warmup_seconds += time.perf_counter() - start
        limit = self._trial.loss_limit or default_loss_limit(self._evaluate()["loss"])
        self._watch = DivergenceWatch(limit=limit, window=self._trial.loss_limit_iterations)
        if state:
            self._restore(state)

    def train(self) -> Ending:
        """Train epoch after epoch until the trial ends."""
        ending = None
        while ending is None:
            ending = self._train_epoch(self.position.iteration // self._plan.epoch_iterations + 1)
        return ending

    def _train_epoch(self, epoch: int) -> Ending | None:
        end = epoch * self._plan.epoch_iterations
        done = self.position.examples - (epoch - 1) * self._plan.epoch_examples
        if done == 0:
            self.clocks.start_epoch()
            self._learner.clipped.zero_()
        batches = self._train_set.epoch(epoch, skip=done)
        while self.position.iteration < end:
            ending = self._train_stretch(batches, epoch=epoch, end=end) or self._judge()
            self._watchdog.feed()
            if ending:
                return ending
            self._keep_up()
        return None

    def _train_stretch(self, batches: Iterator[tuple[Tensor, ...]], *, epoch: int, end: int) -> Ending | None:
        """Train up to the next iteration at which something else is to be done, and record it."""
        is_warmup = self.position.iteration < self._warm_from
        count = min(self._next_stop(), end) - self.position.iteration
        start = time.perf_counter()
        deadline = start + min(STRETCH_SECONDS, train_seconds_left(self._trial, self.clocks))
        try:
            losses = run_iterations(self._engine, batches, count=count, deadline=deadline, timeline=self._timeline)
        finally:
            self._micro_batch = self._learner.micro_batch
        load, compute = load_and_compute(self._timeline.take_seconds())
        seconds = time.perf_counter() - start
        if is_warmup:
            self.clocks.warmup_seconds += seconds
        else:
            self.clocks.add_training(seconds, load=load, compute=compute)
        ending = self._record(losses, epoch=epoch)
        if self.position.iteration == end and not ending:
            self._record_epoch(epoch)
        return ending

    def _next_stop(self) -> int:
        here, trial = self.position.iteration, self._trial
        stops = [here + STRETCH_ITERATIONS, self._plan.next_evaluation(here), self._warm_from]
        stops += [self._plan.last_iteration or here, trial.min_iterations if self.position.is_reached else here]
        return min(stop for stop in stops if stop > here)

    def _record(self, losses: Tensor, *, epoch: int) -> Ending | None:
        """Add the losses of a stretch, up to the one at which the trial diverged if it did."""
        position = self.position
        loss = losses.cpu().numpy()
        divergence = self._watch.first_divergence(loss)
        if divergence:
            loss = loss[: divergence[0] + 1]
        first = position.iteration + 1
        examples = np.array([self._plan.examples_after(i) for i in range(first, first + len(loss))])
        self.writer.add_iterations(epoch=epoch, first_iteration=first, examples=examples, loss=loss)
        position.iteration += len(loss)
        position.examples = int(examples[-1])
        position.loss = float(loss[-1])
        if not divergence:
            return None
        return Ending("diverged", divergence[1], f"loss {position.loss:g} at iteration {position.iteration}")

    def _record_epoch(self, epoch: int) -> None:
        row = epoch_row(epoch, self.position, self.clocks, peak_memory_bytes=peak_memory_bytes(self._device))
        clips = self._learner.clip_norm is not None
        share = int(self._learner.clipped) / self._plan.epoch_iterations if clips else None
        self.writer.add_epoch(**row, clipped_share=share)

    def _judge(self) -> Ending | None:
        """Evaluate if it is time to, and say whether the trial has met its target or spent a budget."""
        iteration = self.position.iteration
        spent = spent_budget(self.position, self.clocks, self._plan)
        if spent or self._plan.next_evaluation(iteration - 1) == iteration:
            self._record_evaluation()
        is_enough = self.position.is_reached and iteration >= self._trial.min_iterations
        if is_enough and self._trial.stop_at_target:
            return Ending("completed", "target")
        return Ending("completed", spent) if spent else None

    def _record_evaluation(self) -> None:
        start = time.perf_counter()
        metrics = self._evaluate()
        seconds = time.perf_counter() - start
        self.clocks.eval_seconds += seconds
        position = self.position
        row = evaluation_row(position, self.clocks, self._plan, eval_seconds=seconds)
        self.writer.add_evaluation(**row, **metrics)
        position.metric = metrics[self._target.metric]
        if not position.is_reached and self._target.is_met(position.metric):
            position.reached_iteration = position.iteration

    def _evaluate(self) -> dict[str, float]:
        found = evaluate(self._learner, self._held_out)
        if self._test_set is None:
            return found
        return found | {f"test_{name}": value for name, value in evaluate(self._learner, self._test_set).items()}

    def _keep_up(self) -> None:
        """Report and write, if it is time to."""
        now = time.perf_counter()
        if now - self._last_report >= max(self._surroundings.report_seconds, REPORT_SHARE * (now - self._start)):
            self._report(progress(self.position, self.clocks, self._plan))
            self._machine_load.look()
            self._last_report = now
        if now - self._last_write >= self._surroundings.checkpoint_seconds:
            self.writer.write_part()
            write_checkpoint(self.writer.paths, self._trial.trial_id, self.writer.attempt, self._state())
            self._last_write = time.perf_counter()
            self.clocks.write_seconds += self._last_write - now

    def _state(self) -> State:
        """Return all that a new attempt needs to go on from here, bit for bit on a CPU."""
        return {
            "parts": [tuple(part) for part in self.writer.parts],
            "learner": learner_state(self._learner),
            "kernels": astuple(self._kernels) if self._kernels else None,
            "random": random_state(),
            "standing": asdict(self.position),
            "clocks": asdict(self.clocks),
            "watch": self._watch.state,
            "wall_seconds": self._wall_seconds(),
        }

    def _restore(self, state: State) -> None:
        """Go on from a saved state. The first iterations are warm-up once more: this process has made none yet."""
        self.position = Position(**state["standing"])
        restore_learner(self._learner, state["learner"], iteration=self.position.iteration)
        restore_random(state["random"])
        self.clocks = Clocks(**state["clocks"])
        self._watch.restore(state["watch"])
        self._warm_from = self.position.iteration + self._trial.warmup_iterations
        self._earlier_seconds = state["wall_seconds"]

    def _wall_seconds(self) -> float:
        return self._earlier_seconds + time.perf_counter() - self._start

    def outcome(self, ending: Ending) -> dict[str, Any]:
        """Return the columns of `trials` that say how the trial went."""
        self._machine_load.look()
        columns = outcome_columns(ending, self.position, self.clocks) | assembly_columns(self.assembly)
        return columns | {
            "wall_seconds": self._wall_seconds(),
            "micro_batch_used": self._micro_batch,
            "neighbours": self._machine_load.most,
        }
