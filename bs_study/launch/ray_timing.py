"""The timing pass on Ray: on one node of each kind, all of whose CPU cores are held so that nothing runs beside it.

An actor of Ray and nothing of Tune, which knows trials only. A batch size that ends the actor's process is recorded as
failed, and the next goes on in another.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Self

import ray

from bs_study.config import TrialConfig
from bs_study.launch.failures import failure_message
from bs_study.launch.ray_cluster import Node, autoscaled_nodes
from bs_study.launch.ray_session import alive_nodes, on_node
from bs_study.launch.ray_worker import Parcel
from bs_study.training.machine import machine_kind
from bs_study.training.placement import Place
from bs_study.training.timing import BatchTiming, missing_timings, time_batch_size
from bs_study.words import duration

NODE_PATIENCE_SECONDS = 60.0  # for a node that is there, and that others of the cluster may be using
NEW_NODE_PATIENCE_SECONDS = 1200.0  # for one that autoscaling has to start

NodeOptions = dict[str, Any]
"""The options of an actor that holds all of a node that a trial can use."""


def time_on_ray(
    trials: Sequence[TrialConfig],
    place: Place,
    parcel: ray.ObjectRef[Parcel],
    *,
    cpus: int,
    gpus: int,
    disturbed_too: bool,
) -> Iterator[BatchTiming]:
    """Time the batch sizes of these trials on one node of each kind, one after another; a busy node is passed over.

    Raises:
        OSError: no node was free in time, or a worker was gone before it had begun.
    """
    nodes, patience = _whole_nodes(cpus=cpus, gpus=gpus)
    end = time.monotonic() + patience
    seen: list[dict[str, object]] = []
    with contextlib.ExitStack() as stack:
        workers = [stack.enter_context(_Worker(node, parcel)) for node in nodes]  # which start all at once
        for worker in workers:
            kind = worker.kind(seconds=max(0.1, end - time.monotonic()))
            if kind and kind not in seen:
                seen.append(kind)
                yield from missing_timings(
                    place.paths,
                    trials,
                    kind,
                    measure=worker.measure,
                    workload_version=place.workload_version,
                    disturbed_too=disturbed_too,
                )
    if not seen:
        raise TimeoutError(f"no node was free within {duration(patience)}")


def _whole_nodes(*, cpus: int, gpus: int) -> tuple[list[NodeOptions], float]:
    """Return where to time: each node that can hold a trial, or one that autoscaling brings; and how long to wait."""
    nodes = [
        _whole(node["Resources"], gpus=gpus) | {"scheduling_strategy": on_node(node["NodeID"])}
        for node in alive_nodes()
        if _can_hold(node["Resources"], cpus=cpus, gpus=gpus)
    ]
    if nodes:
        return nodes, NODE_PATIENCE_SECONDS
    later = [node for node in autoscaled_nodes() if _can_hold(node, cpus=cpus, gpus=gpus)]
    return [_whole(node, gpus=gpus) for node in later[:1]], NEW_NODE_PATIENCE_SECONDS


def _can_hold(node: Node, *, cpus: int, gpus: int) -> bool:
    return node.get("GPU", 0) >= gpus and node.get("CPU", 0) >= cpus


def _whole(node: Node, *, gpus: int) -> NodeOptions:
    return {"num_cpus": int(node["CPU"]), "num_gpus": gpus}


class _Timer:
    """What runs in the actor."""

    def __init__(self, parcel: Parcel) -> None:
        self._parcel = parcel
        self._machine, self._data = parcel.unpacked()

    def kind(self) -> dict[str, object]:
        return machine_kind(self._machine)

    def measure(self, trial: TrialConfig) -> BatchTiming:
        return time_batch_size(
            trial,
            self._machine,
            data_dir=self._parcel.place.data_dir,
            data=self._data,
            timeout_seconds=self._parcel.pacing.timeout_seconds,
            give_up=lambda: os._exit(1),
        )


class _Worker:
    """An actor that times, and the next one where a batch size has ended it."""

    def __init__(self, node: NodeOptions, parcel: ray.ObjectRef[Parcel]) -> None:
        actor_class: Any = ray.remote(_Timer)
        self._make: Callable[[], Any] = lambda: actor_class.options(**node).remote(parcel)
        self._kind: dict[str, object] = {}

    def __enter__(self) -> Self:
        self._actor = self._make()
        return self

    def __exit__(self, *_: object) -> None:
        ray.kill(self._actor)

    def kind(self, *, seconds: float) -> dict[str, object]:
        """Return the kind of machine that it runs on, once it does; nothing if it does not within so many seconds."""
        try:
            self._kind = ray.get(self._actor.kind.remote(), timeout=seconds)
        except ray.exceptions.GetTimeoutError:
            return {}
        except ray.exceptions.RayError as error:
            raise OSError(f"its worker did not start: {failure_message(error)}") from error
        return self._kind

    def measure(self, trial: TrialConfig) -> BatchTiming:
        try:
            found: BatchTiming = ray.get(self._actor.measure.remote(trial))
        except ray.exceptions.RayError as error:
            ray.kill(self._actor)
            self._actor = self._make()
            return BatchTiming(trial.batch_size, "failed", failure_message(error), self._kind)
        return found
