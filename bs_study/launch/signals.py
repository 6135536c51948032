"""Ctrl-C and SIGTERM while trials run: the first lets them write checkpoints, the second ends at once."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterator

from bs_study.training.interruption import Interruption

CHECKPOINT_SECONDS = 4.0
"""How long trials may take to write their checkpoints, from the signal on."""
END_SECONDS = 2.0
"""How long the process may take to end from then on. Where its Ray has got the signal, too, Ray waits for a minute."""
NOTICE = b"interrupted: what runs is writing a checkpoint, within seconds. A second Ctrl-C ends at once\n"


class BoundedEnd:
    """A signal's handler that raises KeyboardInterrupt; from the first signal on the process ends in bounded time.

    Args:
        last_words: printed when the time is up; set them to None once they are said.
    """

    def __init__(self, last_words: str) -> None:
        self.last_words: str | None = last_words
        self.over = threading.Event()
        self._is_begun = False

    def __call__(self, *_: object) -> None:
        self.begin()
        raise KeyboardInterrupt

    def begin(self) -> None:
        if not self._is_begun:
            self._is_begun = True
            threading.Thread(target=self._end, daemon=True).start()

    def _end(self) -> None:
        if not self.over.wait(CHECKPOINT_SECONDS + END_SECONDS):
            if self.last_words is not None:
                os.write(1, f"{self.last_words}\n".encode())
            os._exit(130)


@contextlib.contextmanager
def bounded_end(last_words: str) -> Iterator[BoundedEnd]:
    """Let the process end soon after a signal, whatever it waits for; in the main thread only, as signals are."""
    bound = BoundedEnd(last_words)
    if threading.current_thread() is not threading.main_thread():
        yield bound
        return
    before = {number: signal.signal(number, bound) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield bound
    finally:
        bound.over.set()
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def heeded_signals(interruption: Interruption) -> Iterator[None]:
    """Let a signal ask for an end where there is something to save, and raise KeyboardInterrupt where there is not.

    It raises as well on a second signal, and when the checkpoints take too long: a batch that hangs, say. In another
    thread than the main one, which signals do not reach, it does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    over = threading.Event()
    main = threading.get_ident()

    def insist() -> None:
        while not over.wait(CHECKPOINT_SECONDS):
            signal.pthread_kill(main, signal.SIGINT)

    def heed(*_: object) -> None:
        if interruption.is_asked or not interruption.is_held_back:
            raise KeyboardInterrupt
        interruption.ask()
        for outer in before.values():
            if isinstance(outer, BoundedEnd):
                outer.begin()
        os.write(2, NOTICE)  # not print, which the signal may have come in the middle of
        threading.Thread(target=insist, daemon=True).start()

    before = {number: signal.signal(number, heed) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
        interruption.check()
    finally:
        over.set()
        for number, handler in before.items():
            signal.signal(number, handler)
