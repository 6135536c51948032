"""Which Ray a study runs on, and what its nodes have to give.

A study joins the cluster at `--address`, else the one at $RAY_ADDRESS (a Ray job has it), else one that `ray start`
began on this machine (the head of a cluster has it); where there is none, it starts a Ray of its own.
"""

from __future__ import annotations

import math
import os
import socket
from pathlib import Path

import yaml

from bs_study.config import LaunchOptions, StudyConfig
from bs_study.launch.launcher import Resources, refuse_without_gpu
from bs_study.words import counted, shown, typed

Node = dict[str, float]


def cluster_address(options: LaunchOptions) -> str | None:
    """Return the address of the cluster to join, or None to start a Ray on this machine.

    Raises:
        ValueError: nobody listens at the address that was asked for.
    """
    asked = options.address or os.environ.get("RAY_ADDRESS")
    if asked == "local":
        return None
    if asked and asked != "auto":
        _refuse_silent_address(asked)
        return asked
    found = _started_here()
    if asked == "auto" and not found:
        raise ValueError("address: no Ray cluster runs on this machine. Start one, or leave it out")
    return found


def _started_here() -> str | None:
    """Return the address that `ray start` left on this machine, if its cluster is still alive."""
    file = Path(os.environ.get("RAY_TMPDIR", "/tmp"), "ray", "ray_current_cluster")  # noqa: S108  Ray's own place
    try:
        address = file.read_text().strip()
        _refuse_silent_address(address)
    except (OSError, ValueError):
        return None
    return address


def _refuse_silent_address(address: str) -> None:
    """Raise if nobody listens at host:port: Ray itself would go on trying for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not (host and port.isdigit()):
        raise ValueError(f"address: {shown(address)} is no address of a cluster. Give host:port, auto or local")
    try:
        socket.create_connection((host, int(port)), timeout=5).close()
    except OSError as error:
        reason = error.strerror or error
        raise ValueError(
            f"address: nothing answers at {shown(address)} ({reason}). Start it, or leave it out"
        ) from error


def cluster_resources(
    config: StudyConfig, options: LaunchOptions, *, address: str | None, nodes: list[Node]
) -> Resources:
    """Return what a trial gets on the cluster, of the nodes that are there and those that autoscaling may add.

    Args:
        config: what the study asks for.
        options: how it is launched.
        address: of the cluster that was joined; None for a Ray of this machine.
        nodes: the resources of the nodes that are alive.

    Raises:
        ValueError: no node can hold a trial, now or later.
    """
    later = autoscaled_nodes() if address else []
    most_gpus = max((node.get("GPU", 0) for node in nodes + later), default=0)
    most_cpus = max((node.get("CPU", 0) for node in nodes + later), default=0)
    gpus = options.gpus_per_trial if options.gpus_per_trial is not None else min(1, most_gpus)
    if most_cpus == 0:
        raise ValueError(
            f"address: the Ray cluster at {address} has {counted(len(nodes), 'node')} and none that takes trials. "
            "Wait until a worker has joined: `ray status` shows it"
        )
    if gpus > most_gpus:
        raise ValueError(f"gpus_per_trial: {typed(gpus)}, but no node has more than {typed(most_gpus)}. Use up to that")
    refuse_without_gpu(config.settings, gpus)
    if config.cpus_per_trial > most_cpus:
        raise ValueError(f"cpus_per_trial: {config.cpus_per_trial}, but no node has more than {typed(most_cpus)}")
    slots_of_nodes = [_slots(node, gpus=gpus, cpus=config.cpus_per_trial) for node in later or nodes]
    slots = min(sum(slots_of_nodes), options.max_concurrent or sum(slots_of_nodes))
    each = f"{typed(gpus)} GPU and {config.cpus_per_trial} CPU" if gpus else f"{config.cpus_per_trial} CPU"
    where = f"the Ray cluster at {address}" if address else "a Ray of this machine"
    there = f"{where}: {_total(nodes)}" + (f", up to {_total(later)} by autoscaling" if later else "")
    return Resources(
        gpus,
        slots,
        f"{there}; {each} per trial, up to {counted(slots, 'trial')} at once",
        most_per_machine=min(slots, max(slots_of_nodes)),
        is_cluster=bool(address),
    )


def autoscaled_nodes() -> list[Node]:
    """Return the resources of every node that the cluster may grow to; none where it does not scale.

    The head of a cluster that `ray up` made holds its configuration in ~/ray_bootstrap_config.yaml.
    """
    file = Path.home() / "ray_bootstrap_config.yaml"
    if not file.exists():
        return []
    cluster = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
    types = cluster.get("available_node_types", {})
    nodes = [
        {kind: float(amount) for kind, amount in types[name].get("resources", {}).items() if kind in ("CPU", "GPU")}
        for name in types
        if name != cluster.get("head_node_type")
        for _ in range(types[name].get("max_workers", cluster.get("max_workers", 0)))
    ]
    return nodes[: cluster.get("max_workers", len(nodes))]


def _total(nodes: list[Node]) -> str:
    cpus, gpus = (sum(node.get(kind, 0) for node in nodes) for kind in ("CPU", "GPU"))
    return f"{counted(len(nodes), 'node')}, {counted(cpus, 'CPU core')}, {counted(gpus, 'GPU')}"


def _slots(node: Node, *, gpus: float, cpus: int) -> int:
    by_gpu = node.get("GPU", 0) / gpus if gpus else math.inf
    return int(min(by_gpu, node.get("CPU", 0) / cpus))


def trial_costs(nodes: list[Node], *, cpus: int, gpus: float) -> dict[str, float]:
    """Return the fraction of the nodes' CPUs and GPUs that a trial takes; infinite where it fits on none.

    Of the scarcer it takes one part of as many as fit: a node may not divide into whole trials.
    """
    slots = sum(_slots(node, gpus=gpus, cpus=cpus) for node in nodes)
    if not slots:
        return {"CPU": math.inf}
    asked = {"CPU": cpus, "GPU": gpus}
    totals = {kind: sum(node.get(kind, 0) for node in nodes) for kind in asked}
    costs = {kind: asked[kind] / totals[kind] for kind in asked if asked[kind]}
    return costs | {max(costs, key=costs.__getitem__): 1 / slots}
