"""One process at a time runs a study; studies beside each other do not mind."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bs_study.store.lease import STALE_SECONDS, study_lease
from bs_study.store.paths import StudyPaths
from tests.faults.attempts import wait_until
from tests.faults.conftest import Ended, StartStudy
from tests.faults.same_rows import table

PACED = (
    "--workload", "faulty_workloads:Paced", "--batch-sizes", "12", "--lrs", "0.01", "--max-iterations", "10000",
    "--no-stop-at-target", "--local", "--checkpoint-seconds", "0.1", "--eval-every-examples", "640",
)  # fmt: skip
LINE = ("--workload", "toy_workloads:Line", "--batch-sizes", "16", "--lrs", "0.01", "--max-iterations", "30", "--local")
Grid = Callable[..., Ended]
Refusal = Callable[[Ended], str]


def test_a_running_study_is_refused_to_a_second_process_and_free_once_the_first_is_dead(
    tmp_path: Path, pace: Path, start_study: StartStudy, grid: Grid, refusal: Refusal
) -> None:
    study = tmp_path / "results" / "paced"
    first = start_study(*PACED)
    first.wait_until(lambda: any(study.glob("live/*/*/checkpoint.pt")))
    line = refusal(grid("--resume", str(study), "--local"))
    assert socket.gethostname() in line
    assert f"process {first.process.pid}" in line
    assert "'paced'" in line

    beside = grid(*LINE, "--name", "beside")
    assert beside.status == 0, beside
    assert first.process.poll() is None, first.output
    assert table(tmp_path / "results" / "beside", "trials")["status"].tolist() == ["completed"]

    first.kill()
    assert (study / "lease.json").exists()
    pace.unlink()
    assert grid("--resume", str(study), "--local").status == 0
    assert table(study, "trials")[["iterations", "attempts"]].to_numpy().tolist() == [[10000, 2]]
    assert not (study / "lease.json").exists()


def write_lease(study: str | Path, **changes: object) -> None:
    lease = {"id": "another's", "host": "elsewhere", "pid": 1234, "heartbeat": time.time()}
    Path(study).mkdir(parents=True, exist_ok=True)
    Path(study, "lease.json").write_text(json.dumps(lease | changes))


def test_a_lease_of_another_host_holds_while_its_heart_beats(paths: StudyPaths) -> None:
    write_lease(paths.root, heartbeat=time.time() - STALE_SECONDS / 2)
    with pytest.raises(ValueError, match="process 1234 on elsewhere"), study_lease(paths, lost=print):
        pass
    assert json.loads(paths.read(f"{paths.root}/lease.json"))["id"] == "another's"


def dead_process() -> int:
    process = subprocess.Popen(["true"])
    process.wait()
    return process.pid


@pytest.mark.parametrize(
    "lease",
    [
        lambda: {"heartbeat": time.time() - STALE_SECONDS - 1},
        lambda: {"host": socket.gethostname(), "pid": dead_process()},
        lambda: {"host": socket.gethostname(), "pid": os.getppid(), "heartbeat": time.time() - STALE_SECONDS - 1},
        lambda: {"host": socket.gethostname(), "pid": os.getpid()},
        lambda: {"heartbeat": "soon"},
        lambda: {"heartbeat": None},
        lambda: {"host": socket.gethostname(), "pid": "me"},
        lambda: {"id": None},
    ],
    ids=[
        "another-host-is-silent",
        "its-process-is-dead",
        "it-sleeps",
        "the-dead-one-had-our-pid",
        "text",
        "null",
        "pid-is-text",
        "no-id",
    ],
)
def test_a_stale_or_damaged_lease_is_taken_over(paths: StudyPaths, lease: Callable[[], dict[str, object]]) -> None:
    write_lease(paths.root, **lease())
    with study_lease(paths, lost=print):
        assert json.loads(paths.read(f"{paths.root}/lease.json"))["pid"] == os.getpid()
    assert not paths.exists(f"{paths.root}/lease.json")


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"\xff\xfe"])
def test_a_lease_that_is_no_lease_is_taken_over(paths: StudyPaths, content: bytes) -> None:
    paths.write(f"{paths.root}/lease.json", content)
    with study_lease(paths, lost=print):
        pass
    assert not paths.exists(f"{paths.root}/lease.json")


def test_whoever_slept_through_its_lease_stops_when_it_finds_another_in_its_place(
    tmp_path: Path, pace: Path, grid: Grid, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bs_study.store.lease.HEARTBEAT_SECONDS", 0.1)
    study = tmp_path / "results" / "paced"

    def take() -> None:
        wait_until(lambda: any(study.glob("live/*/*/checkpoint.pt")))
        write_lease(study)

    other = threading.Thread(target=take)
    other.start()
    ended = grid(*PACED)
    other.join(30)
    assert ended.status == 130
    assert ended.out.splitlines()[-1].endswith(f"--resume {study}")
    assert json.loads((study / "lease.json").read_text())["id"] == "another's"
