"""Ctrl-C, SIGTERM and SIGHUP while a study runs: the first lets trials write checkpoints, the second ends at once."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

from bs_study.process.output import write_at_once
from bs_study.process.stop import Stop, installed_stop
from bs_study.training.interruption import Interruption

CHECKPOINT_SECONDS = 4.0
"""How long trials may take to write their checkpoints, from the signal on."""
END_SECONDS = 2.0
"""How long the process may take to end from then on. Where its Ray has got the signal, too, Ray waits for a minute."""
NOTICE = "interrupted: what runs is writing a checkpoint, within seconds. A second Ctrl-C ends at once\n"


@contextlib.contextmanager
def bounded_end(last_words: str | None) -> Iterator[Stop]:
    """Let the process end soon after a signal, whatever it waits for; in the main thread only, as signals are.

    Args:
        last_words: printed when the time is up; set them to None once they are said.
    """
    own = Stop(last_words, seconds=CHECKPOINT_SECONDS + END_SECONDS)
    if threading.current_thread() is not threading.main_thread():
        yield own
    elif stop := installed_stop():  # of the command
        stop.last_words, stop.at_once = last_words, False
        yield stop
    else:
        with own.installed():
            yield own


@contextlib.contextmanager
def heeded_signals(interruption: Interruption) -> Iterator[None]:
    """Let a signal ask for an end where there is something to save, and raise KeyboardInterrupt where there is not.

    It raises as well on a second signal, and when the checkpoints take too long: a batch that hangs, say. In another
    thread than the main one, which signals do not reach, it does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def heed() -> bool:
        if interruption.is_held_back:
            interruption.ask()
            write_at_once(2, NOTICE)  # not print, which the signal may have come in the middle of
        return interruption.is_held_back

    with contextlib.ExitStack() as stack:
        stop = installed_stop() or stack.enter_context(bounded_end(None))
        stop.heed, stop.patience = heed, CHECKPOINT_SECONDS
        try:
            yield
            interruption.check()
        finally:
            stop.heed = None
            if interruption.is_asked:
                stop.begin()  # on its way out
