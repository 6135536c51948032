"""One whole trial: seed, build, resume, train, write, end."""

from __future__ import annotations

import contextlib
import itertools
import os
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import TypedDict

from bs_study.config import TrialConfig
from bs_study.store.commit import commit_failed
from bs_study.store.set_aside import set_unfit_aside
from bs_study.store.writer import TrialWriter
from bs_study.training.assembly import Assembly, assemble, first_micro_batch
from bs_study.training.black_box import train_black_box
from bs_study.training.checkpoint import MisfitError, State, checkpoints, saved_kernels, told_aside
from bs_study.training.data import DataSets, trial_data
from bs_study.training.earlier import ended_earlier, target_of
from bs_study.training.interruption import Interruption
from bs_study.training.learner import is_out_of_memory
from bs_study.training.loop import STRETCH_ITERATIONS
from bs_study.training.machine import machine_columns, set_up
from bs_study.training.machine_load import MachineLoad
from bs_study.training.placement import Machine, Pacing, Place
from bs_study.training.progress import Ending, Report
from bs_study.training.randomness import seed_generators
from bs_study.training.recorder import Recorder
from bs_study.training.run import NewestBound, ready_run
from bs_study.training.watchdog import Watchdog
from bs_study.words import duration
from bs_study.workloads.base import known_workload, load_workload
from bs_study.workloads.black_box import BlackBox

GiveUp = Callable[[], None]


class _Heard(TypedDict):
    """Who is told of a trial, and what it hears; see `run_trial`."""

    report: Report
    give_up: GiveUp
    interruption: Interruption
    bound: NewestBound


def run_trial(
    trial: TrialConfig,
    place: Place,
    machine: Machine,
    *,
    pacing: Pacing,
    data: DataSets | None = None,
    launched: datetime | None = None,
    report: Report = lambda _: None,
    give_up: GiveUp | None = None,
    interruption: Interruption | None = None,
    bound: NewestBound = lambda: None,
) -> Ending:
    """Train a trial to its end and commit it to the store; continue from its newest checkpoint if it has one.

    Args:
        trial: what to train.
        place: where it reads and writes.
        machine: what it may use.
        pacing: how often it is heard of.
        data: the data sets, if they are at hand; else the trial reads them.
        launched: when the study was started or resumed, UTC. A trial that was given up since is not tried again.
        report: called with its progress.
        give_up: called in another thread when the trial makes no progress; by default it ends the process.
        interruption: asks it to write a checkpoint and end.
        bound: returns at once by when it must have met its target, as far as is known; asked at each evaluation.

    Raises:
        Interrupted: it was asked to. A trial that had come to its end by then is committed all the same.
        Exception: whatever the workload or the store raises, but for memory that runs out, which is an answer.
    """

    def exit_process() -> None:
        _exit_process(trial, place, f"no progress for {duration(pacing.timeout_seconds or 0)}")

    interruption = interruption or Interruption()
    interruption.check()
    give_up = give_up or exit_process
    earlier = ended_earlier(trial, place, launched=launched)
    if earlier:
        return earlier
    heard: _Heard = {"report": report, "give_up": give_up, "interruption": interruption, "bound": bound}
    try:
        workload = load_workload(trial.settings.workload)
        if isinstance(workload, BlackBox):
            return train_black_box(workload, trial, place, machine, pacing, **heard)
        return _attempt(trial, place, machine, pacing, data, **heard)
    except OSError:
        # Another attempt that ran beside this one may have ended the trial, and removed what this one stood on.
        with contextlib.suppress(OSError):
            earlier = ended_earlier(trial, place, launched=launched)
        if not earlier:
            raise
    return earlier


def _exit_process(trial: TrialConfig, place: Place, message: str) -> None:
    """End a trial that hangs as failed, and the process with it: in a worker, nothing less stops what hangs."""
    with contextlib.suppress(Exception):  # whatever it is, the process must end
        commit_failed(
            place.paths,
            trial,
            metrics=place.metrics,
            message=message,
            stop_reason="timeout",
            workload_version=place.workload_version,
            unheeded=place.unheeded,
        )
    os._exit(1)


