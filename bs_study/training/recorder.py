"""What a trial tells of itself while it runs: rows, clocks, progress and checkpoints; in the end, how it went."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from bs_study.store.writer import TrialWriter
from bs_study.target import Target
from bs_study.training.checkpoint import State, misfits_raise, write_checkpoint
from bs_study.training.clock import Clocks, restored_clocks
from bs_study.training.machine_load import MachineLoad
from bs_study.training.placement import Pacing
from bs_study.training.plan import Plan
from bs_study.training.progress import Ending, Position, Progress, Report, progress

REPORT_SHARE = 0.01  # of the time so far, between reports at least: Ray keeps 2 kB of each until the trial ends


class Recorder:
    """Where a trial stands and what its clocks say. It is there before a model is, for which memory may not suffice.

    Args:
        writer: takes its rows.
        pacing: how often it reports and writes.
        load: counts the trials beside this one.
        report: told of its progress.
    """

    def __init__(self, writer: TrialWriter, *, pacing: Pacing, load: MachineLoad, report: Report) -> None:
        self.position = Position()
        self.clocks = Clocks()
        self._writer = writer
        self._pacing = pacing
        self._load = load
        self._report = report
        self._earlier_seconds = 0.0
        self._start = self._last_report = self._last_write = time.perf_counter()

    def add_initial_metric(self, value: float) -> None:
        """Record the target's metric with the initial weights; one that is no number is not known."""
        self.position.initial_metric = None if math.isnan(value) else value

    def add_losses(self, loss: npt.NDArray[Any], grad_norms: npt.NDArray[Any], *, epoch: int, plan: Plan) -> None:
        """Record losses and gradient norms of the next iterations, both of shape (iterations,)."""
        position = self.position
        first = position.iteration + 1
        examples = np.array([plan.examples_after(i) for i in range(first, first + len(loss))])
        self._writer.add_iterations(
            epoch=epoch, first_iteration=first, examples=examples, loss=loss, grad_norm2=grad_norms**2
        )
        position.iteration += len(loss)
        position.examples = int(examples[-1])
        position.loss = float(loss[-1])

    def add_epoch(self, epoch: int, *, clipped_share: float | None, peak_memory_bytes: int) -> None:
        """Record the epoch that has just ended."""
        self._writer.add_epoch(
            epoch=epoch,
            iterations=self.position.iteration,
            examples=self.position.examples,
            **self.clocks.of_epoch,
            peak_memory_bytes=peak_memory_bytes,
            clipped_share=clipped_share,
        )

    def add_evaluation(self, metrics: dict[str, float], *, target: Target, seconds: float, plan: Plan) -> None:
        """Record an evaluation made now, which took so many seconds, and whether the target is reached."""
        position = self.position
        self.clocks.eval_seconds += seconds
        self._writer.add_evaluation(
            epoch=plan.epochs_after(position.iteration),
            iteration=position.iteration,
            examples=position.examples,
            **self.clocks.of_trial,
            eval_seconds=seconds,
            **metrics,
        )
        position.look(metrics[target.metric], target=target, window=plan.trial.settings.target_window)

    def add_probe(self, row: dict[str, float | None]) -> None:
        """Record a probe of the gradients."""
        self._writer.add_probe(**row)

    def keep_up(self, plan: Plan, learnt: Callable[[], State]) -> None:
        """Report and write, if it is time to.

        Args:
            learnt: returns what a checkpoint holds beside what is recorded.
        """
        self.tell(lambda: progress(self.position, self.clocks, plan))
        if time.perf_counter() - self._last_write >= self._pacing.checkpoint_seconds:
            self.keep(plan, learnt)

    @property
    def next_told(self) -> float:
        """When progress is told next, on the clock of `time.perf_counter`."""
        return self._last_report + max(self._pacing.report_seconds, REPORT_SHARE * (self._last_report - self._start))

    def tell(self, progress: Callable[[], Progress]) -> None:
        """Tell the progress if it is time to, and look whom the trial shares its machine with."""
        now = time.perf_counter()
        if now >= self.next_told:
            self._report(progress())
            self._load.look()
            self._last_report = now

    def keep(self, plan: Plan, learnt: Callable[[], State]) -> None:
        """Write what was recorded and a checkpoint; takes what `keep_up` takes."""
        start = time.perf_counter()
        self._writer.write_part()
        state = self._state() | learnt()
        write_checkpoint(self._writer.paths, plan.trial.trial_id, self._writer.attempt, state)
        self._last_write = time.perf_counter()
        self.clocks.write_seconds += self._last_write - start

    def _state(self) -> State:
        return {
            "parts": [tuple(part) for part in self._writer.parts],
            "standing": asdict(self.position),
            "clocks": asdict(self.clocks),
            "wall_seconds": self._wall_seconds(),
        }

    def restore(self, state: State) -> None:
        """Go on from a saved state, and from the parts that it stands on.

        Raises:
            MisfitError: it is of another version.
        """
        with misfits_raise():
            standing = state["standing"]
            # Checkpoints of version 0.1 were written after the evaluation only.
            position = Position(**{"judged_iteration": standing["iteration"]} | standing)
            clocks, earlier_seconds = restored_clocks(state["clocks"]), float(state["wall_seconds"])
        self._writer.adopt(state["parts"])
        self.position, self.clocks, self._earlier_seconds = position, clocks, earlier_seconds

    def _wall_seconds(self) -> float:
        return self._earlier_seconds + time.perf_counter() - self._start

    def outcome(self, ending: Ending) -> dict[str, Any]:
        """Return the columns of `trials` that say how the trial went."""
        self._load.look()
        clocks = self.clocks
        training = {name: seconds for name, seconds in clocks.of_trial.items() if not math.isnan(seconds)}
        return training | {
            "warmup_seconds": clocks.warmup_seconds,
            "eval_seconds": clocks.eval_seconds,
            "write_seconds": clocks.write_seconds,
            "initial_metric": self.position.initial_metric,
            "status": ending.status,
            "stop_reason": ending.stop_reason,
            "bound": ending.bound,
            "outrun_by": ending.outrun_by,
            "message": ending.message,
            "iterations": self.position.iteration,
            "examples": self.position.examples,
            "end_time": datetime.now(UTC),
            "wall_seconds": self._wall_seconds(),
            "neighbours": self._load.most,
        }
