"""The timing pass on Ray: on one node of each kind, all of whose CPU cores are held so that nothing runs beside it.

An actor of Ray and nothing of Tune, which knows trials only. A batch size that ends the actor's process is recorded as
failed, and the next goes on in another.
"""

from __future__ import annotations

import contextlib
import math
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Self

import ray
import torch

from bs_study.config import StudyConfig, TrialConfig
from bs_study.launch.failures import failure_message
from bs_study.launch.ray_cluster import Node, autoscaled_nodes
from bs_study.launch.ray_session import alive_nodes, on_node
from bs_study.launch.shared_data import SharedArrays, shared_arrays, shared_tensors
from bs_study.launch.watching import Resources
from bs_study.launch.workload_code import Code, use_code, workload_code
from bs_study.training.placement import Surroundings, study_of
from bs_study.training.timing import Timing, machine_kind, missing_timings, no_times, time_batch_size

NODE_PATIENCE_SECONDS = 60.0  # for a node that is there, and that others of the cluster may be using
NEW_NODE_PATIENCE_SECONDS = 1200.0  # for one that autoscaling has to start

Place = dict[str, Any]
"""The options of an actor that holds all of a node that a trial can use."""


def time_on_ray(
    trials: Sequence[TrialConfig], surroundings: Surroundings, config: StudyConfig, resources: Resources
) -> Iterator[Timing]:
    """Time the batch sizes of these trials on one node of each kind, one after another; a busy node is passed over.

    Raises:
        OSError: no node was free in time, or a worker was gone before it had begun.
    """
    arrays = ray.put(shared_arrays(surroundings.data))
    code = ray.put(workload_code(config.workload) if resources.is_cluster else ())
    given = replace(surroundings, ray_version=ray.__version__, data=None)
    places, patience = _places(config, gpus=math.ceil(resources.gpus_per_trial))  # alone: not on a share of a GPU
    end = time.monotonic() + patience
    seen: list[dict[str, object]] = []
    with contextlib.ExitStack() as stack:
        workers = [
            stack.enter_context(_Worker(place, given, arrays, code)) for place in places
        ]  # which start all at once
        for worker in workers:
            kind = worker.kind(seconds=max(0.1, end - time.monotonic()))
            if kind and kind not in seen:
                seen.append(kind)
                yield from missing_timings(study_of(surroundings), trials, kind, measure=worker.measure)
    if not seen:
        raise TimeoutError(f"no node was free within {patience:g} s")


def _places(config: StudyConfig, *, gpus: int) -> tuple[list[Place], float]:
    """Return where to time: each node that can hold a trial, or one that autoscaling brings; and how long to wait."""
    places = [
        _whole(node["Resources"], gpus=gpus) | {"scheduling_strategy": on_node(node["NodeID"])}
        for node in alive_nodes()
        if _can_hold(node["Resources"], config, gpus=gpus)
    ]
    if places:
        return places, NODE_PATIENCE_SECONDS
    later = [node for node in autoscaled_nodes() if _can_hold(node, config, gpus=gpus)]
    return [_whole(node, gpus=gpus) for node in later[:1]], NEW_NODE_PATIENCE_SECONDS


def _can_hold(node: Node, config: StudyConfig, *, gpus: int) -> bool:
    return node.get("GPU", 0) >= gpus and node.get("CPU", 0) >= config.cpus_per_trial


def _whole(node: Node, *, gpus: int) -> Place:
    return {"num_cpus": int(node["CPU"]), "num_gpus": gpus}


class _Timer:
    """What runs in the actor."""

    def __init__(self, surroundings: Surroundings, arrays: SharedArrays | None, code: Code) -> None:
        if code:
            use_code(code)
        gpu_ids = ray.get_gpu_ids()
        self._surroundings = replace(
            surroundings,
            device="cuda" if gpu_ids and torch.cuda.is_available() else "cpu",
            node_id=ray.get_runtime_context().get_node_id(),
            gpu_ids=",".join(str(gpu_id) for gpu_id in gpu_ids) or None,
            data=shared_tensors(arrays) if arrays else None,
        )

    def kind(self) -> dict[str, object]:
        return machine_kind(self._surroundings)

    def measure(self, trial: TrialConfig) -> dict[str, Any]:
        return time_batch_size(trial, self._surroundings, give_up=lambda: os._exit(1))


class _Worker:
    """An actor that times, and the next one where a batch size has ended it."""

    def __init__(self, place: Place, surroundings: Surroundings, arrays: Any, code: Any) -> None:
        actor_class: Any = ray.remote(_Timer)
        self._make: Callable[[], Any] = lambda: actor_class.options(**place).remote(surroundings, arrays, code)
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

    def measure(self, trial: TrialConfig) -> dict[str, Any]:
        try:
            measured: dict[str, Any] = ray.get(self._actor.measure.remote(trial))
        except ray.exceptions.RayError as error:
            ray.kill(self._actor)
            self._actor = self._make()
            return no_times("failed", failure_message(error), self._kind)
        return measured
