"""A study on eight nodes of one GPU each, faked on this host."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from bs_study import open_study
from bs_study.store.check import problems

GRID = Path(__file__).parents[2] / "sweeps" / "grid.py"
NODES, TRIALS = 8, 64

CLUSTER = f"""
import sys
from ray.cluster_utils import Cluster
cluster = Cluster(initialize_head=True, head_node_args={{"num_cpus": 0, "include_dashboard": False}})
for _ in range({NODES}):
    cluster.add_node(num_cpus=1, num_gpus=1)
cluster.wait_for_nodes()
print(cluster.address, flush=True)
sys.stdin.read()
cluster.shutdown()
"""


@pytest.fixture
def address() -> Iterator[str]:
    """The address of a cluster that lives in a process of its own, until its standard input closes."""
    environment = os.environ | {"RAY_AUTH_MODE": "disabled"}
    with subprocess.Popen(
        [sys.executable, "-c", CLUSTER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as cluster:
        assert cluster.stdout is not None
        assert cluster.stdin is not None
        try:
            address = cluster.stdout.readline().strip()
            assert address, "the cluster did not start"  # without an address the study would look for another Ray
            yield address
        finally:
            cluster.stdin.close()
            cluster.wait(timeout=60)


@pytest.mark.lab
def test_64_trials_use_all_nodes_and_no_two_ever_hold_the_same_gpu(address: str, tmp_path: Path) -> None:
    seeds = [str(seed) for seed in range(TRIALS // 4)]
    study = ["--batch-sizes", "16", "64", "--lrs", "0.04", "0.16", "--seeds", *seeds, "--max-iterations", "30"]
    done = subprocess.run(
        [sys.executable, str(GRID), *study, "--address", address],
        cwd=tmp_path,
        env=os.environ | {"RAY_AUTH_MODE": "disabled"},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    assert f"up to {NODES} trials at once" in done.stdout
    study_of = open_study(tmp_path / "results" / "digits")
    trials = study_of.trials()
    assert len(trials) == TRIALS
    assert trials["gpu_ids"].notna().all()
    assert trials["node_id"].nunique() == NODES
    assert not any(_overlaps(rows) for _, rows in trials.groupby(["node_id", "gpu_ids"]))
    assert list(problems(study_of.paths)) == []


def _overlaps(trials: pd.DataFrame) -> bool:
    """Return whether two of these trials ran at the same time."""
    ordered = trials.sort_values("start_time")
    return bool((ordered["start_time"].iloc[1:].to_numpy() < ordered["end_time"].iloc[:-1].to_numpy()).any())
