"""The training clock of a function: all of its time but the pauses that it tells, and what recording takes."""

from __future__ import annotations

import time


class PausingClock:
    """Runs from when it is made; pauses may lie in each other.

    Attributes:
        start: when it was made, or started anew, on the clock of `time.perf_counter`, as all times here.
    """

    def __init__(self) -> None:
        self.start = self._paused = time.perf_counter()
        self._depth = 0
        self._ended_pauses = self._left_out = 0.0

    def start_anew(self, now: float) -> None:
        """Forget what has passed; a pause that lasts goes on."""
        self.start = self._paused = now
        self._ended_pauses = self._left_out = 0.0

    def pause(self) -> None:
        if self._depth == 0:
            self._paused = time.perf_counter()
        self._depth += 1

    def go_on(self) -> None:
        self._depth -= 1
        if self._depth == 0:
            self._ended_pauses += time.perf_counter() - self._paused

    def leave_out(self, seconds: float) -> None:
        """Leave out what has just passed, of the training and of a pause alike."""
        self._left_out += seconds
        self._paused += seconds if self._depth else 0.0

    def trained(self, now: float) -> float:
        """Return the seconds without pauses."""
        return max(0.0, now - self.start - self._left_out - self.paused(now))

    def paused(self, now: float) -> float:
        """Return the seconds of all pauses, that of now included."""
        return self._ended_pauses + (max(0.0, now - self._paused) if self._depth else 0.0)
