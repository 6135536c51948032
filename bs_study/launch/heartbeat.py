"""A line now and then where no terminal shows how far a study is, so that a log tells that it goes on."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

from bs_study.words import duration

if TYPE_CHECKING:
    from bs_study.launch.course import Course
    from bs_study.launch.display import Display

QUIET_SECONDS = 25.0
"""After so long without a line one is due; a busy machine gets it out within 30 s."""


class Listener(Protocol):
    """Who hears of a study while it runs: a terminal, say."""

    def say(self, text: str) -> None:
        """Take a line, or several, of what goes on."""

    def warn(self, line: str) -> None:
        """Take a line of what is odd or went wrong."""

    def watch(self, course: Course, *, slots: int) -> AbstractContextManager[Display]:
        """Return what shows the trials of a course, as many at once as there are slots."""


class Heartbeat:
    """Passes on to a listener what is told, and says how far the study is where nothing was for long. A Listener.

    Args:
        listener: who hears of it all.
        seconds: without a line, after which one is said; None for never. None is where a terminal shows the trials.
    """

    def __init__(self, listener: Listener, *, seconds: float | None) -> None:
        self._listener, self._seconds = listener, seconds
        self._start = self._last = time.monotonic()
        self._line: Callable[[], str] | None = None
        self._display: Display | None = None
        self._over = threading.Event()
        self._lock = threading.Lock()  # so that no line comes after those that are the last
        self._thread = threading.Thread(target=self._beat, daemon=True)

    def __enter__(self) -> Self:
        if self._seconds is not None:
            self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.fall_silent()

    def say(self, text: str) -> None:
        self._last = time.monotonic()
        self._listener.say(text)

    def warn(self, line: str) -> None:
        self._last = time.monotonic()
        self._listener.warn(line)

    @contextlib.contextmanager
    def watch(self, course: Course, *, slots: int) -> Iterator[Display]:
        with self._listener.watch(course, slots=slots) as display:
            before, self._display = self._line, display
            self._line = None if display.is_live else display.line
            try:
                yield display
            finally:
                self._line = before

    def doing(self, what: str) -> None:
        """Say from now on that this goes on, where no trials do: "reading the data", say."""
        self._line = lambda: f"{what}, {duration(round(time.monotonic() - self._start))} so far"

    def fall_silent(self) -> None:
        """Let what is told from now on be the last."""
        self._over.set()
        with self._lock:
            pass  # a line that is being said comes to its end

    def _beat(self) -> None:
        seconds = self._seconds or 0.0
        while not self._over.wait(max(0.0, self._last_line() + seconds - time.monotonic())):
            with self._lock:
                line = self._line  # another thread may change it
                if line and not self._over.is_set() and time.monotonic() - self._last_line() >= seconds:
                    self._last = time.monotonic()
                    self._listener.say(line())
                elif not line:
                    self._last = time.monotonic()

    def _last_line(self) -> float:
        return max(self._last, self._display.last_line if self._display else 0.0)
