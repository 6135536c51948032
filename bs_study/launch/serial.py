"""Trials one after another in this process, without Ray: for a laptop and for a debugger."""

from __future__ import annotations

import contextlib
import gc
import signal
import threading
import time
import traceback
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import torch

from bs_study.bound import Bound
from bs_study.config import LaunchOptions, StudyConfig, TrialConfig
from bs_study.launch.course import Course
from bs_study.launch.failures import failure_message, record_failure
from bs_study.launch.launcher import Launcher, Resources, Watcher, machine_given, pacing_of, refuse_without_gpu
from bs_study.launch.signals import heeded_signals
from bs_study.training.data import DataSets
from bs_study.training.interruption import Interruption
from bs_study.training.machine import machine_kind
from bs_study.training.placement import Machine, Place
from bs_study.training.progress import Ending
from bs_study.training.timing import BatchTiming, missing_timings, time_batch_size
from bs_study.training.trial import run_trial
from bs_study.words import counted, duration, typed

STORE_SECONDS = 1.0
"""Between two questions to a store that does not answer; each is patient by itself."""


def local_resources(config: StudyConfig, options: LaunchOptions) -> Resources:
    """Return what a trial gets in this process.

    Raises:
        ValueError: more GPUs are asked for than this machine has.
    """
    there = torch.cuda.device_count()
    asked = options.gpus_per_trial if options.gpus_per_trial is not None else min(1, there)
    if asked > there:
        raise ValueError(f"gpus_per_trial: {typed(asked)}, but this machine has {there}. Use --gpus-per-trial {there}")
    refuse_without_gpu(config.settings, asked)
    on = "a GPU" if asked else f"the CPU ({counted(config.cpus_per_trial, 'thread')})"
    return Resources(asked, slots=1, description=f"one trial at a time in this process, on {on}")


def local_machine(config: StudyConfig, options: LaunchOptions) -> Machine:
    """Return what each trial may use of this machine.

    Raises:
        ValueError: more GPUs are asked for than it has.
    """
    gpus = local_resources(config, options).gpus_per_trial
    return machine_given(config, options, device="cuda" if gpus else "cpu")


@contextlib.contextmanager
def serial_launcher(
    config: StudyConfig, options: LaunchOptions, place: Place, data: DataSets | None = None
) -> Iterator[Launcher]:
    """Yield what runs the trials of a study in this process.

    Raises:
        ValueError: more GPUs are asked for than this machine has.
    """
    yield SerialLauncher(config, options, place, data)


class SerialLauncher:
    """Runs trials one after another in this process.

    Args:
        config: of the study.
        options: how it is launched.
        place: where its trials read and write.
        data: its data sets, if they are at hand; else the first trial reads them.
    """

    def __init__(self, config: StudyConfig, options: LaunchOptions, place: Place, data: DataSets | None = None) -> None:
        self.resources = local_resources(config, options)
        self._place, self._data = place, data
        self._machine = local_machine(config, options)
        self._pacing = pacing_of(options)
        self._tries = 1 + options.max_failures
        self._launched = datetime.now(UTC)
        self._interruption = Interruption()

    def run(self, course: Course, watcher: Watcher) -> None:
        """Run what a course wants, in its order; a trial that fails for good is recorded as failed, and it goes on.

        Raises:
            KeyboardInterrupt: a signal came; a trial that was training has written a checkpoint, if there was time.
        """
        gc.collect()
        gc.freeze()  # the trials of a large study stay, and each trial has a collection, which need not look at them
        with heeded_signals(self._interruption), _timeouts_raise(self._pacing.timeout_seconds):
            while (trial := self._next(course)) is not None:
                watcher.started(trial)
                ending = self._run_with_retries(trial, watcher, course.bound(trial))
                course.ended(trial)
                watcher.ended(trial, ending)

    def _next(self, course: Course) -> TrialConfig | None:
        """Return what to train next; None at the end. Nothing else runs here, so else the store does not answer."""
        while (trial := course.next()) is None and not course.is_over:
            self._interruption.check()
            time.sleep(STORE_SECONDS)
        return trial

    def time(self, trials: Sequence[TrialConfig], *, disturbed_too: bool) -> Iterator[BatchTiming]:
        """Time the batch sizes of these trials, each written to the store when it is done."""

        def measure(trial: TrialConfig) -> BatchTiming:
            return time_batch_size(
                trial,
                self._machine,
                data_dir=self._place.data_dir,
                data=self._data,
                timeout_seconds=self._pacing.timeout_seconds,
                give_up=_interrupt_main,
            )

        with _timeouts_raise(self._pacing.timeout_seconds):
            yield from missing_timings(
                self._place.paths,
                trials,
                machine_kind(self._machine),
                measure=measure,
                workload_version=self._place.workload_version,
                disturbed_too=disturbed_too,
            )

    def _run_with_retries(self, trial: TrialConfig, watcher: Watcher, bound: Bound | None) -> Ending:
        message = ""
        for _ in range(self._tries):
            try:
                return run_trial(
                    trial,
                    self._place,
                    self._machine,
                    pacing=self._pacing,
                    data=self._data,
                    launched=self._launched,
                    report=lambda progress: watcher.progressed(trial, progress),
                    give_up=_interrupt_main,
                    interruption=self._interruption,
                    bound=lambda: bound,
                )
            except TrialTimeoutError as error:
                return record_failure(trial, self._place, failure_message(error), stop_reason="timeout")
            except Exception as error:  # noqa: BLE001  whatever a workload raises ends its own trial only
                message = f"{failure_message(error)}\n{traceback.format_exc()}"
        return record_failure(trial, self._place, message)


def _interrupt_main() -> None:
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGALRM)


class TrialTimeoutError(Exception):
    """A trial made no progress for too long."""


@contextlib.contextmanager
def _timeouts_raise(seconds: float | None) -> Iterator[None]:
    """Let the signal that a hanging trial is given up by raise in the main thread, which is where it hangs."""
    if seconds is None:
        yield
        return

    def give_up(*_: object) -> None:
        raise TrialTimeoutError(f"no progress for {duration(seconds)}")

    before = signal.signal(signal.SIGALRM, give_up)
    try:
        yield
    finally:
        signal.signal(signal.SIGALRM, before)
