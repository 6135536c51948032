"""How far a study is while its trials run: how many have ended, the time that is left, the best so far."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from bs_study.config import TrialConfig
from bs_study.launch.leads import NO_PACE, Pace, best_so_far, leads_of_endings, leads_of_lanes
from bs_study.launch.running import RunningTrial
from bs_study.search.record import Plan
from bs_study.training.progress import Ending, Progress
from bs_study.words import count, counted, duration


@dataclass
class Headway:
    """Hears what happens to the trials of a study, in one thread, and tells how far they are, in any.

    Args:
        plan: returns what is wanted at that moment; a trial that has ended is no longer among it in a search.
        slots: how many run at once.
        pace: of the timing pass.
        start: when the study was begun, by the monotonic clock.
    """

    plan: Callable[[], Plan]
    slots: int
    pace: Pace = NO_PACE
    start: float = field(default_factory=time.monotonic)
    running: dict[str, RunningTrial] = field(default_factory=dict)
    _endings: list[tuple[str, TrialConfig, Ending]] = field(default_factory=list)
    _lengths: list[float] = field(default_factory=list)
    _recipes: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        plan = self.plan()
        self._goes_on = bool(plan.ended)  # a full grid reads nothing of the trials that ended before
        self._recipes = {} if plan.lanes else {wanted.trial.trial_id: wanted.recipe for wanted in plan.wanted}

    def started(self, trial: TrialConfig) -> None:
        self.running[trial.trial_id] = RunningTrial(trial, time.monotonic())

    def progressed(self, trial: TrialConfig, progress: Progress) -> None:
        if trial.trial_id in self.running:
            self.running[trial.trial_id].tell(progress, time.monotonic())

    def ended(self, trial: TrialConfig, ending: Ending) -> float:
        """Take how a trial ended; return for how long it ran, its start included."""
        now = time.monotonic()
        running = self.running.pop(trial.trial_id, RunningTrial(trial, now))
        self._endings.append((self._recipes.get(trial.trial_id, ""), trial, ending))
        seconds = running.trained_seconds(now) if ending.seconds is None else ending.seconds
        if ending.status != "failed" and seconds is not None:
            self._lengths.append(seconds)
        return now - running.start

    @property
    def done(self) -> int:
        """How many trials have ended."""
        return len(self._endings)

    @property
    def total(self) -> int:
        """How many trials are to run, as far as is known."""
        plan = self.plan()
        if not plan.lanes:
            return len(plan.wanted)
        return self.done + max(len(plan.wanted), len(self.running))

    def count(self) -> str:
        """Return how many trials have ended, and of how many where that is known."""
        if self.plan().lanes:
            return str(self.done).rjust(3)
        total = self.total
        return f"{self.done}/{total}".rjust(2 * len(str(total)) + 1)

    def sentences(self) -> list[str]:
        """Return how far the study is, and its best so far where there is one."""
        running, is_search = f"{len(self.running)} running", bool(self.plan().lanes)
        told = [f"{self.done} of {counted(self.total, 'trial')} done", running]
        if is_search:
            more = self.total - self.done - len(self.running)
            told = [f"{counted(self.done, 'trial')} done", running, f"{count(more)} wanted as far as is known"]
        told.append(f"{duration(round(time.monotonic() - self.start))} so far")
        left = self.seconds_left()
        if left is not None:
            of_these = " for these" if is_search else ""
            told.append(f"about {duration(round(left))} of training left{of_these}")
        return [", ".join(told), *filter(None, [self.best()])]

    def best(self) -> str:
        """Return the best so far in a clause; of a full grid that goes on, of the trials that ended since."""
        lanes = self.plan().lanes
        found = best_so_far(leads_of_lanes(lanes) if lanes else leads_of_endings(list(self._endings)), self.pace)
        return found.replace("so far", "since it went on", 1) if self._goes_on and not lanes else found

    def seconds_left(self) -> float | None:
        """Return how long the rest will train if it goes on as so far; None until a trial has told how long it takes.

        A trial of which nothing is known takes as long as those that ended took in the mean, or as those that run will.
        A batch size that waits for another takes as many trials as a batch size does as a rule.
        """
        now, running = time.monotonic(), list(self.running.values())
        lengths = list(self._lengths) or [s for one in running if (s := one.whole_seconds()) is not None]
        if not lengths:
            return None
        typical = sum(lengths) / len(lengths)
        left = [one.seconds_left(now) for one in running]
        plan, total = self.plan(), self.total
        unbegun = sum(not lane.is_over and lane.contenders == 0 for lane in plan.lanes)
        waiting = max(0, total - self.done - len(left)) + unbegun * plan.expected / max(1, len(plan.lanes))
        seconds = sum(typical if one is None else one for one in left) + waiting * typical
        return seconds / max(1, min(self.slots, total - self.done))
