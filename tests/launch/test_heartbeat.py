"""Where no terminal shows the trials, a line comes now and then, and none after the last."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from rich.console import Console

from bs_study import TrialConfig
from bs_study.launch.display import Display
from bs_study.launch.heartbeat import Heartbeat
from bs_study.search.record import Plan, Wanted

SOON = 0.2
TRIAL = TrialConfig(batch_size=4, lr=0.1, seed=0, max_iterations=10)
COURSE: Any = None


class Log:
    """A listener that keeps what it hears."""

    def __init__(self, *, is_terminal: bool = False) -> None:
        self.lines: list[str] = []
        self.out = io.StringIO()
        self.console = Console(file=self.out, force_terminal=is_terminal, width=80)

    def say(self, text: str) -> None:
        self.lines.append(text)

    def warn(self, line: str) -> None:
        self.lines.append(line)

    def watch(self, course: Any, *, slots: int) -> AbstractContextManager[Display]:
        return Display(self.console, lambda: Plan((Wanted("", TRIAL),)), slots)


def wait_until(is_so: Callable[[], object]) -> None:
    end = time.monotonic() + 10
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_what_goes_on_before_the_trials_is_told_again_and_again_and_only_where_nothing_else_was() -> None:
    log = Log()
    with Heartbeat(log, seconds=SOON) as told:
        told.doing("reading the data")
        for _ in range(8):
            told.say("a line")
            time.sleep(SOON / 4)
        assert set(log.lines) == {"a line"}
        wait_until(lambda: len(log.lines) >= 10)
    assert all(line.startswith("reading the data, ") and line.endswith(" so far") for line in log.lines[8:])


def test_while_trials_run_it_tells_how_far_they_are_and_then_what_comes_next() -> None:
    log = Log()
    with Heartbeat(log, seconds=SOON) as told:
        told.doing("what follows")
        with told.watch(COURSE, slots=1) as display:
            display.started(TRIAL)
            wait_until(lambda: len(log.lines) >= 2)
        assert all("0 of 1 trial done, 1 running, " in line for line in log.lines)
        wait_until(lambda: "what follows" in log.lines[-1])


def test_where_a_terminal_shows_the_trials_no_line_comes_between() -> None:
    log = Log(is_terminal=True)
    with Heartbeat(log, seconds=SOON) as told, told.watch(COURSE, slots=1):
        time.sleep(3 * SOON)
    assert log.lines == []


def test_after_the_last_lines_and_after_an_error_none_comes() -> None:
    log = Log()
    try:
        with Heartbeat(log, seconds=SOON) as told:
            told.doing("reading the data")
            told.fall_silent()
            told.say("the last")
            time.sleep(2 * SOON)
            raise KeyboardInterrupt
    except KeyboardInterrupt:
        time.sleep(2 * SOON)
    assert log.lines == ["the last"]


def test_a_heartbeat_that_is_not_wanted_passes_all_on_and_says_nothing() -> None:
    log = Log()
    with Heartbeat(log, seconds=None) as told:
        told.doing("reading the data")
        told.say("a line")
        told.warn("a warning")
        time.sleep(2 * SOON)
    assert log.lines == ["a line", "a warning"]
