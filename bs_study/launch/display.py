"""What a person at the terminal sees while a study runs: a live display, or plain lines without a terminal."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from bs_study.config import TrialConfig
from bs_study.launch.contenders import lane_line, lanes_table
from bs_study.launch.fitted import Column, fitted_lines, fitted_table
from bs_study.launch.headway import Headway
from bs_study.launch.leads import NO_PACE, Pace
from bs_study.search.record import Plan
from bs_study.training.progress import Ending, Progress
from bs_study.words import count, counted, duration, setting

MOST_RUNNING = 20


class Display:
    """Shows the trials of a study: how far they are, those that run, the best of each batch size. A Watcher.

    Args:
        console: where it shows them.
        plan: returns what is wanted at that moment; a trial that has ended is no longer among it in a search.
        slots: how many run at once.
        pace: of the timing pass.
        start: when the study was begun, by the monotonic clock; now where it is left out.
    """

    def __init__(
        self,
        console: Console,
        plan: Callable[[], Plan],
        slots: int,
        *,
        pace: Pace = NO_PACE,
        start: float | None = None,
    ) -> None:
        self.failed = 0
        self.headway = Headway(plan, slots, pace, time.monotonic() if start is None else start)
        self.last_line = self.headway.start
        """When it last printed a line, by the monotonic clock."""
        self._console, self._plan = console, plan
        self._live: Live | None = None
        self._over: set[tuple[str, int]] = set()
        self._lrs: dict[str, float] = {}

    def __enter__(self) -> Self:
        self._over = {(lane.recipe, lane.batch_size) for lane in self._plan().lanes if lane.is_over}
        if self._console.is_terminal and not self._console.is_dumb_terminal:
            self._live = Live(get_renderable=self._shown, console=self._console, refresh_per_second=2, transient=True)
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._live.stop()

    @property
    def is_live(self) -> bool:
        """Whether a terminal shows the trials at this moment."""
        return self._live is not None

    def started(self, trial: TrialConfig) -> None:
        self.headway.started(trial)
        self._lrs[trial.trial_id] = trial.lr

    def progressed(self, trial: TrialConfig, progress: Progress) -> None:
        self.headway.progressed(trial, progress)

    def ended(self, trial: TrialConfig, ending: Ending) -> None:
        self.failed += ending.status == "failed"
        took = duration(self.headway.ended(trial, ending))
        self._print(f"{self.headway.count()}  {trial.trial_id}  {describe(ending, lrs=self._lrs)}  {took}")
        for lane in self._plan().lanes:
            key = lane.recipe, lane.batch_size
            if lane.is_over and key not in self._over:  # once: rounds of seeds come back to it
                self._over.add(key)
                self._print(lane_line(lane))

    def line(self) -> str:
        """Return how far the study is, in a line."""
        return "; ".join(self.headway.sentences())

    def _print(self, line: str) -> None:
        self.last_line = time.monotonic()
        lines = fitted_lines(line, width=self._console.width) if self._console.is_terminal else [line]
        self._console.print("\n".join(lines), markup=False, highlight=False, soft_wrap=True)

    def _shown(self) -> Group:
        width, lanes = self._console.width, self._plan().lanes
        head = [line for text in self.headway.sentences() for line in fitted_lines(text, width=width)]
        lanes_shown = [lanes_table(lanes, width=width)] if lanes else []
        return Group(Text("\n".join(head)), self._table(width), *lanes_shown)

    def _table(self, width: int) -> Table:
        now, running = time.monotonic(), list(self.headway.running.values())[:MOST_RUNNING]
        measured = [_measured(one.progress) for one in running]
        left = [one.seconds_left(now) for one in running]
        return fitted_table(
            [
                Column("batch size", 0, [str(one.trial.batch_size) for one in running]),
                Column("lr", 1, [setting(one.trial.lr) for one in running]),
                Column("seed", 5, [str(one.trial.seed) for one in running]),
                Column(_unit([one.progress for one in running]), 4, [at for at, _, _ in measured]),
                Column("loss", 2, [loss for _, loss, _ in measured]),
                Column("metric", 3, [metric for _, _, metric in measured]),
                Column("left", 6, ["" if one is None else f"at most {duration(round(one))}" for one in left]),
            ],
            width=width,
        )


def _unit(told: Sequence[Progress | None]) -> str:
    """Return what a trial's place is counted in: of functions, the iterations."""
    return "iteration" if any(one is not None and math.isnan(one.epoch) for one in told) else "epoch"


def _measured(progress: Progress | None) -> tuple[str, str, str]:
    if progress is None:
        return "", "", ""
    metric = "" if progress.metric is None else f"{progress.metric:.4g}"
    at = count(progress.iteration) if math.isnan(progress.epoch) else f"{progress.epoch:.2f}"
    return at, "" if math.isnan(progress.loss) else f"{progress.loss:.4f}", metric


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
