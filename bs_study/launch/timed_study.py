"""The timing pass of a study by itself: each batch size is timed alone, and nothing is trained."""

from __future__ import annotations

import _thread
from shlex import quote

from bs_study.config.launch import resume_command
from bs_study.door import command
from bs_study.launch.heartbeat import Heartbeat
from bs_study.launch.prepare import Prepared
from bs_study.launch.signals import bounded_end
from bs_study.launch.study import End, launcher_of, say_last
from bs_study.launch.timing import may_lack_timings, time_alone
from bs_study.process.left_behind import sweep
from bs_study.store.lease import study_lease
from bs_study.store.reader import Study


def time_study(study: Prepared, listener: Heartbeat) -> End:
    """Begin a study, or go on with it, as far as the timing pass; say what it found and how to train.

    Raises:
        ValueError: a resource or the lease can't be had.
        OSError: no device was free, or the store does not answer.
    """
    uri, again = study.paths.uri, study.options.model_copy(update={"timing": None})
    last_words = f"interrupted. Go on with: {resume_command(uri, again, name='time')}"
    following = f"Next: Train the study.\n  {resume_command(uri, again)}"
    if not study.trials:  # it has ended, and was timed on another machine, say
        following = f"Next: Make the report, which has the costs on each machine.\n  {command('report')} {quote(uri)}"
    is_as_it_was = not study.is_new and study.grows_from is None
    nothing = f"nothing to do: each batch size of {uri} has been timed here"
    if is_as_it_was and not may_lack_timings(Study(study.paths), study.config, study.options):
        listener.say(f"{nothing}\n{following}")
        return End()
    with bounded_end(last_words) as end:
        sweep()
        try:
            lease = study_lease(study.paths, lost=_thread.interrupt_main, warn=listener.warn)
            with launcher_of(study) as launcher, lease:
                study.create()
                listener.say(f"on {launcher.resources.description}\nto {uri}")
                for warning in study.warnings:
                    listener.warn(f"warning: {warning}")
                told = 0
                for line in time_alone(launcher, study.config, study.options):
                    listener.say(line)
                    told += 1
                if told == 1:  # that it begins
                    listener.say(nothing)
        except KeyboardInterrupt:
            end.begin()
            say_last(end, listener)
            return End(is_interrupted=True)
    listener.say(following)
    return End()
