"""What a function that trains by itself is given: `report` records what it is told, and answers whether to stop."""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

from bs_study.config import BUDGETS, TrialConfig
from bs_study.store.writer import TrialWriter
from bs_study.target import Target
from bs_study.training.black_box_ends import BlackBoxEnds
from bs_study.training.interruption import Interruption
from bs_study.training.pausing_clock import PausingClock
from bs_study.training.placement import Pacing
from bs_study.training.progress import Ending, Progress
from bs_study.training.recorder import Recorder
from bs_study.training.told_rows import ToldRows
from bs_study.training.watchdog import Watchdog

MOST_CALLS, MOST_SECONDS = 100, 60.0
"""For how long a function may go on reporting after it was told to stop."""


class Stopped(BaseException):
    """Ends a function that goes on though it was told to stop; no `except Exception` catches it.

    One that catches even this hears it again with each call, and feeds the watchdog no more: `trial_timeout` ends a
    worker of Ray then.
    """


class BlackBoxReport:
    """Called by a function as `report(iteration=..., examples=..., loss=..., accuracy=...)`; returns whether to stop.

    Threads of the function's process may call it, one at a time; another process may not.

    Args:
        trial: what is trained.
        target: the metric that each evaluation has, and the value that ends the trial.
        recorder: of where it stands, its clocks and its progress.
        writer: takes its rows.
        pacing: how often they are written.
        watchdog: fed with every call.
        interruption: asks for an end.
        ends: say when it is over.

    Attributes:
        ending: why the function is told to stop; None as long as it is not, and where an interrupt asks.
    """

    def __init__(
        self,
        trial: TrialConfig,
        target: Target,
        *,
        recorder: Recorder,
        writer: TrialWriter,
        pacing: Pacing,
        watchdog: Watchdog,
        interruption: Interruption,
        ends: BlackBoxEnds,
    ) -> None:
        self.ending: Ending | None = None
        self._recorder, self._position, self._clocks = recorder, recorder.position, recorder.clocks
        self._clocks.load_seconds = self._clocks.compute_seconds = math.nan  # which only the function could tell
        self._rows = ToldRows(trial, target, position=self._position, clocks=self._clocks, writer=writer)
        self._writer, self._ends, self._watchdog, self._interruption = writer, ends, watchdog, interruption
        self._lock, self._process = threading.RLock(), os.getpid()
        self._is_closed, self._calls_after, self._patient_until = False, 0, math.inf
        self._warmup, self._untimed, self._earlier_pauses = trial.settings.warmup_iterations, 0, 0.0
        self._clock = PausingClock()
        self._write_every, self._written = pacing.checkpoint_seconds, self._clock.start
        self._due = self._clock.start + min(pacing.report_seconds, pacing.checkpoint_seconds)

    def __call__(
        self, iteration: int, examples: int | None = None, loss: float | None = None, **metrics: float
    ) -> bool:
        """Record what is told, and return whether to stop: target, budget, outrun, divergence or an interrupt.

        A call with neither loss nor metric only asks. What comes before the first iterations (warmup_iterations) are
        reported, and they themselves, are warm-up: the training clock starts then.

        Args:
            iteration: the last one made, counted from 1; it never falls.
            examples: seen so far; by default iteration × batch size.
            loss: of the training at this iteration, a row of `iterations`. One that is not finite ends the trial.
            **metrics: of an evaluation at this iteration, the target's among them, a row of `evaluations`. NaN is no
                number there, and meets no target.

        Raises:
            ValueError: what is told can't be; the message says what is right.
            RuntimeError: another process than the function's calls.
            Stopped: the function goes on reporting long after it was told to stop.
        """
        self._refuse_other_process()
        with self._lock:
            now = time.perf_counter()
            if self._is_over(iteration, is_look=bool(metrics)):
                return self._stop_again(now)
            self._watchdog.feed()
            self._rows.take_counts(iteration, examples)
            diverged = None
            if loss is not None and self.ending is None:
                diverged = self._ends.of_loss(self._rows.take_loss(loss))
            if self._position.iteration <= self._warmup:
                self._warm_up(now)
            if metrics:
                self._read_clock(now)
                self._rows.take_metrics(metrics)
                diverged = diverged or self._ends.of_limit()
            self.ending = diverged or self._ends.of_progress(self._clock.trained(now), is_look=bool(metrics))
            if now >= self._due:
                self._keep_up(now)
            return self.ending is not None

    __call__.__qualname__ = "report"  # which Python's own errors of a call name

    @contextmanager
    def pause(self) -> Iterator[None]:
        """Leave what happens within out of the training clock: an evaluation, a checkpoint, reading the data."""
        self._refuse_other_process()
        with self._lock:
            self._watchdog.feed()
            self._clock.pause()
        try:
            yield
        finally:
            with self._lock:
                self._watchdog.feed()
                self._clock.go_on()

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "report can't be sent to another process. Call it in the process of the function that it was given to "
            "(Lightning: no strategy with spawn; rank 0 alone)"
        )

    def close(self) -> None:
        """Stop the clock, as the function has ended: what is reported later does not count."""
        with self._lock:
            self._read_clock(time.perf_counter())
            self._rows.flush()
            self.ending = self.ending or self._ends.of_limit()
            self._is_closed = True

    def _refuse_other_process(self) -> None:
        if os.getpid() != self._process:
            raise RuntimeError(
                "report: called in another process, from where nothing is recorded. Call it in the process of the "
                "function that it was given to"
            )

    def _is_over(self, iteration: int, *, is_look: bool) -> bool:
        """Return whether nothing more counts, but for the evaluation at the iteration that spent a budget."""
        if self._is_closed or self._interruption.is_asked:
            return True
        if self.ending is None:
            return False
        is_last = is_look and self._rows.lacks_look and iteration == self._position.iteration
        return not (is_last and self.ending.stop_reason in BUDGETS)

    def _stop_again(self, now: float) -> bool:
        self._patient_until = min(self._patient_until, now + MOST_SECONDS)
        self._calls_after += 1
        if not self._is_closed and (self._calls_after > MOST_CALLS or now > self._patient_until):
            raise Stopped("report has returned True, and the function goes on")
        self._watchdog.feed()
        return True

    def _read_clock(self, now: float) -> None:
        clocks, timed = self._clocks, self._position.iteration - self._untimed
        clocks.trial_timed_iterations = timed
        clocks.train_seconds = self._clock.trained(now) if timed else 0.0
        clocks.eval_seconds = self._earlier_pauses + self._clock.paused(now)

    def _warm_up(self, now: float) -> None:
        """Begin to time here: what came before is warm-up."""
        self._clocks.warmup_seconds += self._clock.trained(now)
        self._earlier_pauses += self._clock.paused(now)
        self._clock.start_anew(now)
        self._untimed = self._position.iteration

    def _keep_up(self, now: float) -> None:
        """Tell the progress, and write, if it is time to. The clock leaves it out."""
        position = self._position
        share = self._ends.share(self._clock.trained(now))
        told = Progress(position.iteration, math.nan, position.loss, position.metric, share)
        self._recorder.tell(lambda: told)
        if now - self._written >= self._write_every:
            self._rows.flush()
            self._writer.write_part()
            self._written = now
        self._due = min(self._recorder.next_told, self._written + self._write_every)
        took = time.perf_counter() - now
        self._clock.leave_out(took)
        self._clocks.write_seconds += took
