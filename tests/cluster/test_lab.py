"""A cluster that is really brought up: three hosts, SSH, and `ray up` with sweeps/on_premises.yaml.

The tests share the cluster and run in the order of this file: each leaves it as the next one needs it, and the last one
takes it down.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pandas as pd
import pytest
import yaml

from bs_study import open_study
from bs_study.store.check.study import problems
from bs_study.store.paths import study_paths

pytestmark = [pytest.mark.lab, pytest.mark.timeout(1200)]

PAGE = Path(__file__).parents[2] / "bs_study" / "docs" / "own_hosts.md"
# Four trials of a few seconds for each seed: two at a time, one on each worker.
CELLS = "--search grid --batch-sizes 8 16 --lrs 0.02 0.04"
GRID = f"{CELLS} --checkpoint-seconds 1 --max-iterations 3000 --min-iterations 3000"
SUBMIT = "ray job submit --working-dir project"
NOT_RAY = {"awk", "bash", "ps", "sleep", "sshd", "xargs"}


class Cluster:
    """The hosts of a laboratory under `ray up`, and a folder that all of them see."""

    def __init__(self, lab: Any, config: dict[str, Any]) -> None:
        self.lab = lab
        self.file = str(lab.folder / "on_premises.yaml")
        self.store = lab.folder / "shared"
        self.store.mkdir()
        Path(self.file).write_text(yaml.safe_dump(config, sort_keys=False))

    def ray(self, command: str, *arguments: str) -> CompletedProcess[str]:
        done: CompletedProcess[str] = self.lab.run("ray", command, *arguments, seconds=600)
        return done

    def up(self) -> None:
        """Bring the cluster up, and wait for its first worker."""
        self.ray("up", "-y", "--no-config-cache", self.file)
        self.page("ray exec sweeps/on_premises.yaml 'until ray status")

    def page(self, begin: str) -> None:
        """Run the one command of the page of own hosts that begins so, for this cluster's file and user."""
        (command,) = (line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith(begin))
        here = command.replace("sweeps/on_premises.yaml", self.file).replace("ubuntu@", "root@")
        self.lab.run("bash", "-c", here, seconds=600)

    def wait_for_gpus(self, gpus: int) -> None:
        self.lab.wait_for(lambda: f"/{gpus}.0 GPU" in self.on_head("ray status", check=False), seconds=600, pause=1)

    def on_head(self, command: str, **options: Any) -> str:
        return str(self.lab.on("head", command, **options).stdout)

    def exec(self, command: str) -> str:
        return self.ray("exec", self.file, command).stdout

    def study(self, name: str, *, seeds: str = "0") -> str:
        """Return the flags of a new study."""
        return f"--store {self.store} --name {name} {GRID} --seeds {seeds}"

    def wait_until_nothing_runs(self, host: str) -> None:
        """Wait for the end of what was killed: on a busy machine that takes a while."""
        self.lab.wait_for(lambda: set(self.lab.on(host, "ps -eo comm=").stdout.split()) <= NOT_RAY)

    def wait_for_attempts(self, study: str, count: int) -> None:
        self.lab.wait_for(
            lambda: len(list(self.store.glob(f"{study}/live/*/*"))) >= count,
            seconds=180,
            progress=lambda: len(list(self.store.glob(f"{study}/**/*"))),
        )

    def finished(self, study: str, folder: Path) -> pd.DataFrame:
        """Fetch a study, have its store looked over, and return its trials: all completed, none on the head."""
        self.ray("rsync-down", self.file, f"{self.store}/{study}/", f"{folder}/{study}/")
        assert list(problems(study_paths(folder / study))) == []
        trials = open_study(folder / study).trials()
        assert set(trials["status"]) == {"completed"}
        assert set(trials["host"]) <= {"worker1", "worker2"}
        return trials


@pytest.fixture(scope="module")
def cluster(lab: Any, lab_config: dict[str, Any]) -> Cluster:
    """The cluster, up but for one host that can't be reached yet."""
    cluster = Cluster(lab, lab_config)
    cluster.ray("get-auth-token", "--generate")
    lab.unplug("worker2")
    cluster.up()
    return cluster


@pytest.fixture
def background() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor() as pool:
        yield pool


def test_the_dashboard_and_the_jobs_api_listen_on_loopback_only_and_want_the_token(cluster: Cluster) -> None:
    listening = cluster.on_head("ss -Hltn 'sport = :8265'").split()
    assert [word for word in listening if word.endswith(":8265")] == ["127.0.0.1:8265"]
    asked = "import urllib.request as r; r.urlopen('http://127.0.0.1:8265/api/jobs/', timeout=10)"
    assert "401" in cluster.on_head(f'python3.12 -c "{asked}"', check=False)


