"""Which trials Tune may start: those that the study wants now; on a cluster, no more than this sweep's share of it.

By itself Tune asks for many trials ahead and hands each worker from trial to trial until the study ends, so that a
second sweep would wait for the end of the first, and trials would wait in a queue that are wanted no more.
"""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Callable
from typing import Any

import ray
from ray.tune.schedulers import FIFOScheduler
from ray.tune.search import Searcher, SearchGenerator

from bs_study.launch.course import Course
from bs_study.launch.fair_share import Claim, Costs, Ledger, Share
from bs_study.launch.ray_cluster import Node, autoscaled_nodes, trial_costs
from bs_study.launch.ray_session import node_resources, on_node
from bs_study.launch.ray_trial import point_of

ASK_SECONDS = 1.0
IDLE_SECONDS = 0.1
FIRST_ANSWER_SECONDS = 20.0
FIRST_TRIES = 3
LAST_WORD_SECONDS = 5.0
TROUBLE = (ray.exceptions.RayError, ValueError, OSError)
"""What asking the ledger may raise."""


class _Suggestions(Searcher):
    """What Tune asks for the next trial."""

    def __init__(self, course: Course) -> None:
        super().__init__()
        self._course = course

    def suggest(self, trial_id: str) -> dict[str, Any] | None:
        trial = self._course.next()
        return None if trial is None else point_of(trial)

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """Hear of the end of a trial, of which the course hears by the callback."""


class Search(SearchGenerator):
    """Gives Tune the trials of a study, when they are wanted.

    Args:
        course: what is asked for them.
        most: how many of them may be with Tune at once.
    """

    def __init__(self, course: Course, *, most: int | None) -> None:
        super().__init__(_Suggestions(course))
        self._course = course
        self.max_concurrent = most
        self._live_trials = set[str]()

    def next_trial(self) -> Any:
        if self.max_concurrent is not None and len(self._live_trials) >= self.max_concurrent:
            return None
        trial = super().next_trial()  # type: ignore[no-untyped-call]
        if trial is not None:
            self._live_trials.add(trial.trial_id)
        return trial

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        self._live_trials.discard(trial_id)

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Hear of progress, of which the watcher hears by the callback."""

    def is_finished(self) -> bool:
        # Tune marks a search as finished when it is told to end: then nothing may begin, whatever is still wanted.
        return self._finished or self._course.is_over

    def save_to_dir(self, dirpath: str, session_str: str = "", **kwargs: Any) -> None:
        """Save nothing: this is for Tune's own restore, which is never used. What is done stands in the store."""

    def started(self, tune_id: str) -> None:
        """Hear that a trial has a worker."""

    def begin_step(self) -> None:
        """Hear that Tune is about to ask for trials, start them, and hear from one."""

    def end_step(self) -> None:
        """Hear that Tune asks next whether the study is over."""

    def close(self) -> None:
        """Hear that the study is over."""


