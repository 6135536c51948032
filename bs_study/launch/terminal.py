"""The terminal as a study's listener."""

from __future__ import annotations

import sys
import time
from typing import IO, TYPE_CHECKING

from rich.console import Console

from bs_study.launch.display import Display
from bs_study.launch.fitted import fitted_lines

if TYPE_CHECKING:
    from bs_study.launch.course import Course  # with scipy, which the first line need not wait for


class Terminal:
    """Prints what goes on, as wide as the terminal, and shows trials while they run.

    Args:
        console: of the terminal; where it is none, each text is printed as it is.
    """

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(force_jupyter=False)
        self._start = time.monotonic()

    def say(self, text: str) -> None:
        self._print(text, self._console.file)
        self._console.file.flush()

    def warn(self, line: str) -> None:
        self._print(line, sys.stderr)

    def watch(self, course: Course, *, slots: int) -> Display:
        return Display(self._console, lambda: course.plan, slots, pace=course.pace(), start=self._start)

    def _print(self, text: str, file: IO[str]) -> None:
        """Print a text as it is, since a path may hold what rich takes for markup, but for the ends of its lines."""
        lines = fitted_lines(text, width=self._console.width) if file.isatty() else [text]
        file.write("\n".join(lines) + "\n")  # at once: lines of two threads do not mix
