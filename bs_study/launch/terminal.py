"""The terminal as a study's listener."""

from __future__ import annotations

import sys

from rich.console import Console

from bs_study.launch.course import Course
from bs_study.launch.display import Display


class Terminal:
    """Prints what goes on, and shows trials while they run."""

    def __init__(self) -> None:
        self._console = Console(soft_wrap=True, force_jupyter=False)

    def say(self, text: str) -> None:
        print(text, flush=True)  # noqa: T201  as it is: a path may hold what rich takes for markup

    def warn(self, line: str) -> None:
        print(line, file=sys.stderr)  # noqa: T201

    def watch(self, course: Course, *, slots: int) -> Display:
        return Display(self._console, plan=lambda: course.plan, slots=slots)