def _attempt(
    trial: TrialConfig,
    place: Place,
    machine: Machine,
    pacing: Pacing,
    data: DataSets | None,
    *,
    report: Report,
    give_up: GiveUp,
    interruption: Interruption,
    bound: NewestBound,
) -> Ending:
    start = datetime.now(UTC)
    set_up(machine, trial=trial)
    unfit = set_unfit_aside(place.paths, trial.trial_id, metrics=place.metrics, version=place.workload_version)
    complaints: list[str | None] = [unfit]
    writer = TrialWriter(place.paths, trial, metrics=place.metrics)
    with contextlib.ExitStack() as from_training_to_commit:
        with Watchdog(pacing.timeout_seconds, bark=give_up) as watchdog, MachineLoad() as load:
            recorder = Recorder(writer, pacing=pacing, load=load, report=report)
            assembly = run = None
            try:
                saved = checkpoints(place.paths, trial.trial_id, complaints)
                for name, state in itertools.chain(saved, [("", None)]):
                    # Each is tried on an assembly of its own: one that did not fit leaves no trace.
                    try:
                        assembly = None
                        assembly = _assembled(
                            trial, place, machine, recorder, data=data, state=state, interruption=interruption
                        )
                        run = ready_run(
                            recorder,
                            assembly,
                            target=target_of(trial, assembly.learner.workload),
                            watchdog=watchdog,
                            state=state,
                            probing=pacing.probing,
                            bound=bound,
                        )
                    except MisfitError as error:
                        complaints.append(told_aside(name, error))
                        continue
                    from_training_to_commit.enter_context(interruption.held_back())
                    ending = run.train()
                    break
            except BaseException as error:
                if not is_out_of_memory(error):
                    _keep_rows(writer, error)
                    raise
                ending = Ending("out_of_memory", "out_of_memory", str(error).partition("\n")[0])
        if assembly:
            complaints.append(assembly.engine.complaint)
        if run:
            complaints += run.prober.complaints
        message = "; ".join(filter(None, [*complaints, ending.message])) or None
        position = recorder.position
        ending = replace(
            ending,
            message=message,
            iterations=position.iteration,
            reached_iteration=position.reached_iteration,
            seconds=recorder.clocks.seconds(position.iteration),
        )
        computed = assembly.columns if assembly else {"micro_batch_used": first_micro_batch(trial)}
        of_place = {"workload_version": place.workload_version, "eval_loss_batch_size": place.loss_batch}
        of_probes = run.prober.columns if run else {"probes": 0, "probe_seconds": 0.0}
        own = of_place | of_probes | {"start_time": start}
        writer.commit(machine_columns(machine) | computed | recorder.outcome(ending) | own)
    return ending


def _assembled(
    trial: TrialConfig,
    place: Place,
    machine: Machine,
    recorder: Recorder,
    *,
    data: DataSets | None,
    state: State | None,
    interruption: Interruption,
) -> Assembly:
    kernels = saved_kernels(state) if state else None
    workload = known_workload(trial.settings.workload)
    data = data or trial_data(trial, workload, place.data_dir)
    seed_generators(trial.seed)  # whether this trial read the data or an earlier one in this process
    start = time.perf_counter()
    assembly = assemble(
        trial,
        workload,
        data,
        machine,
        losses_kept=STRETCH_ITERATIONS,
        kernels=kernels,
        loss_batch=place.loss_batch,
        interruption=interruption,
    )
    if trial.settings.warmup_iterations:
        recorder.clocks.warmup_seconds += time.perf_counter() - start
    return assembly


def _keep_rows(writer: TrialWriter, error: BaseException) -> None:
    """Write what was recorded before an error, for who looks at what happened."""
    if not isinstance(error, OSError):  # which may be the store's own: it has been patient already
        with contextlib.suppress(Exception):  # the first error is the one to tell
            writer.write_part()
