from __future__ import annotations

import os
import shutil
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import ray
from pandas.testing import assert_frame_equal
from ray.cluster_utils import Cluster

from bs_study import open_study
from bs_study.config.asked import asked
from bs_study.launch.ray_session import ray_session
from bs_study.launch.ray_tune import ray_launcher
from bs_study.launch.serial import serial_launcher
from bs_study.launch.workload_code import Code, workload_code

ENDINGS = {7: "failed", 11: "out_of_memory", 13: "diverged", 64: "completed", 256: "completed"}
CLOCKS = ["epoch_seconds", "train_seconds", "load_seconds", "compute_seconds", "eval_seconds", "peak_memory_bytes"]


@pytest.fixture(scope="module")
def listening() -> list[Any]:
    """Where the Ray of `ran` listened."""
    return []


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory, small_study: Callable[..., Any], listening: list[Any]) -> Any:
    """One study on a Ray of this machine, and the same without Ray."""
    store = tmp_path_factory.mktemp("store")
    on_ray, serial = (small_study(store / name / "study") for name in ("ray", "serial"))
    with ray_launcher(on_ray.config, on_ray.options, on_ray.place) as launcher:
        launcher.run(on_ray.course, on_ray.watcher)
        (node,) = ray.nodes()
        listening.append((node["NodeManagerAddress"], _answers("127.0.0.2", node["NodeManagerPort"])))
    with serial_launcher(serial.config, serial.options, serial.place) as launcher:
        launcher.run(serial.course, serial.watcher)
    return on_ray, serial


def _answers(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=5).close()
    except OSError:
        return False
    return True


def test_a_ray_of_this_machine_listens_on_one_loopback_address_only(ran: Any, listening: list[Any]) -> None:
    assert listening == [("127.0.0.1", False)]  # what listens on all addresses answers at 127.0.0.2 too


def test_the_token_of_a_ray_of_this_machine_is_its_users_own(ran: Any) -> None:
    token = Path.home() / ".ray" / "auth_token"
    assert os.environ.get("RAY_AUTH_MODE") == "disabled" or token.stat().st_mode & 0o077 == 0


def table(study: Any, name: str) -> pd.DataFrame:
    rows = getattr(open_study(study.paths.root), name)()
    order = [column for column in ("trial_id", "iteration", "epoch") if column in rows]
    return rows.sort_values(order).reset_index(drop=True)


@pytest.mark.parametrize("name", ["iterations", "epochs", "evaluations"])
def test_ray_and_serial_leave_the_same_rows_but_for_their_clocks(ran: Any, name: str) -> None:
    on_ray, serial = (table(study, name).drop(columns=CLOCKS, errors="ignore") for study in ran)
    assert len(serial) > 0
    assert_frame_equal(on_ray, serial, check_exact=True)


def test_ray_and_serial_end_the_same_trials_in_the_same_way(ran: Any) -> None:
    ended = [table(study, "trials")[["trial_id", "batch_size", "status", "stop_reason", "iterations"]] for study in ran]
    assert_frame_equal(*ended)
    assert dict(zip(ended[0]["batch_size"], ended[0]["status"], strict=True)) == ENDINGS


def test_a_trial_that_fails_is_tried_again_and_then_recorded_with_its_error(ran: Any) -> None:
    row = table(ran[0], "trials").query("batch_size == 7").iloc[0]
    assert row["attempts"] == 2
    assert "seven is too many" in row["message"]


def test_the_watcher_is_told_once_how_each_trial_ended(ran: Any) -> None:
    for study in ran:
        assert sorted(study.watcher.told) == sorted(trial.trial_id for trial in study.trials)
    watcher = ran[0].watcher
    assert set(watcher.began) == set(watcher.endings) == {trial.trial_id for trial in ran[0].trials}
    by_size = {trial.batch_size: watcher.endings[trial.trial_id].status for trial in ran[0].trials}
    assert by_size == ENDINGS


def test_a_trial_on_ray_has_one_thread_per_core_it_was_given_and_says_which_ray_it_ran_on(ran: Any) -> None:
    trials = table(ran[0], "trials").query("status != 'failed'")
    assert trials["threads"].tolist() == [1] * 4
    assert set(trials["ray_version"]) == {ray.__version__}


def test_tune_leaves_nothing_in_the_store_and_nothing_stays_live(ran: Any) -> None:
    paths = ran[0].paths
    assert paths.names(paths.root) == [
        "epochs",
        "evaluations",
        "gradients",
        "iterations",
        "live",
        "study.json",
        "trials",
    ]
    assert paths.names(paths.live) == []


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """Address of a running cluster of one node that says it has two cores and two GPUs."""
    started = Cluster(initialize_head=True, head_node_args={"num_cpus": 2, "num_gpus": 2, "include_dashboard": False})
    yield started.address
    started.shutdown()


