"""One whole trial: seed, build, resume, train, write, end."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from bs_study.config import TrialConfig
from bs_study.store.commit import commit_failed, trial_row
from bs_study.store.paths import StudyPaths
from bs_study.store.reader import Study
from bs_study.store.writer import TrialWriter
from bs_study.target import Target
from bs_study.training.checkpoint import State, newest_checkpoint
from bs_study.training.data import trial_data
from bs_study.training.learner import is_out_of_memory
from bs_study.training.machine_load import MachineLoad
from bs_study.training.placement import Surroundings, set_up, study_of, surroundings_columns
from bs_study.training.progress import Ending, Report
from bs_study.training.randomness import seed_generators
from bs_study.training.run import TrialRun
from bs_study.training.watchdog import Watchdog
from bs_study.workloads.base import load_workload

GiveUp = Callable[[TrialConfig, Surroundings], None]


def run_trial(
    trial: TrialConfig,
    surroundings: Surroundings,
    *,
    report: Report = lambda _: None,
    give_up: GiveUp | None = None,
) -> Ending:
    """Train a trial to its end and commit it to the store; continue from its newest checkpoint if it has one.

    Args:
        trial: what to train.
        surroundings: where, and with what.
        report: called with its progress, about once a second unless the surroundings say otherwise.
        give_up: called in another thread when the trial makes no progress; by default it ends the process.

    Raises:
        Exception: whatever the workload or the store raises, but for memory that runs out, which is an answer.
    """
    paths = study_of(surroundings)
    earlier = _earlier_ending(paths, trial, surroundings)
    if earlier:
        return earlier
    try:
        return _attempt(trial, surroundings, paths, report=report, give_up=give_up or exit_process)
    except OSError:
        # Another attempt that ran beside this one may have ended the trial, and removed what this one stood on.
        with contextlib.suppress(OSError):
            earlier = _earlier_ending(paths, trial, surroundings)
        if not earlier:
            raise
    with contextlib.suppress(OSError):
        paths.remove(paths.live_trial(trial.trial_id))
    return earlier


def _attempt(
    trial: TrialConfig, surroundings: Surroundings, paths: StudyPaths, *, report: Report, give_up: GiveUp
) -> Ending:
    start = datetime.now(UTC)
    set_up(surroundings, trial=trial)
    state, complaints = newest_checkpoint(paths, trial.trial_id)
    adopted = state["parts"] if state else []
    writer = TrialWriter(paths, trial, metrics=surroundings.metrics, adopted=adopted)
    watchdog = Watchdog(surroundings.trial_timeout, bark=lambda: give_up(trial, surroundings))
    with watchdog, MachineLoad() as load:
        run = TrialRun(trial, surroundings, writer, watchdog=watchdog, load=load, report=report)
        ending = _train(run, trial, surroundings, state)
    complaints.append(run.assembly.engine.complaint if run.assembly else None)
    message = "; ".join(filter(None, [*complaints, ending.message])) or None
    ending = replace(
        ending, message=message, iterations=run.position.iteration, reached_iteration=run.position.reached_iteration
    )
    writer.commit(surroundings_columns(surroundings) | run.outcome(ending) | {"start_time": start})
    return ending


def _earlier_ending(paths: StudyPaths, trial: TrialConfig, surroundings: Surroundings) -> Ending | None:
    """Return how the trial ended if it did: by another attempt that was quicker, or given up since the launch."""
    row = trial_row(paths, trial.trial_id)
    if not row:
        return None
    is_given_up = row["stop_reason"] == "timeout" and surroundings.launched and row["end_time"] > surroundings.launched
    if row["status"] == "failed" and not is_given_up:
        return None
    return Ending(
        row["status"], row["stop_reason"], row["message"], row["iterations"], _reached_iteration(paths, trial)
    )


def _reached_iteration(paths: StudyPaths, trial: TrialConfig) -> int | None:
    target = Target.parse(trial.target or str(load_workload(trial.workload).target))
    evaluations = Study(paths).evaluations(["iteration", target.metric], trial_id=trial.trial_id)
    return next((int(iteration) for iteration, value in evaluations.to_numpy() if target.is_met(value)), None)


def exit_process(trial: TrialConfig, surroundings: Surroundings) -> None:
    """End a trial that hangs as failed, and the process with it: in a worker, nothing less stops what hangs."""
    with contextlib.suppress(OSError):
        commit_failed(
            study_of(surroundings),
            trial,
            metrics=surroundings.metrics,
            message=f"no progress for {surroundings.trial_timeout:g} s",
            stop_reason="timeout",
        )
    os._exit(1)


def _train(run: TrialRun, trial: TrialConfig, surroundings: Surroundings, state: State | None) -> Ending:
    try:
        workload = load_workload(trial.workload)
        data = surroundings.data or trial_data(trial, workload, surroundings.data_dir)
        seed_generators(trial.seed)  # whether this trial read the data or an earlier one in this process
        run.build(workload, data, state)
        return run.train()
    except BaseException as error:
        if is_out_of_memory(error):
            return Ending("out_of_memory", "out_of_memory", _memory_message(run, error))
        if not isinstance(error, OSError):  # which may be the store's own: it has been patient already
            with contextlib.suppress(OSError):
                run.writer.write_part()  # for who looks at what happened
        raise


def _memory_message(run: TrialRun, error: BaseException) -> str:
    text = str(error).partition("\n")[0]
    if not (run.assembly and run.assembly.needs_whole_batches):
        return text
    return (
        f"{text}. Its model has batch statistics (BatchNorm), which micro-batches would change, so the batch was not "
        "halved. Allow it with --micro-batch N"
    )
