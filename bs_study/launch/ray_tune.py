"""Trials on Ray Tune, one GPU each where there are GPUs.

Tune decides which trial runs where and starts a failed one again. What was asked and what was measured live in the
store: rows never travel through Tune, which gets each trial's progress about once a second, and from
hundreds of trials less often.
"""

from __future__ import annotations

import contextlib
import logging
import math
import os
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import ray
from ray import tune
from ray.tune.schedulers import FIFOScheduler
from ray.tune.stopper import NoopStopper

from bs_study.config import LaunchOptions, StudyConfig, TrialConfig
from bs_study.launch.course import Course
from bs_study.launch.launcher import Launcher, Resources, Watcher, machine_given, pacing_of
from bs_study.launch.ray_bell import new_bell
from bs_study.launch.ray_bounds import Board
from bs_study.launch.ray_callback import TuneCallback
from bs_study.launch.ray_search import FreeWorkersFirst, Search, SharedSearch
from bs_study.launch.ray_session import ray_session, refuse_unshared_store
from bs_study.launch.ray_timing import time_on_ray
from bs_study.launch.ray_trial import RayTrial
from bs_study.launch.ray_worker import Parcel
from bs_study.launch.shared_data import shared_arrays
from bs_study.launch.signals import heeded_signals
from bs_study.launch.workload_code import workload_code
from bs_study.process.left_behind import scratch_folder
from bs_study.training.data import DataSets
from bs_study.training.interruption import Interruption
from bs_study.training.placement import Place
from bs_study.training.timing import BatchTiming
from bs_study.workloads.given import given

MOST_PENDING = 200
REPORTS_PER_SECOND = 100
"""Of all trials together, which is what a driver keeps up with."""


@contextlib.contextmanager
def ray_launcher(
    config: StudyConfig, options: LaunchOptions, place: Place, data: DataSets | None = None
) -> Iterator[Launcher]:
    """Join or start a Ray, and yield what runs the trials of a study on it; leave or stop it at the end.

    Raises:
        ValueError: no Ray can be joined or started, none of its nodes can hold a trial, or one does not see the store.
    """
    launched = datetime.now(UTC)
    with ray_session(config, options) as resources:
        refuse_unshared_store(place.paths)
        yield RayLauncher(config, options, place, data, resources=resources, launched=launched)


class RayLauncher:
    """Runs trials on the Ray that this process has joined.

    Args:
        config: of the study.
        options: how it is launched.
        place: where its trials read and write.
        data: its data sets, if the driver has read them; else each worker does.
        resources: what a trial gets there.
        launched: when the study was started or resumed, UTC.
    """

    def __init__(
        self,
        config: StudyConfig,
        options: LaunchOptions,
        place: Place,
        data: DataSets | None,
        *,
        resources: Resources,
        launched: datetime,
    ) -> None:
        self.resources = resources
        self._config, self._options, self._place, self._data = config, options, place, data
        self._launched = launched

    @cached_property
    def _parcel(self) -> ray.ObjectRef[Parcel]:
        report_seconds = max(1.0, self.resources.slots / REPORTS_PER_SECOND)
        workload = self._config.settings.workload
        parcel = Parcel(
            self._place,
            machine_given(self._config, self._options, device="cpu"),
            pacing_of(self._options, report_seconds=report_seconds),
            self._launched,
            shared_arrays(self._data),
            workload_code(workload) if self.resources.is_cluster else (),
            workload,
            given(workload),
        )
        return ray.put(parcel)

    def time(self, trials: Sequence[TrialConfig], *, disturbed_too: bool) -> Iterator[BatchTiming]:
        """Time the batch sizes of these trials on one node of each kind, each written to the store when it is done.

        Raises:
            OSError: no node was free in time, or a worker was gone before it had begun.
        """
        gpus = math.ceil(self.resources.gpus_per_trial)  # alone: not on a share of a GPU
        yield from time_on_ray(
            trials,
            self._place,
            self._parcel,
            cpus=self._config.cpus_per_trial,
            gpus=gpus,
            disturbed_too=disturbed_too,
        )

    def run(self, course: Course, watcher: Watcher) -> None:
        """Run what a course wants, as much at once as fits; a trial that fails for good is recorded as failed.

        Raises:
            KeyboardInterrupt: a signal came; trials that were training have written checkpoints, if there was time.
        """
        for name in ("ray.tune", "ray.train", "ray.air"):
            logging.getLogger(name).setLevel(logging.CRITICAL)  # its warnings speak of result files, turned off here
        # What Tune may hold is for the search to say; a search of one's own would by default get one trial at a time.
        os.environ.setdefault("TUNE_MAX_PENDING_TRIALS_PG", str(MOST_PENDING))
        cpus, gpus = self._config.cpus_per_trial, self.resources.gpus_per_trial
        interruption, bell, board = Interruption(), new_bell(), Board()
        board.publish(course.plan.bounds)
        trainable = tune.with_parameters(RayTrial, parcel=self._parcel, bell=bell, board=board.actor)
        search, scheduler = self._search(course)
        with scratch_folder() as scratch:
            tuner = tune.Tuner(
                tune.with_resources(trainable, {"cpu": cpus, "gpu": gpus}),
                tune_config=tune.TuneConfig(
                    num_samples=-1,  # as many as the search asks for
                    search_alg=search,
                    scheduler=scheduler,
                    reuse_actors=True,
                    trial_dirname_creator=_folder_of,  # by which a worker's trial is seen: it works in that folder
                ),
                run_config=tune.RunConfig(
                    storage_path=str(scratch),
                    verbose=0,
                    stop=_UntilInterrupted(interruption, bell),
                    # A class, unlike a function, is asked for a checkpoint when it is done; ours are in the store.
                    checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
                    failure_config=tune.FailureConfig(max_failures=self._options.max_failures),
                    callbacks=[TuneCallback(course, self._place, watcher, search, interruption, board.publish)],
                ),
            )
            try:
                with heeded_signals(interruption), interruption.held_back():
                    tuner.fit()
            finally:
                search.close()
        if course.fault:
            raise course.fault  # it was raised in a callback, where Tune goes on

    def _search(self, course: Course) -> tuple[Search, FIFOScheduler]:
        most = self._options.max_concurrent
        scheduler = FreeWorkersFirst()  # type: ignore[no-untyped-call]
        if not self.resources.is_cluster:
            return Search(course, most=most or self.resources.slots), scheduler
        cpus, gpus = self._config.cpus_per_trial, self.resources.gpus_per_trial
        return SharedSearch(course, most=most, cpus=cpus, gpus=gpus), scheduler


def _folder_of(trial: Any) -> str:
    """Return the name of the scratch folder of a trial of Tune."""
    return str(trial.config["trial_id"])


class _UntilInterrupted(tune.Stopper):
    """Ends the run when an end is asked for, and rings the bell: each trial that trains writes a checkpoint first."""

    def __init__(self, interruption: Interruption, bell: Any) -> None:
        self._interruption, self._bell = interruption, bell
        self._is_rung = False

    def __reduce__(self) -> tuple[type[tune.Stopper], tuple[()]]:
        return NoopStopper, ()  # Tune pickles it for its own restore, which is never used

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        return False

    def stop_all(self) -> bool:
        if self._interruption.is_asked and not self._is_rung:
            self._bell.ring.remote()
            self._is_rung = True
        return self._is_rung
