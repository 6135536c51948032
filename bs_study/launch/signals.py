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
NOTICE = b"interrupted: what runs is writing a checkpoint, within seconds. A second Ctrl-C ends at once\n"


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
