"""Trials one after another in this process, without Ray: for a laptop and for a debugger."""

from __future__ import annotations

import contextlib
import signal
import threading
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import torch

from bs_study.config import StudyConfig, TrialConfig
from bs_study.launch.failures import failure_message, record_failure
from bs_study.launch.watching import Resources, Watcher, counted, refuse_without_gpu
from bs_study.training.placement import Surroundings, study_of
from bs_study.training.progress import Ending
from bs_study.training.timing import Timing, machine_kind, missing_timings, time_batch_size
from bs_study.training.trial import run_trial


def local_resources(config: StudyConfig) -> Resources:
    """Return what a trial gets in this process.

    Raises:
        ValueError: more GPUs are asked for than this machine has.
    """
    there = torch.cuda.device_count()
    asked = config.gpus_per_trial if config.gpus_per_trial is not None else min(1, there)
    if asked > there:
        raise ValueError(f"gpus_per_trial: {asked:g}, but this machine has {there}. Use --gpus-per-trial {there}")
    refuse_without_gpu(config, asked)
    on = "a GPU" if asked else f"the CPU ({counted(config.cpus_per_trial, 'thread')})"
    return Resources(asked, slots=1, description=f"one trial at a time in this process, on {on}")


def run_serial(
    trials: Sequence[TrialConfig],
    surroundings: Surroundings,
    config: StudyConfig,
    resources: Resources,
    watcher: Watcher,
) -> None:
    """Run trials in order; one that fails for good is recorded as failed, and the next goes on."""
    surroundings = replace(surroundings, device="cuda" if resources.gpus_per_trial else "cpu")
    with _timeouts_raise(surroundings.trial_timeout):
        for trial in trials:
            watcher.started(trial)
            watcher.ended(trial, _run_with_retries(trial, surroundings, config, watcher))


def time_serial(
    trials: Sequence[TrialConfig], surroundings: Surroundings, config: StudyConfig, resources: Resources
) -> Iterator[Timing]:
    """Time the batch sizes of these trials in this process, each written to the store when it is done."""
    surroundings = replace(surroundings, device="cuda" if resources.gpus_per_trial else "cpu")

    def measure(trial: TrialConfig) -> dict[str, Any]:
        return time_batch_size(trial, surroundings, give_up=_interrupt_main)

    with _timeouts_raise(surroundings.trial_timeout):
        yield from missing_timings(study_of(surroundings), trials, machine_kind(surroundings), measure=measure)


def _interrupt_main() -> None:
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGALRM)


def _run_with_retries(trial: TrialConfig, surroundings: Surroundings, config: StudyConfig, watcher: Watcher) -> Ending:
    message = ""
    for _ in range(1 + config.max_failures):
        try:
            return run_trial(
                trial,
                surroundings,
                report=lambda progress: watcher.progressed(trial, progress),
                give_up=lambda *_: _interrupt_main(),
            )
        except TrialTimeoutError as error:
            return record_failure(trial, surroundings, failure_message(error), stop_reason="timeout")
        except Exception as error:  # noqa: BLE001  whatever a workload raises ends its own trial only
            message = f"{failure_message(error)}\n{traceback.format_exc()}"
    return record_failure(trial, surroundings, message)


class TrialTimeoutError(Exception):
    """A trial made no progress for too long."""


@contextlib.contextmanager
def _timeouts_raise(seconds: float | None) -> Iterator[None]:
    """Let the signal that a hanging trial is given up by raise in the main thread, which is where it hangs."""
    if seconds is None:
        yield
        return

    def give_up(*_: object) -> None:
        raise TrialTimeoutError(f"no progress for {seconds:g} s")

    before = signal.signal(signal.SIGALRM, give_up)
    try:
        yield
    finally:
        signal.signal(signal.SIGALRM, before)
