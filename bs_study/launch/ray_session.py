"""The Ray that a study runs on: its nodes, and whether they see the store."""

from __future__ import annotations

import contextlib
import os
import socket
import uuid
from collections.abc import Iterator
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from bs_study.config import LaunchOptions, StudyConfig
from bs_study.launch.launcher import Resources
from bs_study.launch.ray_ahead import is_callers, ray_of_this_machine
from bs_study.launch.ray_cluster import Node, cluster_address, cluster_resources
from bs_study.launch.ray_start import joined_ray
from bs_study.store.paths import StudyPaths
from bs_study.words import shown


@contextlib.contextmanager
def ray_session(config: StudyConfig, options: LaunchOptions) -> Iterator[Resources]:
    """Join the cluster at `address`, or start a Ray on this machine; leave or stop it at the end.

    A Ray that the process uses already serves as well, and stays.

    Raises:
        ValueError: no Ray can be joined or started in time, or none of its nodes can hold a trial.
    """
    if is_callers():
        if options.address:
            raise ValueError(f"address: {shown(options.address)}, but this process uses a Ray already. Leave it out")
        used = str(ray.get_runtime_context().gcs_address)
        yield cluster_resources(config, options, address=used, nodes=node_resources())
        return
    address = cluster_address(options)
    with joined_ray(address) if address else ray_of_this_machine():
        yield cluster_resources(config, options, address=address, nodes=node_resources())


def node_resources() -> list[Node]:
    """Return what each node that is alive has."""
    return [node["Resources"] for node in alive_nodes()]


def refuse_unshared_store(paths: StudyPaths) -> None:
    """Raise if a file that the driver writes into a local store is not seen on every node of the cluster.

    Nodes that come later may share it, as one cannot know now: each trial looks for itself.
    """
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
        raise ValueError(unshared(paths, ", ".join(blind)))


def refuse_unseen_study(paths: StudyPaths) -> None:
    """Raise if the study, which the driver has begun, is not seen here: what a trial writes would stay on this node."""
    if paths.is_local and not paths.exists(paths.study_json):
        raise ValueError(unshared(paths, socket.gethostname()))


def unshared(paths: StudyPaths, nodes: str) -> str:
    return (
        f"store: {paths.uri} is not seen on {nodes}. "
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
