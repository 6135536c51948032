"""What a person at the terminal sees while a study runs: a live display, or plain lines without a terminal."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from bs_study.config import TrialConfig
from bs_study.launch.contenders import lane_line, lanes_table
from bs_study.search.record import Plan
from bs_study.training.progress import Ending, Progress
from bs_study.words import count, counted, duration, setting


@dataclass
class RunningTrial:
    """A trial that has started and not ended, and what it last told.

    Its pace is the share of its budget that it spends per second, from the first time it told of one to the last: what
    came before is the start of a worker, reading data, a race of kernels, a warm-up.
    """

    trial: TrialConfig
    start: float
    progress: Progress | None = None
    first: tuple[float, float] | None = None
    last: tuple[float, float] | None = None

    def tell(self, progress: Progress, now: float) -> None:
        self.progress = progress
        if progress.share is not None:
            self.last = (now, progress.share)
            self.first = self.first or self.last

    def trained_seconds(self, now: float) -> float | None:
        """Return for how long it has trained, as far as it told; None if it did not."""
        return now - self.first[0] if self.first else None

    def whole_seconds(self) -> float | None:
        """Return the time that its whole budget takes at its pace; None as long as that is not known."""
        if not (self.first and self.last) or self.last[1] <= self.first[1]:
            return None
        return (self.last[0] - self.first[0]) / (self.last[1] - self.first[1])

    def seconds_left(self, now: float) -> float | None:
        """Return the time to the end of its budget at its pace; None as long as that is not known."""
        whole = self.whole_seconds()
        if whole is None or self.last is None:
            return None
        told, share = self.last
        return max(0.0, whole * (1 - share) - (now - told))


@dataclass
class Display:
    """Shows the trials of a study: done of all, those that run, the best of each batch size, the time left. A Watcher.

    Args:
        console: where it shows them.
        plan: returns what is wanted at that moment; a trial that has ended is no longer among it in a search.
        slots: how many run at once.
    """

    console: Console
    plan: Callable[[], Plan]
    slots: int
    failed: int = 0
    _running: dict[str, RunningTrial] = field(default_factory=dict)
    _ended: int = 0
    _lengths: list[float] = field(default_factory=list)
    _live: Live | None = None
    _over: set[tuple[str, int]] = field(default_factory=set)
    _lrs: dict[str, float] = field(default_factory=dict)

    def __enter__(self) -> Self:
        self._over = {(lane.recipe, lane.batch_size) for lane in self.plan().lanes if lane.is_over}
        if self.console.is_terminal:
            self._live = Live(get_renderable=self._shown, console=self.console, refresh_per_second=2, transient=True)
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._live.stop()

    def started(self, trial: TrialConfig) -> None:
        self._running[trial.trial_id] = RunningTrial(trial, time.monotonic())
        self._lrs[trial.trial_id] = trial.lr

    def progressed(self, trial: TrialConfig, progress: Progress) -> None:
        if trial.trial_id in self._running:
            self._running[trial.trial_id].tell(progress, time.monotonic())

    def ended(self, trial: TrialConfig, ending: Ending) -> None:
        self.failed += ending.status == "failed"
        now = time.monotonic()
        running = self._running.pop(trial.trial_id, RunningTrial(trial, now))
        self._ended += 1
        seconds = running.trained_seconds(now) if ending.seconds is None else ending.seconds
        if ending.status != "failed" and seconds is not None:
            self._lengths.append(seconds)
        line = f"{self._count()}  {trial.trial_id}  {describe(ending, lrs=self._lrs)}  {duration(now - running.start)}"
        self._print(line)
        for lane in self.plan().lanes:
            key = lane.recipe, lane.batch_size
            if lane.is_over and key not in self._over:  # once: rounds of seeds come back to it
                self._over.add(key)
                self._print(lane_line(lane))

    def _count(self) -> str:
        """Return how many trials have ended, and of how many where that is known."""
        if self.plan().lanes:
            return str(self._ended).rjust(3)
        total = self._total()
        return f"{self._ended}/{total}".rjust(2 * len(str(total)) + 1)

    def _total(self) -> int:
        """Return how many trials are to run, as far as is known."""
        plan = self.plan()
        if not plan.lanes:
            return len(plan.wanted)
        return self._ended + max(len(plan.wanted), len(self._running))

    def _print(self, line: str) -> None:
        self.console.print(line, markup=False, highlight=False, soft_wrap=True)

    def _shown(self) -> Group:
        left = self.seconds_left()
        time_left = f", about {duration(round(left))} left" if left is not None else ""
        lanes, running = self.plan().lanes, f"{len(self._running)} running"
        done = f"{self._ended} of {counted(self._total(), 'trial')} done, {running}"
        if lanes:
            more = self._total() - self._ended - len(self._running)
            done = f"{counted(self._ended, 'trial')} done, {running}, {more} wanted as far as is known"
        head = Text(f"{done}{time_left}")
        return Group(head, self._table(), *([lanes_table(lanes)] if lanes else []))

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
        """Return how long the rest will take if it goes on as so far; None as long as no trial told how long it takes.

        A trial of which nothing is known takes as long as those that ended took in the mean, or as those that run will.
        A batch size that waits for another takes as many trials as a batch size does as a rule.
        """
        now = time.monotonic()
        lengths = self._lengths or [s for r in self._running.values() if (s := r.whole_seconds()) is not None]
        if not lengths:
            return None
        typical = sum(lengths) / len(lengths)
        left = [r.seconds_left(now) for r in self._running.values()]
        plan = self.plan()
        unbegun = sum(not lane.is_over and lane.contenders == 0 for lane in plan.lanes)
        waiting = self._total() - self._ended - len(left) + unbegun * plan.expected / max(1, len(plan.lanes))
        total = sum(typical if seconds is None else seconds for seconds in left) + waiting * typical
        return total / max(1, min(self.slots, self._total() - self._ended))


def _measured(progress: Progress | None) -> tuple[str, str, str]:
    if progress is None:
        return "", "", ""
    metric = "" if progress.metric is None else f"{progress.metric:.4g}"
    return f"{progress.epoch:.2f}", f"{progress.loss:.4f}", metric


def describe(ending: Ending, *, lrs: Mapping[str, float] | None = None) -> str:
    """Return how a trial ended in a few words, and what its message says, as that a checkpoint was set aside.

    Args:
        lrs: of the trials that are known, by id: a trial that was outrun names the lr that had won.
    """
    first_line = (ending.message or "").partition("\n")[0]
    return ": ".join(filter(None, [_outcome(ending, lrs or {}), first_line]))


def _outcome(ending: Ending, lrs: Mapping[str, float]) -> str:
    if ending.status != "completed":
        return ending.status
    if ending.reached_iteration is not None:
        return f"target reached at iteration {count(ending.reached_iteration)}"
    if ending.outrun_by is not None:
        known = re.search(r"-lr(.+)-s\d+-", ending.outrun_by)  # of a trial that ended before this launch
        lr = lrs.get(ending.outrun_by, float(known[1]) if known else None)
        by = ending.outrun_by if lr is None else f"lr {setting(lr)}"
        return f"outrun at iteration {count(ending.iterations)}, by {by}"
    return f"target not reached within {counted(ending.iterations, 'iteration')} ({ending.stop_reason})"
