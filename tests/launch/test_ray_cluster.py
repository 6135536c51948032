"""Which Ray is joined, and what a trial gets there; no Ray is started."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from bs_study.config.asked import Asked, asked
from bs_study.launch.ray_cluster import autoscaled_nodes, cluster_address, cluster_resources, trial_costs

HEAD, WORKER = {"CPU": 0.0}, {"CPU": 8.0, "GPU": 4.0}


def study(**settings: Any) -> Asked:
    return asked({"batch_sizes": (8,), "lrs": (0.1,), "max_iterations": 1} | settings)


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine that belongs to no cluster."""
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def somebody() -> Iterator[str]:
    """An address at which somebody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


def started_here(machine: Path, address: str) -> None:
    (machine / "ray").mkdir()
    (machine / "ray" / "ray_current_cluster").write_text(address)


def test_without_a_cluster_a_ray_of_this_machine_is_started() -> None:
    assert cluster_address(study().options) is None


def test_the_cluster_of_this_machine_is_joined_unless_told_otherwise(machine: Path, somebody: str) -> None:
    started_here(machine, somebody)
    assert cluster_address(study().options) == somebody
    assert cluster_address(study(address="auto").options) == somebody
    assert cluster_address(study(address="local").options) is None


def test_a_cluster_that_has_ended_is_not_joined(machine: Path) -> None:
    started_here(machine, "127.0.0.1:1")
    assert cluster_address(study().options) is None
    with pytest.raises(ValueError, match="address: no Ray cluster runs on this machine"):
        cluster_address(study(address="auto").options)


def test_an_address_that_is_given_comes_before_that_of_the_environment_and_that_before_this_machines(
    monkeypatch: pytest.MonkeyPatch, machine: Path, somebody: str
) -> None:
    started_here(machine, "127.0.0.1:1")
    monkeypatch.setenv("RAY_ADDRESS", somebody)
    assert cluster_address(study().options) == somebody
    with pytest.raises(ValueError, match="nothing answers"):
        cluster_address(study(address="127.0.0.1:2").options)


def test_a_trial_gets_one_gpu_and_as_many_run_at_once_as_fit() -> None:
    found = cluster_resources(*study(cpus_per_trial=3), address="head:6379", nodes=[HEAD, WORKER, WORKER])
    assert (found.gpus_per_trial, found.slots, found.is_cluster) == (1, 4, True)
    assert found.description == (
        "the Ray cluster at head:6379: 3 nodes, 16 CPU cores, 8 GPUs; 1 GPU and 3 CPU per trial, up to 4 trials at once"
    )


def test_nodes_that_autoscaling_may_add_count(machine: Path) -> None:
    worker = {"resources": WORKER, "max_workers": 3}
    cluster = {"max_workers": 2, "head_node_type": "head", "available_node_types": {"head": {}, "worker": worker}}
    (machine / "ray_bootstrap_config.yaml").write_text(yaml.safe_dump(cluster))
    assert autoscaled_nodes() == [WORKER, WORKER]
    found = cluster_resources(*study(), address="head:6379", nodes=[HEAD])
    assert found.slots == 8
    assert "1 node, 0 CPU cores, 0 GPUs, up to 2 nodes, 16 CPU cores, 8 GPUs by autoscaling" in found.description


@pytest.mark.parametrize(
    ("settings", "nodes", "message"),
    [
        ({}, [HEAD], "address: the Ray cluster at head:6379 has 1 node and none that takes trials. Wait until"),
        ({"gpus_per_trial": 5}, [HEAD, WORKER], "gpus_per_trial: 5, but no node has more than 4"),
        ({"cpus_per_trial": 9}, [HEAD, WORKER], "cpus_per_trial: 9, but no node has more than 8"),
    ],
)
def test_a_trial_that_no_node_can_hold_is_refused(settings: dict[str, Any], nodes: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        cluster_resources(*study(**settings), address="head:6379", nodes=nodes)


def test_a_trial_costs_one_part_of_as_many_as_fit() -> None:
    assert trial_costs([WORKER, WORKER], cpus=1, gpus=1) == {"CPU": 1 / 16, "GPU": 1 / 8}
    assert trial_costs([{"CPU": 3.0}, {"CPU": 3.0}], cpus=2, gpus=0) == {"CPU": 1 / 2}
    assert trial_costs([HEAD], cpus=1, gpus=0) == {"CPU": float("inf")}
