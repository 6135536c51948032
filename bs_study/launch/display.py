"""What a person at the terminal sees while a study runs: a live display, or plain lines without a terminal."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from bs_study.config import TrialConfig
from bs_study.training.progress import Ending, Progress
from bs_study.words import count, counted, duration, setting


@dataclass
class RunningTrial:
    """A trial that has started and not ended, and what it last told."""

    trial: TrialConfig
    start: float
    progress: Progress | None = None

    def seconds_left(self, now: float) -> float | None:
        """Return the time to the end of its budget at the pace so far; None as long as that is not known."""
        share = self.progress.share if self.progress else None
        return (now - self.start) * (1 - share) / share if share else None


@dataclass
class Display:
    """Shows the trials of a study: done of all, those that run, and the time left. A Watcher.

    Args:
        console: where it shows them.
        total: trials to run.
        slots: how many run at once.
    """

    console: Console
    total: int
    slots: int
    failed: int = 0
    _running: dict[str, RunningTrial] = field(default_factory=dict)
    _seconds: list[float] = field(default_factory=list)
    _live: Live | None = None

    def __enter__(self) -> Self:
        if self.console.is_terminal:
            self._live = Live(get_renderable=self._shown, console=self.console, refresh_per_second=2, transient=True)
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._live.stop()

    def started(self, trial: TrialConfig) -> None:
        self._running[trial.trial_id] = RunningTrial(trial, time.monotonic())

    def progressed(self, trial: TrialConfig, progress: Progress) -> None:
        if trial.trial_id in self._running:
            self._running[trial.trial_id].progress = progress

    def ended(self, trial: TrialConfig, ending: Ending) -> None:
        self.failed += ending.status == "failed"
        now = time.monotonic()
        running = self._running.pop(trial.trial_id, RunningTrial(trial, now))
        self._seconds.append(now - running.start)
        count = f"{len(self._seconds)}/{self.total}".rjust(2 * len(str(self.total)) + 1)
        line = f"{count}  {trial.trial_id}  {describe(ending)}  {duration(self._seconds[-1])}"
        self.console.print(line, markup=False, highlight=False, soft_wrap=True)

    def _shown(self) -> Group:
        left = self.seconds_left()
        time_left = f", about {duration(round(left))} left" if left is not None else ""
        done = f"{len(self._seconds)} of {counted(self.total, 'trial')} done"
        head = Text(f"{done}, {len(self._running)} running{time_left}")
        return Group(head, self._table())

    def _table(self) -> Table:
        table = Table("batch size", "lr", "seed", "epoch", "loss", "metric", "left", box=None, header_style="dim")
        now = time.monotonic()
        for running in list(self._running.values())[:20]:
            left = running.seconds_left(now)
            trial = running.trial
            table.add_row(
                str(trial.batch_size),
                setting(trial.lr),
                str(trial.seed),
                *_measured(running.progress),
                f"at most {duration(round(left))}" if left is not None else "",
            )
        return table

    def seconds_left(self) -> float | None:
        """Return how long the rest will take if it goes on as so far; None before any trial told of its progress."""
        now = time.monotonic()
        running = [r.seconds_left(now) for r in self._running.values()]
        known = [seconds for seconds in running if seconds is not None]
        if not (known or self._seconds):
            return None
        whole = [
            now - r.start + left for r, left in zip(self._running.values(), running, strict=True) if left is not None
        ]
        typical = sum(self._seconds or whole) / len(self._seconds or whole)
        waiting = self.total - len(self._seconds) - len(self._running)
        return (sum(known) + waiting * typical) / max(1, min(self.slots, self.total - len(self._seconds)))


def _measured(progress: Progress | None) -> tuple[str, str, str]:
    if progress is None:
        return "", "", ""
    metric = "" if progress.metric is None else f"{progress.metric:.4g}"
    return f"{progress.epoch:.2f}", f"{progress.loss:.4f}", metric


def describe(ending: Ending) -> str:
    """Return how a trial ended in a few words."""
    if ending.status != "completed":
        first_line = (ending.message or "").partition("\n")[0]
        return f"{ending.status}: {first_line}" if first_line else ending.status
    if ending.reached_iteration is not None:
        return f"target reached at iteration {count(ending.reached_iteration)}"
    return f"target not reached within {counted(ending.iterations, 'iteration')} ({ending.stop_reason})"
