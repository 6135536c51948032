"""The thread that tells trackers of a study: of each trial while it runs and when it ends, and of the answer."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from queue import Queue
from typing import Self

from bs_study.config import TrialConfig
from bs_study.launch.failures import failure_message
from bs_study.launch.launcher import Watcher
from bs_study.launch.trackers.tracker import Answer, Run, Tracker
from bs_study.store.reader import Study
from bs_study.store.schema import KEYS
from bs_study.training.progress import Ending, Progress
from bs_study.words import duration

LAST_SECONDS = 60.0  # how long trackers that lag behind are waited for at the end of a study
LAST_SECONDS_INTERRUPTED = 3.0
LOSS, METRIC = "running/loss", "running/metric"
"""What is heard of a trial while it runs: the loss of its last iteration, and the target's metric where last looked.

Evaluations have their own names, and come as the store has them.
"""


@dataclass
class Tracking:
    """Tells trackers of a study in a thread of its own; leaving it waits for them, a while.

    One that raises is told of nothing more: a server that does not answer would hold up the others each time.

    Args:
        trackers: who is told.
        study: the study in its store.
        recipe_of: returns the name of a trial's recipe.
        live_seconds: time between two looks at what a running trial has written.
    """

    trackers: list[Tracker]
    study: Study
    recipe_of: Callable[[TrialConfig], str] = lambda _: ""
    live_seconds: float = 60.0
    _events: Queue[Callable[[], None] | None] = field(default_factory=Queue)
    _latest: dict[str, Progress] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _trials: dict[str, _Told] = field(default_factory=dict)
    _telling: Tracker | None = None
    _patience: float = LAST_SECONDS_INTERRUPTED

    def __enter__(self) -> Self:
        # A daemon, so that one that hangs does not keep the study from ending.
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._events.put(lambda: self._each(lambda tracker: tracker.close()))
        self._events.put(None)
        with contextlib.suppress(KeyboardInterrupt):  # which asks for no more patience
            self._thread.join(self._patience)
        if self._thread.is_alive():
            late = f"not all was taken within {duration(self._patience)}"
            who = f" by {self._telling}. See whether that answers" if self._telling else ""
            _complain(f"{late}{who}. Ended without it")

    @contextlib.contextmanager
    def watching(self, watcher: Watcher) -> Iterator[Watcher]:
        """Yield a watcher that tells this one, and the trackers."""
        yield TrackedWatcher(watcher, self)
        self._patience = LAST_SECONDS  # no interrupt: what lags behind may be waited for

    def progressed(self, trial: TrialConfig, progress: Progress) -> None:
        """Take how far a trial is; of what comes faster than it is told, the last."""
        with self._lock:
            is_waiting = trial.trial_id in self._latest
            self._latest[trial.trial_id] = progress
        if self.trackers and not is_waiting:
            self._events.put(lambda: self._tell_progress(trial))

    def ended(self, trial: TrialConfig, ending: Ending) -> None:
        """Take how a trial ended."""
        if self.trackers:
            self._events.put(lambda: self._tell_end(trial, ending))

    def conclude(self, answer: Answer) -> None:
        """Take what the study says."""
        self._patience = LAST_SECONDS
        self._events.put(lambda: self._each(lambda tracker: tracker.conclude(answer)))

    def _work(self) -> None:
        while tell := self._events.get():
            tell()

    def _tell_progress(self, trial: TrialConfig) -> None:
        with self._lock:
            progress = self._latest.pop(trial.trial_id)
        told = self._told(trial)
        numbers = {LOSS: progress.loss} | ({} if progress.metric is None else {METRIC: progress.metric})
        series = [(progress.iteration, numbers)]
        if time.monotonic() - told.looked >= self.live_seconds:
            series += self._new_evaluations(told, live=True)
        self._each(lambda tracker: tracker.log(told.run, series))

    def _tell_end(self, trial: TrialConfig, ending: Ending) -> None:
        told = self._told(trial)
        series = self._new_evaluations(told, live=False)
        self._each(lambda tracker: tracker.log(told.run, series))
        self._each(lambda tracker: tracker.end(told.run, ending))
        self._trials.pop(trial.trial_id)

    def _told(self, trial: TrialConfig) -> _Told:
        name = trial.trial_id
        if name not in self._trials:
            self._trials[name] = _Told(Run(trial, self.study.name, self.recipe_of(trial)), looked=time.monotonic())
        return self._trials[name]

    def _new_evaluations(self, told: _Told, *, live: bool) -> list[tuple[int, dict[str, float]]]:
        """Return what the store has of a trial's evaluations beyond those that were told."""
        told.looked = time.monotonic()
        try:
            rows = Study(self.study.paths, live=live).evaluations(trial_id=told.run.name)
        except (OSError, ValueError) as error:
            _complain(f"the evaluations of {told.run.name} can't be read: {failure_message(error)}")
            return []
        rows = rows[rows["iteration"] > told.last_iteration].sort_values("iteration")
        if len(rows):
            told.last_iteration = int(rows["iteration"].iloc[-1])
        numbers = rows.drop(columns=[*KEYS, "iteration"]).to_dict("records")
        named = [{str(name): float(value) for name, value in row.items()} for row in numbers]
        return list(zip((int(i) for i in rows["iteration"]), named, strict=True))

    def _each(self, tell: Callable[[Tracker], None]) -> None:
        for tracker in list(self.trackers):
            self._telling = tracker
            try:
                tell(tracker)
            except Exception as error:  # noqa: BLE001  a tracker's trouble is not the study's
                self.trackers.remove(tracker)
                _complain(f"{tracker}: {failure_message(error)}. The study goes on without it")
        self._telling = None


@dataclass
class _Told:
    """What trackers have heard of a trial."""

    run: Run
    looked: float
    last_iteration: int = -1


@dataclass
class TrackedWatcher:
    """A Watcher that tells another one, and then the trackers."""

    watcher: Watcher
    tracking: Tracking

    def started(self, trial: TrialConfig) -> None:
        self.watcher.started(trial)

    def progressed(self, trial: TrialConfig, progress: Progress) -> None:
        self.watcher.progressed(trial, progress)
        self.tracking.progressed(trial, progress)

    def ended(self, trial: TrialConfig, ending: Ending) -> None:
        self.watcher.ended(trial, ending)
        self.tracking.ended(trial, ending)


def _complain(text: str) -> None:
    print(f"tracker: {text}", file=sys.stderr)  # noqa: T201
