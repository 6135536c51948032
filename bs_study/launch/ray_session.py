"""The Ray that a study runs on: joined or started, its nodes, and whether they see the store."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import uuid
from collections.abc import Iterator
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from bs_study.config import StudyConfig
from bs_study.launch.ray_cluster import Node, cluster_address, cluster_resources
from bs_study.launch.watching import Resources
from bs_study.store.paths import StudyPaths


@contextlib.contextmanager
def ray_session(config: StudyConfig) -> Iterator[Resources]:
    """Join the cluster at `address`, or start a Ray on this machine; leave or stop it at the end.

    Raises:
        ValueError: no cluster answers, or none of its nodes can hold a trial.
    """
    address = cluster_address(config)
    stops_as_before = signal.getsignal(signal.SIGTERM)  # ray.init puts a handler of its own in its place
    try:
        ray.init(
            address=address or "local",
            include_dashboard=None if address else False,
            log_to_driver=False,
            logging_level=logging.ERROR,
        )
        signal.signal(signal.SIGTERM, stops_as_before)
    except ConnectionError as error:
        raise ValueError(f"address: no Ray cluster answers at {address!r}: {error}") from error
    try:
        yield cluster_resources(config, address=address, nodes=node_resources())
    finally:
        ray.shutdown()


def node_resources() -> list[Node]:
    """Return what each node that is alive has."""
    return [node["Resources"] for node in alive_nodes()]


def refuse_unshared_store(paths: StudyPaths) -> None:
    """Raise if a file that the driver writes into a local store is not seen on every node of the cluster."""
    nodes = alive_nodes()
    if len(nodes) < 2 or not paths.is_local:
        return
    probe = f"{paths.live}/probe-{uuid.uuid4().hex}"
    paths.write(probe, b"")
    try:
        blind = [node["NodeManagerHostname"] for node in nodes if not _is_seen(probe, node["NodeID"])]
    finally:
        paths.remove(probe)
    if blind:
        raise ValueError(
            f"store: {paths.uri} is not seen on {', '.join(blind)}. "
            "Give --store a folder that all nodes share, or a URI such as s3://bucket/results"
        )


def _is_seen(path: str, node_id: str) -> bool:
    seen = ray.remote(os.path.exists).options(num_cpus=0, scheduling_strategy=on_node(node_id)).remote(path)
    try:
        return bool(ray.get(seen, timeout=60))
    except (ray.exceptions.RayError, TimeoutError):
        return False


def on_node(node_id: str) -> NodeAffinitySchedulingStrategy:
    """Return what makes Ray run something on this node and no other."""
    return NodeAffinitySchedulingStrategy(node_id, soft=False)


def alive_nodes() -> list[dict[str, Any]]:
    """Return the nodes of the cluster, as Ray describes them."""
    return [node for node in ray.nodes() if node["Alive"]]  # type: ignore[no-untyped-call]
