"""One process at a time runs a study; studies beside each other do not mind."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.fs as pafs
import pytest

from bs_study.store.lease import study_lease
from bs_study.store.lease_holder import STALE_SECONDS
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
    asked = (study / "study.json").read_bytes()
    assert refusal(grid("--resume", str(study), "--local", "--seeds", "1")) == line
    assert (study / "study.json").read_bytes() == asked

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
    """Put another's lease in the place of what is there, whole, as who takes it over does."""
    lease = {"id": "another's", "host": "elsewhere", "pid": 1234, "heartbeat": time.time()}
    Path(study).mkdir(parents=True, exist_ok=True)
    new = Path(study, "lease-of-another")
    new.write_text(json.dumps(lease | changes))
    new.replace(Path(study, "lease.json"))


def holder(paths: StudyPaths) -> str:
    return str(json.loads(paths.read(f"{paths.root}/lease.json"))["id"])


def nothing() -> None:
    pass


@dataclass(frozen=True)
class SlowStore(StudyPaths):
    """A store that passes for an object store; what is to happen after its next reads and writes is given in order."""

    folder: str = ""
    after_reads: list[Callable[[], None]] = field(default_factory=list)
    after_writes: list[Callable[[], None]] = field(default_factory=list)

    def read(self, path: str) -> bytes:
        content = super().read(path)
        if self.after_reads:
            self.after_reads.pop(0)()
        return content

    def write(self, path: str, data: Any) -> None:
        super().write(path, data)
        if self.after_writes:
            self.after_writes.pop(0)()


@pytest.fixture
def slow_store(paths: StudyPaths) -> SlowStore:
    Path(paths.live).mkdir(parents=True)
    elsewhere = pafs.SubTreeFileSystem(str(Path(paths.root).parent), pafs.LocalFileSystem())
    return SlowStore(elsewhere, paths.name, paths.uri, folder=paths.root)


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
    ],
    ids=[
        "another-host-is-silent",
        "its-process-is-dead",
        "it-sleeps",
        "the-dead-one-had-our-pid",
    ],
)
def test_a_stale_lease_is_taken_over(paths: StudyPaths, lease: Callable[[], dict[str, object]]) -> None:
    write_lease(paths.root, **lease())
    with study_lease(paths, lost=print):
        assert json.loads(paths.read(f"{paths.root}/lease.json"))["pid"] == os.getpid()
    assert not paths.exists(f"{paths.root}/lease.json")


def test_whoever_slept_through_its_lease_stops_when_it_finds_another_in_its_place(
    tmp_path: Path, pace: Path, grid: Grid, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bs_study.store.lease.HEARTBEAT_SECONDS", 0.1)
    pace.write_text("0.05")  # an update: the study would last for minutes
    study = tmp_path / "results" / "paced"

    def take() -> None:
        wait_until(lambda: any(study.glob("live/*/*/checkpoint.pt")), seconds=200)
        write_lease(study)

    other = threading.Thread(target=take)
    other.start()
    ended = grid(*PACED)
    other.join(30)
    assert ended.status == 130
    assert ended.out.splitlines()[-1].endswith(f"--resume {study}")
    assert json.loads((study / "lease.json").read_text())["id"] == "another's"


def test_a_heartbeat_never_lands_on_anothers_lease_however_close_they_are(
    paths: StudyPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bs_study.store.lease.HEARTBEAT_SECONDS", 0)
    for pause in np.linspace(0, 0.005, 15):
        is_lost = threading.Event()
        with study_lease(paths, lost=is_lost.set):
            time.sleep(pause)
            write_lease(paths.root)
            assert is_lost.wait(100)
        assert holder(paths) == "another's"
        paths.remove(f"{paths.root}/lease.json")


def test_a_heartbeat_renews_a_lease_that_stays_its_own(paths: StudyPaths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bs_study.store.lease.HEARTBEAT_SECONDS", 0.01)
    losses: list[str] = []
    with study_lease(paths, lost=lambda: losses.append("lost")):
        first = json.loads(paths.read(f"{paths.root}/lease.json"))
        wait_until(lambda: json.loads(paths.read(f"{paths.root}/lease.json"))["heartbeat"] > first["heartbeat"])
        later = json.loads(paths.read(f"{paths.root}/lease.json"))
    assert {**later, "heartbeat": 0} == {**first, "heartbeat": 0}
    assert losses == []


def test_a_lease_that_was_removed_is_lost_and_not_made_again(
    paths: StudyPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bs_study.store.lease.HEARTBEAT_SECONDS", 0.01)
    is_lost = threading.Event()
    with study_lease(paths, lost=is_lost.set):
        paths.remove(f"{paths.root}/lease.json")
        assert is_lost.wait(100)
    assert not paths.exists(f"{paths.root}/lease.json")


def test_on_an_object_store_who_sleeps_between_look_and_heartbeat_looks_again(
    slow_store: SlowStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bs_study.store.lease.HEARTBEAT_SECONDS", 0.01)
    monkeypatch.setattr("bs_study.store.lease.STALE_SECONDS", 0.5)
    is_lost = threading.Event()

    def sleep_while_another_takes_over() -> None:
        write_lease(slow_store.folder)
        time.sleep(1)

    slow_store.after_reads.append(sleep_while_another_takes_over)
    with study_lease(slow_store, lost=is_lost.set):
        assert is_lost.wait(100)
    assert slow_store.after_reads == []
    assert holder(slow_store) == "another's"


def test_on_an_object_store_whose_heartbeat_crossed_anothers_looks_again_and_the_last_one_stands(
    slow_store: SlowStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bs_study.store.lease.HEARTBEAT_SECONDS", 0.01)
    is_lost = threading.Event()

    def another_writes_too() -> None:
        monkeypatch.setattr("bs_study.store.lease.HEARTBEAT_SECONDS", 1000)  # no later beat finds it
        write_lease(slow_store.folder)

    slow_store.after_writes.extend([nothing, nothing, another_writes_too])  # after those of the start
    with study_lease(slow_store, lost=is_lost.set):
        assert is_lost.wait(100)
    assert holder(slow_store) == "another's"