def test_the_token_is_readable_by_its_owner_only_on_every_host_that_joined(cluster: Cluster) -> None:
    for host in ("head", "worker1"):
        assert cluster.lab.on(host, "stat -c %a ~/.ray").stdout.strip() == "700"


def test_a_job_outlives_its_terminal_and_is_listed_followed_and_stopped(cluster: Cluster) -> None:
    job = f"{SUBMIT} --no-wait --submission-id digits -- python sweeps/grid.py {cluster.study('job', seeds='0 1 2')}"
    cluster.exec(job)
    cluster.wait_for_attempts("job", 1)
    assert "submission_id='digits'" in cluster.exec("ray job list")
    assert "12 trials of digits" in cluster.exec("ray job logs digits")
    assert "was stopped" in cluster.exec("ray job stop digits")
    assert "interrupted. Go on with: " in cluster.exec("ray job logs digits")


def test_a_stopped_job_is_resumed_and_uses_a_worker_that_joins_in_the_middle_of_it(
    cluster: Cluster, background: ThreadPoolExecutor, tmp_path: Path
) -> None:
    resume = f"{SUBMIT} --submission-id digits-2 -- python sweeps/grid.py --resume {cluster.store}/job"
    study = background.submit(cluster.exec, resume)
    cluster.lab.plug("worker2")
    assert "1 GPU and 1 CPU per trial" in study.result()
    assert "succeeded" in study.result()
    assert set(cluster.finished("job", tmp_path)["host"]) == {"worker1", "worker2"}


def test_a_submitted_study_survives_a_worker_killed_in_mid_trial(
    cluster: Cluster, background: ThreadPoolExecutor, tmp_path: Path
) -> None:
    cluster.wait_for_gpus(2)
    flags = ["--config", "sweeps/digits.yaml", *cluster.study("killed").split()]  # where they run, ~, it is not
    study = background.submit(cluster.ray, "submit", cluster.file, "sweeps/grid.py", "--", *flags)
    cluster.wait_for_attempts("killed", 2)
    cluster.lab.on("worker1", "kill -9 $(pgrep -x raylet)")
    printed = " ".join(study.result().stdout.split())  # a terminal folds its lines
    assert "2 GPUs; 1 GPU and 1 CPU per trial" in printed
    assert cluster.finished("killed", tmp_path)["attempts"].max() >= 2


def test_a_study_whose_head_is_lost_is_finished_under_a_new_one(cluster: Cluster, tmp_path: Path) -> None:
    job = f"{SUBMIT} --no-wait --submission-id lost -- python sweeps/grid.py {cluster.study('lost')}"
    cluster.exec(job)
    cluster.wait_for_attempts("lost", 1)
    spared = "|".join(NOT_RAY)
    cluster.on_head(f"ps -eo pid=,comm= | awk '$2 !~ /^({spared})$/ {{print $1}}' | xargs kill -9", check=False)
    cluster.wait_until_nothing_runs("head")
    cluster.up()
    resume = f"{SUBMIT} --submission-id lost-2 -- python sweeps/grid.py --resume {cluster.store}/lost"
    assert "succeeded" in cluster.exec(resume)
    cluster.finished("lost", tmp_path)


def test_a_study_survives_a_worker_that_is_cut_off_until_ray_gives_it_up(
    cluster: Cluster, background: ThreadPoolExecutor, tmp_path: Path
) -> None:
    cluster.wait_for_gpus(2)
    key = """--runtime-env-json '{"env_vars": {"WANDB_API_KEY": "YOUR-KEY"}}'"""
    job = f"{SUBMIT} {key} --submission-id cut -- python sweeps/grid.py {cluster.study('cut')}"
    study = background.submit(cluster.exec, job)
    cluster.wait_for_attempts("cut", 2)
    cluster.lab.unplug("worker2")
    logs = partial(cluster.on_head, "ray job logs cut")
    cluster.lab.wait_for(lambda: "marked dead" in logs(), seconds=120, pause=1, progress=lambda: len(logs()))
    cluster.lab.plug("worker2")
    assert "succeeded" in study.result()
    # What was cut off trains on, and may end before Ray gives it up: then its rows stand, and no attempt is recorded.
    assert len(cluster.finished("cut", tmp_path)) == 4


def test_ray_down_and_the_command_of_the_page_leave_nothing_running(cluster: Cluster) -> None:
    cluster.ray("down", "-y", cluster.file)
    cluster.page("for host in ")
    for host in cluster.lab.hosts:
        cluster.wait_until_nothing_runs(host)
