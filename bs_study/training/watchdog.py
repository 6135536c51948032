"""Notices a trial that makes no progress."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Self


class Watchdog:
    """Calls for help when it is not fed for too long, once.

    Args:
        timeout_seconds: None never calls.
        bark: called in a thread of its own; the one that hangs can't be asked to do anything.
    """

    def __init__(self, timeout_seconds: float | None, bark: Callable[[], None]) -> None:
        self._timeout = timeout_seconds
        self._bark = bark
        self._fed = time.monotonic()
        self._done = threading.Event()

    def feed(self) -> None:
        self._fed = time.monotonic()

    def __enter__(self) -> Self:
        if self._timeout is not None:
            threading.Thread(target=self._watch, args=(self._timeout,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()

    def _watch(self, timeout: float) -> None:
        while not self._done.wait(min(1.0, timeout / 4)):
            if time.monotonic() - self._fed > timeout:
                self._bark()
                return
