"""A cluster that is really brought up: three hosts, SSH, and `ray up` with sweeps/on_premises.yaml.

The tests share the cluster and run in the order of this file: the last one takes it down.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
import yaml

from bs_study import open_study

pytestmark = [pytest.mark.lab, pytest.mark.timeout(420)]

# Four trials of five to ten seconds: two at a time, one on each worker.
GRID = ["--batch-sizes", "8", "16", "--lrs", "0.02", "0.04", "--checkpoint-seconds", "1"]
GRID += ["--max-iterations", "5000", "--min-iterations", "5000"]
NOT_RAY = {"bash", "ps", "sleep", "sshd"}


class Cluster:
    """The hosts of a laboratory under `ray up`, and a folder that all of them see."""

    def __init__(self, lab: Any, config: dict[str, Any]) -> None:
        self.lab = lab
        self.file = str(lab.folder / "on_premises.yaml")
        self.store = lab.folder / "shared"
        self.store.mkdir()
        Path(self.file).write_text(yaml.safe_dump(config, sort_keys=False))

    def ray(self, command: str, *arguments: str, seconds: float = 60) -> CompletedProcess[str]:
        done: CompletedProcess[str] = self.lab.run("ray", command, *arguments, seconds=seconds)
        return done

    def exec(self, command: str, *, seconds: float = 60) -> str:
        return self.ray("exec", self.file, command, seconds=seconds).stdout

    def attempts(self, study: str) -> int:
        return len(list(self.store.glob(f"{study}/live/*/*")))

    def fetched(self, study: str, folder: Path) -> Path:
        self.ray("rsync-down", self.file, f"{self.store}/{study}/", f"{folder}/{study}/")
        return folder / study


@pytest.fixture(scope="module")
def cluster(lab: Any, lab_config: dict[str, Any]) -> Cluster:
    cluster = Cluster(lab, lab_config)
    cluster.ray("get-auth-token", "--generate")
    cluster.ray("up", "-y", "--no-config-cache", cluster.file, seconds=120)
    lab.wait_for(lambda: "0.0/2.0 GPU" in cluster.exec("ray status"), seconds=150)
    return cluster


@pytest.fixture
def background() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor() as pool:
        yield pool


def test_the_dashboard_and_the_jobs_api_listen_on_loopback_only_and_want_the_token(cluster: Cluster) -> None:
    listening = cluster.lab.on(cluster.lab.head, "ss -Hltn 'sport = :8265'").stdout.split()
    assert [word for word in listening if word.endswith(":8265")] == ["127.0.0.1:8265"]
    asked = "import urllib.request as r; r.urlopen('http://127.0.0.1:8265/api/jobs/', timeout=10)"
    assert "401" in cluster.lab.run("python", "-c", asked, check=False).stdout


def test_the_token_is_readable_by_its_owner_only_on_every_host(cluster: Cluster) -> None:
    for host in (cluster.lab.head, *cluster.lab.workers):
        assert cluster.lab.on(host, "stat -c %a ~/.ray").stdout.strip() == "700"


def test_a_job_outlives_its_terminal_and_is_listed_followed_stopped_and_resumed(
    cluster: Cluster, tmp_path: Path
) -> None:
    submit = "ray job submit --working-dir project"
    study = f"--store {cluster.store} --name job {' '.join(GRID)}"
    cluster.exec(f"{submit} --no-wait --submission-id digits -- python sweeps/grid.py --address auto {study}")
    cluster.lab.wait_for(lambda: cluster.attempts("job") >= 2, seconds=90)
    assert "submission_id='digits'" in cluster.exec("ray job list")
    assert "4 trials of digits" in cluster.exec("ray job logs digits")
    assert "was stopped" in cluster.exec("ray job stop digits")
    resume = f"{submit} --submission-id digits-2 -- python sweeps/grid.py --address auto --resume {cluster.store}/job"
    assert "succeeded" in cluster.exec(resume, seconds=150)
    fetched = cluster.fetched("job", tmp_path)
    assert sorted(open_study(fetched).trials()["status"]) == ["completed"] * 4
    cluster.lab.run("python", "-m", "bs_study.store.check", str(fetched))


def test_a_submitted_study_survives_a_worker_killed_in_mid_trial(
    cluster: Cluster, background: ThreadPoolExecutor, tmp_path: Path
) -> None:
    arguments = ["sweeps/grid.py", "--", "--address", "auto", "--store", str(cluster.store), "--name", "killed", *GRID]
    study = background.submit(cluster.ray, "submit", cluster.file, *arguments, seconds=180)
    cluster.lab.wait_for(lambda: cluster.attempts("killed") >= 2 or study.done(), seconds=90)
    cluster.lab.on(cluster.lab.workers[0], "kill -9 $(pgrep -x raylet)")
    assert "2 GPUs; 1 GPU and 1 CPU per trial" in study.result().stdout
    fetched = cluster.fetched("killed", tmp_path)
    trials = open_study(fetched).trials()
    assert sorted(trials["status"]) == ["completed"] * 4
    assert trials["attempts"].max() >= 2
    assert set(trials["host"]) <= {"node3", "node4"}
    cluster.lab.run("python", "-m", "bs_study.store.check", str(fetched))


def test_ray_down_and_ray_stop_on_the_workers_leave_nothing_running(cluster: Cluster) -> None:
    cluster.ray("down", "-y", cluster.file, seconds=90)
    for host in cluster.lab.workers:
        cluster.lab.on(host, "project/.venv/bin/ray stop", seconds=60)
    for host in (cluster.lab.head, *cluster.lab.workers):
        cluster.lab.wait_for(lambda host=host: running(cluster, host) <= NOT_RAY, seconds=30)


def running(cluster: Cluster, host: str) -> set[str]:
    return set(cluster.lab.on(host, "ps -eo comm=").stdout.split())
