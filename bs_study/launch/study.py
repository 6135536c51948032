"""A study from its lease to its report: begin, time each batch size, run the trials, conclude."""

from __future__ import annotations

import _thread
import shlex
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bs_study.config.launch import flags_of, resume_command
from bs_study.config.python_call import as_typed
from bs_study.config.recipe_names import named_recipes
from bs_study.door import command, launched
from bs_study.grid import is_full_grid, names_of_recipes
from bs_study.launch.course import Course
from bs_study.launch.heartbeat import Heartbeat, Listener
from bs_study.launch.launcher import Launcher
from bs_study.launch.live_report import live_report
from bs_study.launch.outlook import longest, search_rules, trials_ahead
from bs_study.launch.signals import bounded_end
from bs_study.launch.timing import time_alone, wants_timing
from bs_study.launch.trackers.chosen import chosen_trackers
from bs_study.launch.trackers.tracking import Tracking
from bs_study.process.left_behind import sweep
from bs_study.process.stop import Stop
from bs_study.report.place import has_last_report, page_place
from bs_study.store.lease import study_lease
from bs_study.store.reader import Study
from bs_study.words import duration, one_line

if TYPE_CHECKING:
    from bs_study.launch.prepare import Prepared  # with torch, which is loaded once there is a sign of life


@dataclass(frozen=True)
class End:
    """How a study ended: trials that failed, whether it was interrupted or its report could be written; where it is."""

    failed: int = 0
    is_interrupted: bool = False
    is_reported: bool = True
    uri: str = ""

    @property
    def exit_status(self) -> int:
        """0 done, 1 with failed trials or without a report, 130 interrupted."""
        return 130 if self.is_interrupted else 1 if self.failed or not self.is_reported else 0


def run_study(study: Prepared, listener: Listener, *, quiet_seconds: float | None = None) -> End:
    """Run what is left of a study and write its report. One process at a time does, which holds the study's lease.

    Args:
        study: as `prepared` returns it.
        listener: hears of it.
        quiet_seconds: without a line, after which one says how far the study is; None for never.

    Raises:
        ValueError: a resource, a tracker or the lease can't be had.
        OSError: the store does not answer.
    """
    with Heartbeat(listener, seconds=quiet_seconds) as told:
        return run_told(study, told)


def run_told(study: Prepared, listener: Heartbeat) -> End:
    """Do what `run_study` does for a listener that has a heartbeat."""
    trackers = chosen_trackers(study.options, study.paths)
    pace = study.options.checkpoint_seconds
    named = names_of_recipes(study.config)
    again = flags_of(study.options.model_copy(update={"timing": None}))  # whether to time is for each step to say
    with launched(again), bounded_end(last_words(study)) as end:
        sweep()
        try:
            with Tracking(trackers, Study(study.paths), recipe_of=named, live_seconds=pace) as tracking:
                return _run(study, listener, tracking, end)
        except KeyboardInterrupt:
            end.begin()
            say_last(end, listener)
            return End(is_interrupted=True)


def last_words(study: Prepared) -> str:
    return f"interrupted. Go on with: {_resumed(study)}"


def _resumed(study: Prepared) -> str:
    """Return how a person types that a study goes on."""
    return as_typed(resume_command(study.paths.uri, study.options), workload=study.config.settings.workload)


def say_last(end: Stop, listener: Heartbeat) -> None:
    """Say a study's last words, unless that was done."""
    listener.fall_silent()
    if end.last_words is not None:
        listener.say(end.last_words)
        end.last_words = None


def _run(study: Prepared, listener: Heartbeat, tracking: Tracking, end: Stop) -> End:
    if study.version is None:
        what = "all trials" if is_full_grid(study.config) else "all trials that are wanted"
        listener.say(f"nothing to do: {what} of {study.paths.uri} have ended")
        if study.grows_from is None and has_last_report(study.paths):
            return End()
        if study.grows_from is not None:  # what is asked is kept, though nothing follows from it yet
            with study_lease(study.paths, lost=_thread.interrupt_main, warn=listener.warn):
                study.create()
        return _concluded(study, listener, tracking, end)
    listener.doing("looking what trials may use" if study.options.local else "starting or joining Ray")
    with (
        launcher_of(study) as launcher,
        study_lease(study.paths, lost=_thread.interrupt_main, warn=listener.warn),
    ):
        study.create()
        _announce(study, launcher, listener)
        try:
            _time_alone(study, launcher, listener)
            failed = _run_trials(study, launcher, listener, tracking) if study.trials else 0
            end.last_words = _without_report(study)
        except KeyboardInterrupt:
            end.begin()
            if study.trials and _is_over(study):
                end.last_words = _without_report(study)
            say_last(end, listener)  # before Ray is left, which may take a while
            return End(is_interrupted=True)
    concluded = _concluded(study, listener, tracking, end)
    if failed:
        listener.say(f"failed trials: {failed}. Try them again with: {_resumed(study)}")
    return replace(concluded, failed=failed)


