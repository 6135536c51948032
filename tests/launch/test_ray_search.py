"""Sweeps give back what they hold: Tune's own controller, with workers and a ledger that are simulated."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import ray
from ray.air.execution._internal.tracked_actor import TrackedActor
from ray.train._internal.storage import StorageContext
from ray.tune.execution import tune_controller
from ray.tune.execution.tune_controller import TuneController
from ray.tune.experiment import Experiment

from bs_study.launch.course import Course
from bs_study.launch.fair_share import TURN_SECONDS, Claim, Ledger, Share
from bs_study.launch.ray_callback import TuneCallback
from bs_study.launch.ray_search import Account, FreeWorkersFirst, SharedSearch
from bs_study.store.reader import Study
from bs_study.training.interruption import Interruption
from tests.launch.racing import racing_study


@dataclass
class Host:
    """A machine of one GPU, its clock, and whose worker holds the GPU."""

    now: float = 0.0
    holder: str = ""

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@dataclass
class Workers:
    """What Tune asks of its actor manager, answered by a host: a worker is there once it has the GPU."""

    host: Host
    name: str
    waiting: list[TrackedActor] = field(default_factory=list)
    events: list[Callable[[], None]] = field(default_factory=list)
    _live_actors_to_ray_actors_resources: dict[TrackedActor, Any] = field(default_factory=dict)

    def add_actor(self, on_start: Any, on_stop: Any, on_error: Any, **_: Any) -> TrackedActor:
        self.waiting.append(TrackedActor(id(object()), on_start=on_start, on_stop=on_stop, on_error=on_error))
        return self.waiting[-1]

    def remove_actor(self, actor: TrackedActor, **_: Any) -> bool:
        if actor in self.waiting:
            self.waiting.remove(actor)
        elif self._live_actors_to_ray_actors_resources.pop(actor, None):
            self.host.holder = ""
        return True

    def schedule_actor_task(
        self, tracked_actor: TrackedActor, method_name: str, on_result: Any = None, **_: Any
    ) -> None:
        result = {"train": {"done": True, "training_iteration": 1}, "reset": True}.get(method_name)
        if on_result:
            self.events.append(lambda: on_result(tracked_actor, result))

    def next(self, timeout: float) -> bool:
        self.host.now += 1
        if self.waiting and not self.host.holder:
            self.host.holder = self.name
            actor = self.waiting.pop(0)
            self._live_actors_to_ray_actors_resources[actor] = (None,)
            self.events.append(lambda: actor._on_start(actor))
        if self.events:
            self.events.pop(0)()
        return True

    def is_actor_started(self, actor: TrackedActor) -> bool:
        return actor in self._live_actors_to_ray_actors_resources

    def is_actor_failed(self, actor: TrackedActor) -> bool:
        return False

    def clear_actor_task_futures(self, tracked_actor: TrackedActor) -> None:
        pass

    @property
    def num_pending_actors(self) -> int:
        return len(self.waiting)

    num_live_actors = num_actor_tasks = 1


@dataclass
class LocalAccount:
    """An account in a ledger of this process, with an answer at each question."""

    ledger: Ledger
    name: str

    def wait(self, claim: Claim) -> Share:
        return self.ledger.share(self.name, claim)

    def answer(self, claim: Callable[[], Claim]) -> Share:
        return self.ledger.share(self.name, claim())


def test_a_sweep_whose_turn_is_over_gives_its_only_worker_to_the_one_that_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUNE_MAX_PENDING_TRIALS_PG", "200")
    monkeypatch.setenv("TUNE_GLOBAL_CHECKPOINT_S", "1000000")
    host = Host()
    ledger = Ledger(host.clock)
    monkeypatch.setattr(time, "sleep", host.sleep)
    monkeypatch.setattr("ray.train._internal.storage._get_ray_train_session_dir", lambda: str(tmp_path))

    watcher: Any = SimpleNamespace(started=lambda trial: None)
    place: Any = None

    def sweep(name: str) -> TuneController:
        monkeypatch.setattr(tune_controller, "RayActorManager", lambda resource_manager: Workers(host, name))
        config, paths = racing_study(tmp_path / f"study-{name}", search="grid", seeds=tuple(range(1000)))
        course = Course(config, Study(paths))
        account: Any = LocalAccount(ledger, name)
        search = SharedSearch(course, most=None, cpus=1, gpus=0, account=account, nodes=lambda: [{"CPU": 1.0}])
        storage = StorageContext(tmp_path, experiment_dir_name=name)
        experiment = Experiment(name, lambda config: None, num_samples=-1, storage_path=str(tmp_path))
        search.add_configurations([experiment])
        return TuneController(
            search_alg=search,
            scheduler=FreeWorkersFirst(),
            reuse_actors=True,
            storage=storage,
            callbacks=[TuneCallback(course, place, watcher, search, Interruption(), lambda bounds: None)],
        )

    sweeps = [sweep(name) for name in ("first", "second")]
    held: dict[str, float] = {"": 0, "first": 0, "second": 0}
    while host.now < 6 * TURN_SECONDS:
        for controller in sweeps:
            before = host.now
            assert not controller.is_finished()
            controller.step()
            held[host.holder] += host.now - before
    assert min(held["first"], held["second"]) > 2 * TURN_SECONDS


class Refusing:
    """A ledger that can't be had, which counts how often it was asked for."""

    asked = 0

    def find(self) -> Any:
        self.asked += 1
        raise ray.exceptions.RaySystemError("no ledger")


def test_a_ledger_that_can_not_be_had_leaves_a_sweep_all_that_it_wants() -> None:
    host, refusing = Host(), Refusing()
    account = Account(refusing.find, clock=host.clock, sleep=host.sleep)
    claim = Claim(5, {"CPU": 1}, {"CPU": 1})
    assert account.wait(claim) == Share(5, 5, others=0)
    assert refusing.asked == 3
    for _ in range(100):
        host.now += 0.1
        assert account.answer(lambda: claim) is None
    assert refusing.asked <= 3 + 10
