"""A disk that fills up, or turns read-only, in the middle of a study: what was committed stands."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults.attempts import undisturbed
from tests.faults.conftest import Ended
from tests.faults.same_rows import assert_same_rows, table

FLAGS = (
    "--workload", "faulty_workloads:Paced", "--batch-sizes", "4", "12", "--lrs", "0.01", "--seeds", "0", "1",
    "--max-iterations", "500", "--no-stop-at-target", "--eval-every-examples", "64", "--checkpoint-seconds", "0.2",
    "--local", "--max-failures", "1",
)  # fmt: skip
Grid = Callable[..., Ended]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 8 MB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(disk)], capture_output=True)
    if mounted.returncode:
        pytest.skip(f"needs the right to mount a tmpfs: {mounted.stderr.decode().strip()}")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


@pytest.fixture
def when_a_trial_ended(small_disk: Path) -> Iterator[Callable[[Callable[[], object]], None]]:
    """Do something as soon as one trial has ended and the next has begun to write."""
    threads: list[threading.Thread] = []

    def arrange(harm: Callable[[], object]) -> None:
        def wait() -> None:
            end = time.monotonic() + 200
            study = small_disk / "paced"
            while time.monotonic() < end:
                if any(study.glob("trials/*.parquet")) and any(study.glob("live/*/*/checkpoint.pt")):
                    harm()
                    return
                time.sleep(0.01)

        threads.append(threading.Thread(target=wait))
        threads[-1].start()

    yield arrange
    for thread in threads:
        thread.join(200)


def fill(disk: Path) -> None:
    with (disk / "filler").open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            pass


def remount(disk: Path, mode: str) -> None:
    for _ in range(100):  # busy for a moment where a file is open for writing
        if subprocess.run(["mount", "-o", f"remount,{mode}", str(disk)], capture_output=True).returncode == 0:
            return
        time.sleep(0.01)
    raise AssertionError(f"the disk stays busy, and can't be mounted {mode}")


def assert_told_in_lines(ended: Ended, *, reason: str) -> None:
    assert ended.status == 1
    assert "Traceback" not in ended.out + ended.err
    assert reason in ended.out + ended.err
    assert "--resume" in ended.out


@pytest.mark.parametrize("harm", ["full", "read-only"])
def test_a_disk_that_takes_no_more_loses_nothing_that_was_committed_and_resume_finishes(
    small_disk: Path,
    when_a_trial_ended: Callable[[Callable[[], object]], None],
    pace: Path,
    tmp_path: Path,
    grid: Grid,
    harm: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "kept"))
    study = small_disk / "paced"
    is_full = harm == "full"
    when_a_trial_ended((lambda: fill(small_disk)) if is_full else (lambda: remount(small_disk, "ro")))
    ended = grid(*FLAGS, "--store", str(small_disk))
    assert_told_in_lines(ended, reason="No space left" if is_full else "Read-only file system")
    before = table(study, "trials").set_index("trial_id")
    assert set(before["status"]) == {"completed"}
    if is_full:
        (small_disk / "filler").unlink()
    else:
        remount(small_disk, "rw")
    pace.unlink()
    resumed = grid("--resume", str(study), "--local")
    assert resumed.status == 0, resumed
    after = table(study, "trials").set_index("trial_id")
    assert after.loc[before.index, "end_time"].tolist() == before["end_time"].tolist()
    assert_same_rows(study, undisturbed(study, tmp_path))
    assert os.listdir(study / "live") == []  # noqa: PTH208