def _concluded(study: Prepared, listener: Heartbeat, tracking: Tracking, end: Stop) -> End:
    """Conclude, and return how the study ended."""
    end.last_words = _without_report(study)
    listener.doing("reading what the trials have written")
    return End(is_reported=conclude(study, listener, tracking))


def _without_report(study: Prepared) -> str:
    uri = shlex.quote(study.paths.uri)
    return f"interrupted, with all trials ended. Its report: {command('report')} {uri}"


def _is_over(study: Prepared) -> bool:
    """Return whether nothing is wanted any more: the last trial may have ended when it was to be interrupted."""
    try:
        return not _course(study).plan.wanted
    except OSError:
        return False


def _course(study: Prepared) -> Course:
    return Course(study.config, Study(study.place.paths), version=study.place.workload_version)


def launcher_of(study: Prepared) -> AbstractContextManager[Launcher]:
    """Return what runs the trials of a study while it is entered: in this process, or on Ray."""
    if study.options.local:
        from bs_study.launch.serial import serial_launcher

        return serial_launcher(study.config, study.options, study.place, study.data)
    from bs_study.launch.ray_tune import ray_launcher  # Ray is loaded for nothing else

    return ray_launcher(study.config, study.options, study.place, study.data)


def _announce(study: Prepared, launcher: Launcher, listener: Heartbeat) -> None:
    settings = study.config.settings
    ahead = trials_ahead(study.config, study.plan)
    asks = f"held-out loss at {study.config.at}" if study.config.at else f"target {settings.target}"
    listener.say(f"{ahead} of {settings.workload}, {asks}")
    for rule in search_rules(study.config):
        listener.say(rule)
    recipes = list(named_recipes(study.config))
    if len(recipes) > 1:
        listener.say(f"{len(recipes)} recipes: {'; '.join(recipes)}")
    listener.say(f"on {launcher.resources.description}")
    listener.say(f"to {study.paths.uri}")
    if study.version and study.version.said:
        listener.say(study.version.said)
    for warning in study.warnings:
        listener.warn(f"warning: {warning}")


def _time_alone(study: Prepared, launcher: Launcher, listener: Heartbeat) -> None:
    """Time each batch size alone on its device, if it is wanted; the trials run also where that can't be done."""
    if study.is_black_box:
        return
    there = Study(study.paths)
    try:
        most = len(study.trials) if is_full_grid(study.config) else study.plan.at_most
        if wants_timing(study.options, launcher.resources, trials=most, study=there):
            for line in time_alone(launcher, study.config, study.options):
                listener.say(line)
    except OSError as error:  # no node was free, or the store does not answer
        listener.warn(f"timing: left out, {one_line(error)}")


def _run_trials(study: Prepared, launcher: Launcher, listener: Heartbeat, tracking: Tracking) -> int:
    """Run what is left of a study under its display; return how many trials failed."""
    course, slots = _course(study), launcher.resources.slots
    examples = study.train_examples
    if examples is not None:
        takes = longest(study.config, course.plan, course.timings(), train_examples=examples, slots=slots)
        if takes:
            listener.say(takes)
    again = study.options.report_seconds
    if again:
        listener.say(f"report while it runs: {page_place(study.paths)}, about every {duration(again)}")
    with (
        live_report(study.paths.uri, seconds=again, warn=listener.warn),
        listener.watch(course, slots=slots) as display,
        tracking.watching(display) as watcher,
    ):
        launcher.run(course, watcher)
    return display.failed


def conclude(study: Prepared, listener: Heartbeat, tracking: Tracking) -> bool:
    """Say what the study found and write its report, from one analysis; return whether the store allowed it."""
    from bs_study.answer import analyse  # with scipy and matplotlib, which trials need not wait for
    from bs_study.launch.trackers.answer import tracked_answer
    from bs_study.report.page import publish
    from bs_study.report.terminal import closing, page_at, terminal_width

    stored, width = Study(study.paths), terminal_width()
    try:
        found = analyse(stored, keep=True)
        tracking.conclude(tracked_answer(found))
        listener.say("\n".join(closing(found, width=width)))
        place = publish(stored, found)
        listener.fall_silent()
        listener.say("\n".join(page_at(place, width=width)))
    except OSError as error:  # what failed a trial may still be there: a full disk, a store that does not answer
        listener.warn(f"error: no report: {one_line(error)}")
        return False
    return True