def test_where_there_are_gpus_each_trial_has_one_of_its_own(
    cluster: str, tmp_path: Path, small_study: Callable[..., Any]
) -> None:
    settings = {"workload": "toy_workloads:VisibleGpu", "batch_sizes": (4, 5), "max_iterations": 10**9}
    study = small_study(
        tmp_path / "gpus",
        metrics=("gpu", "loss"),
        address=cluster,
        max_train_seconds=1.5,
        target="loss<=-1e30",
        **settings,
    )
    with ray_launcher(study.config, study.options, study.place) as launcher:
        assert (launcher.resources.gpus_per_trial, launcher.resources.slots) == (1, 2)
        launcher.run(study.course, study.watcher)
    seen = open_study(study.paths.root).evaluations().groupby("batch_size")["gpu"].unique()
    assert sorted(gpu for gpus in seen for gpu in gpus) == [0, 1]


OWN = """
from own_sizes import SIZE
import torch
class Line:
    name, target = "line", "loss <= -1"
    def train_data(self, data_dir): return torch.ones(SIZE, 1), torch.ones(SIZE, 1)
    eval_data = train_data
    def model(self): return torch.nn.Linear(1, 1)
    def loss(self, model, x, y): return ((model(x) - y) ** 2).mean()
"""


def test_a_workload_of_ones_own_runs_where_its_files_are_not(
    cluster: str, tmp_path: Path, small_study: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "own"
    folder.mkdir()
    (folder / "own_line.py").write_text(OWN)
    (folder / "own_sizes.py").write_text("SIZE = 8")
    monkeypatch.setattr(sys, "path", [*sys.path, str(folder)])

    def read_and_remove(workload: str) -> Code:
        code = workload_code(workload)
        shutil.rmtree(folder)
        return code

    monkeypatch.setattr("bs_study.launch.ray_tune.workload_code", read_and_remove)
    study = small_study(
        tmp_path / "study", metrics=("loss",), address=cluster, workload="own_line:Line", batch_sizes=(2,)
    )
    with ray_launcher(study.config, study.options, study.place) as launcher:
        launcher.run(study.course, study.watcher)
    assert [ending.status for ending in study.watcher.endings.values()] == ["completed"]


def test_a_batch_size_that_ends_its_worker_is_recorded_and_the_next_is_timed_in_another(
    cluster: str, tmp_path: Path, small_study: Callable[..., Any]
) -> None:
    study = small_study(
        tmp_path / "timed",
        metrics=("loss",),
        address=cluster,
        workload="faulty_workloads:Sick",
        batch_sizes=(7, 8),
        gpus_per_trial=0,
    )
    with ray_launcher(study.config, study.options, study.place) as launcher:
        told = list(launcher.time(study.trials, disturbed_too=False))
        assert launcher.resources.most_per_machine == 2
    rows = table(study, "timings").sort_values("batch_size")
    assert [each.status for each in told] == rows["status"].tolist() == ["failed", "completed"]
    assert rows["ray_version"].tolist()[1] == ray.__version__


@pytest.mark.parametrize(
    ("more", "told"),
    [({"gpus_per_trial": 3}, "gpus_per_trial: 3"), ({"cpus_per_trial": 3}, "cpus_per_trial: 3")],
)
def test_more_than_any_node_has_is_refused(cluster: str, more: dict[str, int], told: str) -> None:
    given = {"batch_sizes": (4,), "lrs": (0.1,), "max_epochs": 1, "address": cluster}
    with pytest.raises(ValueError, match=told), ray_session(*asked(given | more)):
        pass


def test_trials_at_once_are_as_many_as_fit_and_no_more_than_asked(cluster: str) -> None:
    grid: dict[str, Any] = {"batch_sizes": (4,), "lrs": (0.1,), "max_epochs": 1, "address": cluster}
    found = []
    for more in ({}, {"max_concurrent": 1}, {"gpus_per_trial": 2}, {"gpus_per_trial": 0, "cpus_per_trial": 2}):
        with ray_session(*asked(grid | more)) as resources:
            found.append(resources.slots)
    assert found == [2, 1, 1, 1]


def test_an_address_at_which_nobody_answers_is_refused_within_seconds() -> None:
    given = {"batch_sizes": (4,), "lrs": (0.1,), "max_epochs": 1, "address": "127.0.0.1:1"}
    with pytest.raises(ValueError, match=r"address: .*127\.0\.0\.1:1"), ray_session(*asked(given)):
        pass


def test_a_trial_on_a_node_that_does_not_see_the_study_fails_and_leaves_nothing_there(
    cluster: str, tmp_path: Path, small_study: Callable[..., Any]
) -> None:
    study = small_study(tmp_path / "study", address=cluster, batch_sizes=(64,), max_failures=0)
    Path(study.paths.study_json).unlink()  # as on a node whose disk is its own
    with ray_launcher(study.config, study.options, study.place) as launcher:
        launcher.run(study.course, study.watcher)
    (ending,) = study.watcher.endings.values()
    assert (ending.status, "is not seen on" in str(ending.message)) == ("failed", True)
    assert study.paths.names(study.paths.live) == []
