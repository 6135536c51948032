"""The report of a study while it runs, written again and again by a process of its own."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from bs_study.door import door, launch_flags
from bs_study.words import one_line

SHARE = 10
"""A report that took so long is not written again before so many times as long have passed."""
END_SECONDS = 1.0
"""How long a process that writes may take to end when the study does; what it had begun is left as it was."""
POLL_SECONDS = 0.1


@contextlib.contextmanager
def live_report(uri: str, *, seconds: float | None, warn: Callable[[str], None]) -> Iterator[None]:
    """Write the report of a study every so many seconds as long as this is entered; a failure is told in a line.

    Args:
        uri: where the study is.
        seconds: between writes; None for no report before the end. At most a tenth of the time is spent on it.
        warn: takes a line. The same one is not told twice in a row.
    """
    if seconds is None:
        yield
        return
    report = LiveReport(uri, seconds=seconds, warn=warn)
    thread = threading.Thread(target=report.work, daemon=True)
    thread.start()
    try:
        yield
    finally:
        report.end()
        thread.join(3 * END_SECONDS)


def pause_after(took: float, *, seconds: float) -> float:
    """Return how long to wait after a report that took so long, of which one is wanted every so many seconds.

    >>> pause_after(2.0, seconds=60), pause_after(8.0, seconds=60)
    (58.0, 80.0)
    """
    return max(seconds - took, SHARE * took)


class LiveReport:
    """Starts a process for each writing, so that neither trials nor Tune wait for it; `end` ends one that writes."""

    def __init__(self, uri: str, *, seconds: float, warn: Callable[[str], None]) -> None:
        self._uri, self._seconds, self._warn = uri, seconds, warn
        self._over = threading.Event()

    def work(self) -> None:
        """Write until it is to end."""
        pause, again, told = self._seconds, self._seconds, ""
        while not self._over.wait(pause):
            start = time.monotonic()
            fault = self._write(again)
            took = time.monotonic() - start
            pause = pause_after(took, seconds=self._seconds)
            again = pause + took
            if fault and fault != told and not self._over.is_set():
                self._warn(f"report: not written while the study runs: {fault}")
            told = fault

    def end(self) -> None:
        self._over.set()

    def _write(self, again: float) -> str:
        """Write a report, and return why it was not written; nothing where it was."""
        module = [sys.executable, "-P", "-m", "bs_study.report.while_running", self._uri, str(again), door()]
        module += launch_flags()
        # What this process imports from, in its order; one thread, since trials have the others.
        own = {"PYTHONPATH": os.pathsep.join(path or str(Path.cwd()) for path in sys.path)}
        few = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "ARROW_NUM_THREADS"), "1")
        try:
            writer = subprocess.Popen(  # noqa: S603  our own module
                module,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
                env=os.environ | own | few,
                start_new_session=True,  # a Ctrl-C is for the study, which ends this one
            )
        except OSError as error:
            return one_line(error)
        with writer:
            said = self._said(writer)
        if not writer.returncode:
            return ""
        return one_line((said.strip().splitlines() or [f"its process ended with {writer.returncode}"])[-1])

    def _said(self, writer: subprocess.Popen[str]) -> str:
        """Return what a process says once it has ended; when the study ends, so does it."""
        while not self._over.is_set():
            with contextlib.suppress(subprocess.TimeoutExpired):
                return writer.communicate(timeout=POLL_SECONDS)[1]
        writer.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            return writer.communicate(timeout=END_SECONDS)[1]
        writer.kill()
        return writer.communicate()[1]
