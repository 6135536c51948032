"""One attempt at the trial of a function that trains by itself: call it, and commit what it reported.

It has no checkpoint. An attempt that ends without an answer leaves its rows for who looks, and the next one begins at
the start.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from bs_study.config import TrialConfig
from bs_study.store.schema import FUNCTION
from bs_study.store.writer import TrialWriter
from bs_study.target import Target, definite
from bs_study.training.black_box_ends import BlackBoxEnds
from bs_study.training.black_box_report import BlackBoxReport, Stopped
from bs_study.training.interruption import Interrupted, Interruption
from bs_study.training.learner import is_out_of_memory
from bs_study.training.machine import machine_columns, set_up
from bs_study.training.machine_load import MachineLoad
from bs_study.training.placement import Machine, Pacing, Place
from bs_study.training.progress import Ending, Position, Report
from bs_study.training.recorder import Recorder
from bs_study.training.run import NewestBound
from bs_study.training.watchdog import Watchdog
from bs_study.workloads.black_box import BlackBox
from bs_study.workloads.user_errors import told


def train_black_box(
    box: BlackBox,
    trial: TrialConfig,
    place: Place,
    machine: Machine,
    pacing: Pacing,
    *,
    report: Report,
    give_up: Callable[[], None],
    interruption: Interruption,
    bound: NewestBound,
) -> Ending:
    """Call a function to its end and commit the trial; takes what `run_trial` does.

    It ends as `returned` where it was told no reason to stop. One that reported no metric of the target has no answer.

    Raises:
        Interrupted: an end was asked for before the trial had an answer.
        Exception: what the function raises before it, but for memory that runs out.
    """
    start = datetime.now(UTC)
    if trial.settings.target is None:
        raise ValueError("target: a function has none of its own. Give the metric and its value, as 'accuracy>=0.98'")
    target = definite(trial.settings.target)
    set_up(machine, trial=trial)
    writer = TrialWriter(place.paths, trial, metrics=place.metrics)
    with contextlib.ExitStack() as from_training_to_commit:
        with Watchdog(pacing.timeout_seconds, bark=give_up) as watchdog, MachineLoad() as load:
            recorder = Recorder(writer, pacing=pacing, load=load, report=report)
            position = recorder.position
            from_training_to_commit.enter_context(interruption.held_back())
            told_by = BlackBoxReport(
                trial,
                target,
                recorder=recorder,
                writer=writer,
                pacing=pacing,
                watchdog=watchdog,
                interruption=interruption,
                ends=BlackBoxEnds(trial, position=position, bound=bound),
            )
            try:
                ending = _ending(box, trial, told_by, interruption)
            except BaseException as error:
                if not isinstance(error, OSError):  # which may be the store's own: it has been patient already
                    with contextlib.suppress(Exception):  # the first error is the one to tell
                        writer.write_part()
                raise
        ending = replace(
            _without_answer(ending, position, box=box, target=target) or ending,
            iterations=position.iteration,
            reached_iteration=position.reached_iteration,
            seconds=recorder.clocks.seconds(position.iteration),
        )
        own = {"workload_version": place.workload_version, "engine_used": FUNCTION, "start_time": start}
        writer.commit(machine_columns(machine) | recorder.outcome(ending) | own | dict.fromkeys(place.unheeded))
    return ending


def _ending(box: BlackBox, trial: TrialConfig, report: BlackBoxReport, interruption: Interruption) -> Ending:
    """Call the function, and return how the trial has ended; what it raises after that is only told."""
    message = None
    try:
        box.function(batch_size=trial.batch_size, lr=trial.lr, seed=trial.seed, report=report)
    except Stopped:
        pass
    except (Exception, SystemExit) as error:
        report.close()
        message = told(error)
        if report.ending is None:
            if interruption.is_asked:
                raise Interrupted from error
            if is_out_of_memory(error):
                return Ending("out_of_memory", "out_of_memory", str(error).partition("\n")[0])
            if not isinstance(error, SystemExit):
                raise
            if error.code:
                raise RuntimeError(f"it ends the process: {error.code}").with_traceback(error.__traceback__) from error
            message = None  # as a script does that is through
    finally:
        report.close()
    if report.ending is None:
        interruption.check()
    ending = report.ending or Ending("completed", "returned")
    return replace(ending, message="; ".join(filter(None, [ending.message, message])) or None)


def _without_answer(ending: Ending, position: Position, *, box: BlackBox, target: Target) -> Ending | None:
    """Return the failure of a trial that has come to its end, and has told nothing of the target; None of another."""
    if ending.status != "completed" or position.metric is not None:
        return None
    metric = f"{target.metric}=..." if target.metric.isidentifier() else f"**{{{target.metric!r}: ...}}"
    if not position.iteration:
        lacks = (
            f"{box.name} ended without one call of report in its own process. Call report(iteration=..., loss=...) as "
            "it trains, and"
        )
    else:
        lacks = f"{box.name} reported no {target.metric}, which the target asks for. Call"
    return Ending("failed", "error", f"{lacks} report(iteration=..., {metric}) after each evaluation")
