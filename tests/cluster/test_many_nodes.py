"""Studies on several nodes of one GPU each, faked on this host."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from bs_study import open_study
from bs_study.store.check.study import problems

GRID = Path(__file__).parents[2] / "sweeps" / "grid.py"
NODES, TRIALS = 8, 64

CLUSTER = """
import sys
from ray.cluster_utils import Cluster
cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
for _ in range(int(sys.argv[1])):
    cluster.add_node(num_cpus=1, num_gpus=1)
cluster.wait_for_nodes()
print(cluster.address, flush=True)
sys.stdin.read()
cluster.shutdown()
"""


pytestmark = [pytest.mark.lab, pytest.mark.timeout(1200)]


@pytest.fixture(autouse=True)
def pace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nodes without a token, on which `Paced` workloads wait more than they compute."""
    (tmp_path / "pace").write_text("0.02")
    monkeypatch.setenv("BS_STUDY_TEST_PACE", str(tmp_path / "pace"))
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")


@contextlib.contextmanager
def cluster_of(nodes: int) -> Iterator[str]:
    """Yield the address of a cluster that lives in a process of its own, until its standard input closes."""
    command = [sys.executable, "-c", CLUSTER, str(nodes)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as cluster:
        assert cluster.stdout is not None
        assert cluster.stdin is not None
        try:
            address = cluster.stdout.readline().strip()
            assert address, "the cluster did not start"  # without an address the study would look for another Ray
            yield address
        finally:
            cluster.stdin.close()
            cluster.wait(timeout=300)


def test_64_trials_use_all_nodes_and_no_two_ever_hold_the_same_gpu(tmp_path: Path) -> None:
    seeds = [str(seed) for seed in range(TRIALS // 4)]
    cells = ["--search", "grid", "--batch-sizes", "16", "64", "--lrs", "0.04", "0.16", "--seeds", *seeds]
    study = [*cells, "--max-iterations", "30"]
    with cluster_of(NODES) as address:
        done = subprocess.run(
            [sys.executable, str(GRID), *study, "--address", address],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=800,
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


SECONDS = 4


def sweep(folder: Path, name: str, *, trials: int, address: str) -> subprocess.Popen[bytes]:
    """Start a study of so many trials of so many seconds each."""
    grid = [
        "--workload",
        "faulty_workloads:PacedDigits",
        "--batch-sizes",
        "64",
        "--lrs",
        "0.05",
        "--seeds",
        *map(str, range(trials)),
        "--target",
        "loss<=-1",
    ]
    budget = ["--max-train-seconds", str(SECONDS), "--max-iterations", str(10**8)]
    command = [sys.executable, str(GRID), "--name", name, *grid, *budget, "--address", address]
    with (folder / f"{name}.log").open("wb") as log:
        return subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)


def test_a_second_sweep_gets_half_of_the_cluster_while_the_first_goes_on(tmp_path: Path) -> None:
    slots = 4
    with cluster_of(slots) as address, contextlib.ExitStack() as started:
        first = started.enter_context(sweep(tmp_path, "first", trials=44, address=address))
        started.callback(first.kill)
        _wait_for_trials(tmp_path / "results" / "first", first)
        second = started.enter_context(sweep(tmp_path, "second", trials=12, address=address))
        started.callback(second.kill)
        assert [second.wait(timeout=800), first.wait(timeout=800)] == [0, 0], (tmp_path / "second.log").read_text()
    studies = [open_study(tmp_path / "results" / name) for name in ("first", "second")]
    assert not any(list(problems(study.paths)) for study in studies)
    mine, other = (study.trials() for study in studies)
    together = pd.concat([mine, other])
    assert not any(_overlaps(rows) for _, rows in together.groupby(["node_id", "gpu_ids"]))
    # What the first began between the second's first trial and its last is on two of the four nodes.
    assert other["start_time"].min() < mine["start_time"].max()
    while_both = mine["start_time"].between(other["start_time"].min(), other["start_time"].max())
    assert mine[while_both]["node_id"].nunique() <= slots // 2
    assert other["node_id"].nunique() == slots // 2


def _wait_for_trials(study: Path, running: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 300
    while not list(study.glob("trials/*.parquet")):
        assert running.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.2)
