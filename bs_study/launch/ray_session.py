"""The Ray that a study runs on: joined or started, its nodes, and whether they see the store."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ray
from ray._private import ray_constants
from ray._private import services as ray_services
from ray._private.authentication.authentication_token_setup import maybe_enable_token_auth_if_token_available
from ray._private.utils import detect_fate_sharing_support
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from bs_study.config import LaunchOptions, StudyConfig
from bs_study.launch.launcher import Resources
from bs_study.launch.ray_cluster import Node, cluster_address, cluster_resources
from bs_study.store.paths import StudyPaths
from bs_study.words import shown

services: Any = ray_services  # without types
QUIET: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}


@contextlib.contextmanager
def ray_session(config: StudyConfig, options: LaunchOptions) -> Iterator[Resources]:
    """Join the cluster at `address`, or start a Ray on this machine; leave or stop it at the end.

    Raises:
        ValueError: no Ray can be joined or started, or none of its nodes can hold a trial.
    """
    address = cluster_address(options)
    stops_as_before = signal.getsignal(signal.SIGTERM)  # ray.init puts a handler of its own in its place
    try:
        if address:
            _join(address)
        else:
            _start()
    except (ConnectionError, RuntimeError, ray.exceptions.RayError) as error:  # another version, or no token
        raise ValueError(f"address: no Ray to use at {shown(address or 'local')}: {error}") from error
    finally:
        signal.signal(signal.SIGTERM, stops_as_before)
    try:
        yield cluster_resources(config, options, address=address, nodes=node_resources())
    finally:
        ray.shutdown()


def _join(address: str) -> None:
    """Connect to a cluster; if it wants a token, with this user's, which Ray itself does at "auto" only.

    Not with the token at once: on a cluster without tokens, what was sent with one never runs.
    """
    try:
        ray.init(address=address, **QUIET)
    except ConnectionError:
        if "RAY_AUTH_MODE" in os.environ or not maybe_enable_token_auth_if_token_available(warn_if_disabled=False):
            raise
        ray.init(address=address, **QUIET)


def _start() -> None:
    """Start a Ray of this machine, which listens on loopback only, with a token that nobody else can read."""
    if " " in sys.executable:  # Ray 2.60: plain actors start there, Tune's trials stay pending
        raise ValueError(
            f"address: trials on Ray never start where the path of Python has a space, as {sys.executable!r}. "
            "Make the virtual environment elsewhere, or use --local"
        )
    token = Path.home() / ".ray" / "auth_token"
    token.parent.mkdir(mode=0o700, exist_ok=True)
    # What RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER=0 sets when Ray is imported; on a Mac it is so by default.
    is_networked, ray_constants.ENABLE_RAY_CLUSTER = ray_constants.ENABLE_RAY_CLUSTER, False
    try:
        with _own_process_group():
            ray.init(address="local", include_dashboard=False, **QUIET)
    finally:
        ray_constants.ENABLE_RAY_CLUSTER = is_networked
    if token.exists():
        token.chmod(0o600)


class _GroupLeader(ray_services.ConsolePopen):
    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, process_group=0, **options)


@contextlib.contextmanager
def _own_process_group() -> Iterator[None]:
    """Start Ray's processes outside of the driver's process group: a signal to it is the driver's affair.

    Only where the system ends them with the driver; elsewhere Ray ends them by their group.
    """
    popen = services.ConsolePopen
    if detect_fate_sharing_support():  # type: ignore[no-untyped-call]
        services.ConsolePopen = _GroupLeader
    try:
        yield
    finally:
        services.ConsolePopen = popen


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