class SharedSearch(Search):
    """Gives Tune no more trials than this sweep's share, and lets it give back workers above that.

    Args:
        course: as that of Search.
        most: as that of Search.
        cpus: of each trial.
        gpus: of each trial.
        account: this sweep's in the ledger; None to open one.
        nodes: gives what each node of the cluster has.
    """

    def __init__(
        self,
        course: Course,
        *,
        most: int | None,
        cpus: int,
        gpus: float,
        account: Account | None = None,
        nodes: Callable[[], list[Node]] = node_resources,
    ) -> None:
        super().__init__(course, most=most)
        self._cpus, self._gpus = cpus, gpus
        self._autoscaled = autoscaled_nodes()
        self._is_in_step = False
        self._running: set[str] = set()
        self._ended: set[str] = set()
        self._nodes = nodes
        self._account = account or Account()
        self._share = self._account.wait(self._claim())

    def started(self, tune_id: str) -> None:
        self._running.add(tune_id)

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        super().on_trial_complete(trial_id, result, error)
        self._ended.add(trial_id)  # its worker is still ours: whether it is given back is what Tune asks now

    def begin_step(self) -> None:
        self._is_in_step = True
        self._running -= self._ended
        self._ended.clear()
        self._hear()
        if not self._live_trials and not self._may_start():
            time.sleep(IDLE_SECONDS)  # Tune does not wait where it has nothing to wait for

    def end_step(self) -> None:
        self._is_in_step = False

    def _hear(self) -> None:
        self._share = self._account.answer(self._claim) or self._share

    def close(self) -> None:
        self._account.close()

    def next_trial(self) -> Any:
        self._hear()  # Tune waits in here for a trial when it has none
        return super().next_trial() if self._may_start() else None

    def is_finished(self) -> bool:
        # Tune keeps an idle worker, and its GPU, as long as a search is not finished: so it is, whenever no trial may
        # start, but between two steps, where Tune ends the study of a finished search.
        return super().is_finished() or (self._is_in_step and not self._may_start())

    def _may_start(self) -> bool:
        share = self._share
        is_within = not share.others or (len(self._running) <= share.now and self._course.has_more)
        return is_within and len(self._live_trials) < max(share.now, share.later)

    def _claim(self) -> Claim:
        nodes = self._nodes()
        left = self._course.left
        wanted = min(left, self.max_concurrent or left)
        return Claim(wanted, self._costs(nodes), self._costs(self._autoscaled or nodes))

    def _costs(self, nodes: list[Node]) -> Costs:
        return trial_costs(nodes, cpus=self._cpus, gpus=self._gpus)


class FreeWorkersFirst(FIFOScheduler):
    """Lets a new trial take the worker that has just become free.

    Tune's own choice is the trial that waits longest: if that has a worker which is just starting, it is ended for the
    free one, and where trials are shorter than such a start a sweep would never get the workers that it may have.
    """

    def choose_trial_to_run(self, tune_controller: Any) -> None:
        """Leave the choice to how Tune hands out free workers."""


def shared_ledger() -> Any:
    """Return the ledger of the cluster, an actor of whichever sweep came first, which is made anew when that ends."""
    here = on_node(ray.get_runtime_context().get_node_id())  # it must keep no worker from ending when idle
    named = {"name": "ledger", "namespace": "bs_study", "get_if_exists": True}
    return ray.remote(Ledger).options(num_cpus=0, scheduling_strategy=here, **named).remote()


class Account:
    """This sweep's account in the ledger. Its trouble is not the study's, which then goes on by the last answer.

    Args:
        find: returns the ledger.
        clock: in seconds.
        sleep: waits for so many of them.
    """

    def __init__(
        self,
        find: Callable[[], Any] = shared_ledger,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._find, self._clock, self._sleep = find, clock, sleep
        self._sweep = uuid.uuid4().hex
        self._ledger: Any = None
        self._asked: ray.ObjectRef[Share] | None = None
        self._next = 0.0

    def wait(self, claim: Claim) -> Share:
        """Return the share of a sweep that begins; all that it wants, if nobody answers."""
        for _ in range(FIRST_TRIES):
            with contextlib.suppress(*TROUBLE):  # its owner has just ended, perhaps
                return ray.get(self._ask(claim), timeout=FIRST_ANSWER_SECONDS)
            self._ledger = None
            self._sleep(ASK_SECONDS)
        return Share(claim.wanted, claim.wanted, others=0)

    def answer(self, claim: Any) -> Share | None:
        """Return the share if there is news of it, and ask again about once a second; never wait."""
        share = None
        try:
            if self._asked and ray.wait([self._asked], timeout=0)[0]:
                asked, self._asked = self._asked, None
                share = ray.get(asked)
            if not self._asked and self._clock() > self._next:
                self._next = self._clock() + ASK_SECONDS
                self._asked = self._ask(claim())
        except TROUBLE:
            self._ledger = self._asked = None
        return share

    def close(self) -> None:
        """Let the others have this sweep's share at once, not only when it has been silent for a while."""
        if self._ledger:
            with contextlib.suppress(*TROUBLE):
                ray.get(self._ledger.leave.remote(self._sweep), timeout=LAST_WORD_SECONDS)

    def _ask(self, claim: Claim) -> ray.ObjectRef[Share]:
        if self._ledger is None:
            self._ledger = self._find()
        asked: ray.ObjectRef[Share] = self._ledger.share.remote(self._sweep, claim)
        return asked
