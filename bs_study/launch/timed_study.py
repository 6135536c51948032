"""The timing pass of a study by itself: each batch size is timed alone, and nothing is trained."""

from __future__ import annotations

import _thread

from bs_study.config.launch import resume_command
from bs_study.launch.prepare import Prepared
from bs_study.launch.signals import bounded_end
from bs_study.launch.study import End, Listener, launcher_of, say_last
from bs_study.launch.timing import lacks_timings, time_alone
from bs_study.process.left_behind import sweep
from bs_study.store.lease import study_lease
from bs_study.store.reader import Study


def time_study(study: Prepared, listener: Listener) -> End:
    """Begin a study, or go on with it, as far as the timing pass; say what it found and how to train.

    Raises:
        ValueError: a resource or the lease can't be had.
        OSError: no device was free, or the store does not answer.
    """
    uri, again = study.paths.uri, study.options.model_copy(update={"timing": None})
    last_words = f"interrupted. Go on with: {resume_command(uri, again, name='time')}"
    following = f"Next: Train the study.\n  {resume_command(uri, again)}"
    is_as_it_was = not study.is_new and study.grows_from is None
    if is_as_it_was and not lacks_timings(Study(study.paths), disturbed_too=True):
        listener.say(f"nothing to do: each batch size of {uri} has been timed\n{following}")
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
                for line in time_alone(launcher, study.config, study.options):
                    listener.say(line)
        except KeyboardInterrupt:
            end.begin()
            say_last(end, listener)
            return End(is_interrupted=True)
    listener.say(following)
    return End()
