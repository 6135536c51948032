"""Ctrl-C, SIGTERM and a closed terminal: one of them stops a process, in bounded time and without a traceback.

The first signal is heeded, or raises KeyboardInterrupt, once. A second one raises where the first was heeded. All that
come later find the process on its way out, and a clock running: no exception reaches what is cleaned up by then.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from queue import Empty, SimpleQueue
from typing import Any

from bs_study.process.output import write_at_once

SAME_SECONDS = 0.5
"""Signals that come within so long are one: a closed terminal sends two, and a person may press twice."""
SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
INTERRUPTED = 130
"""The exit status of a process that was stopped."""


class Stop:
    """The handler of all signals that stop a process.

    Args:
        last_words: printed when the process has to be ended; set them to None once they are said.
        seconds: to the end of the process, from the first signal on.
        at_once: end with the first signal, there and then: nothing is lost, and nothing is to be cleaned up.
        owns_process: the process is a command's, which nobody misses but the person who typed it.
        ends_process: end it when the time is up. A notebook would lose all that it holds.
    """

    def __init__(
        self,
        last_words: str | None,
        *,
        seconds: float,
        at_once: bool = False,
        owns_process: bool = False,
        ends_process: bool = True,
    ) -> None:
        self.last_words, self.at_once, self.owns_process = last_words, at_once, owns_process
        self._ends_process = ends_process
        self.heed: Callable[[], bool] | None = None
        """Told of the first signal; returns whether what runs then comes to its end by itself."""
        self.patience = seconds
        """How long that may take before it is ended by KeyboardInterrupt."""
        self.before_end: list[Callable[[], object]] = []
        """Called just before the process is ended: what would outlive it."""
        self._seconds = seconds
        self._first: float | None = None
        self._is_raised = self._is_impatient = False
        # Its put is safe in a signal's handler, as that of no other queue, event or thread is.
        self._messages: SimpleQueue[str] = SimpleQueue()

    @property
    def is_begun(self) -> bool:
        """Whether the process is to end."""
        return self._first is not None

    def __call__(self, *_: object) -> None:
        if not self.is_begun:
            if self.at_once:
                self.end()
            self._begin()
            if not (self.heed and self.heed()):
                self._raise()
        elif self._is_impatient or time.monotonic() - (self._first or 0) >= SAME_SECONDS:
            self._raise()

    def begin(self) -> None:
        """Let the process end in bounded time, and no signal raise: it is on its way out already."""
        self._is_raised = True
        if not self.is_begun:
            self._begin()

    def _begin(self) -> None:
        self._first = time.monotonic()
        self._messages.put("begin")

    def _raise(self) -> None:
        if not self._is_raised:
            self._is_raised = True
            raise KeyboardInterrupt

    def end(self) -> None:
        """End the process here and now, with its last words."""
        for last in self.before_end:
            with contextlib.suppress(Exception):
                last()
        if self.last_words is not None:
            write_at_once(2 if self.at_once else 1, f"{self.last_words}\n")
        os._exit(INTERRUPTED)

    def install(self) -> dict[signal.Signals, Any]:
        """Handle signals from now on; return what did before. In the main thread: signals reach no other."""
        threading.Thread(target=self._keep_time, daemon=True).start()
        sys.unraisablehook = self._print_unraisable
        # A hangup that is ignored stays so: nohup asked for that.
        heard = [n for n in SIGNALS if n.name != "SIGHUP" or signal.getsignal(n) != signal.SIG_IGN]
        return {number: signal.signal(number, self) for number in heard}

    @contextlib.contextmanager
    def installed(self) -> Iterator[None]:
        """Handle signals until this is left."""
        hook, before = sys.unraisablehook, self.install()
        try:
            yield
        finally:
            self._messages.put("over")
            for number, handler in before.items():
                signal.signal(number, handler)
            sys.unraisablehook = hook

    def _keep_time(self) -> None:
        """Wait for the first signal, and end the process when its time is up."""
        if self._messages.get() == "over":
            return
        end, wait = time.monotonic() + self._seconds, self.patience
        while (left := end - time.monotonic()) > 0:
            with contextlib.suppress(Empty):
                if self._messages.get(timeout=min(wait, left)) == "over":
                    return
            wait = left
            self._is_impatient = True
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        if self._ends_process:
            self.end()

    def _print_unraisable(self, unraisable: Any, /) -> None:
        """Print what Python can only print, but for an interrupt in a finalizer: it has reached nobody, so far."""
        if self.is_begun and isinstance(unraisable.exc_value, KeyboardInterrupt):
            self._is_raised = False
        else:
            sys.__unraisablehook__(unraisable)


def installed_stop() -> Stop | None:
    """Return what handles signals in this process, if it is of this kind."""
    handler = signal.getsignal(signal.SIGINT)
    return handler if isinstance(handler, Stop) else None
