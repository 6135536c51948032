"""How a trial is asked to end early: it comes to the end of an iteration, writes a checkpoint and raises."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator


class Interrupted(KeyboardInterrupt):
    """Raised between two iterations or two batches of an evaluation, where nothing is half done."""


class Interruption:
    """Asks the trials of a process to end early, from a signal's handler or from another thread."""

    def __init__(self) -> None:
        self._asked = threading.Event()
        self.is_held_back = False

    def ask(self) -> None:
        self._asked.set()

    @property
    def is_asked(self) -> bool:
        return self._asked.is_set()

    def check(self) -> None:
        """Raise if an end was asked for.

        Raises:
            Interrupted: it was.
        """
        if self._asked.is_set():
            raise Interrupted

    @contextlib.contextmanager
    def held_back(self) -> Iterator[None]:
        """Let what is asked meanwhile wait for the next `check`: there is training that a checkpoint can save.

        Outside of it nothing would be lost, so that whoever asks may end the process at once.
        """
        before, self.is_held_back = self.is_held_back, True
        try:
            yield
        finally:
            self.is_held_back = before
