"""A terminal that is closed while a study runs, and output that nobody reads any more."""

from __future__ import annotations

import fcntl
import os
import pty
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.conftest import Ended
from tests.faults.running_study import GRID, of_session
from tests.grid_command import FULL_GRID

LONG = (
    "--workload", "faulty_workloads:Paced", "--batch-sizes", "12", "--lrs", "0.01", "--max-iterations", "5000",
    "--no-stop-at-target", "--no-timing",
)  # fmt: skip
SHORT = ("--batch-sizes", "64", "--lrs", "0.1", "--max-iterations", "60", "--no-timing")


class Terminal:
    """The command in a terminal of its own, which can be closed."""

    def __init__(self, folder: Path, *flags: str) -> None:
        self.screen, inside = pty.openpty()

        def own_terminal() -> None:
            os.setsid()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        self.process = subprocess.Popen(
            [sys.executable, str(GRID), *FULL_GRID, *flags],
            cwd=folder,
            stdin=inside,
            stdout=inside,
            stderr=inside,
            preexec_fn=own_terminal,
        )
        os.close(inside)
        os.set_blocking(self.screen, False)

    def wait_until(self, is_so: Callable[[], object]) -> None:
        end = time.monotonic() + 200
        while not is_so():
            try:
                os.read(self.screen, 100_000)  # or it would come to wait for a reader
            except BlockingIOError:
                time.sleep(0.05)
            assert time.monotonic() < end
            assert self.process.poll() is None

    def end(self) -> None:
        for pid in of_session(self.process.pid):
            os.kill(pid, 9)
        self.process.wait(timeout=20)


@pytest.mark.parametrize("how", [["--local"], ["--max-concurrent", "1"]], ids=["local", "ray"])
def test_a_closed_terminal_ends_a_study_with_a_checkpoint_and_leaves_no_process(
    tmp_path: Path, pace: Path, how: list[str]
) -> None:
    study = tmp_path / "results" / "paced"
    pace.write_text("0.01")

    def is_training() -> bool:
        begun = [file.stat().st_mtime for file in study.glob("live/*/*/adopted.json")]
        counts = [file for file in tmp_path.glob("pace-*") if begun and file.stat().st_mtime > max(begun)]
        return any(int(file.read_text() or 0) > 20 for file in counts)

    terminal = Terminal(tmp_path, *LONG, *how)
    try:
        terminal.wait_until(is_training)
        assert list(study.glob("live/*/*/checkpoint.pt")) == []
        closed = time.time()
        os.close(terminal.screen)
        assert terminal.process.wait(timeout=30) == 130
        saved = list(study.glob("live/*/*/checkpoint.pt"))
        assert len(saved) == 1
        assert saved[0].stat().st_mtime < closed + 5
        assert not (study / "lease.json").exists()
        assert of_session(terminal.process.pid) == []
    finally:
        terminal.end()


@pytest.mark.parametrize("closed", ["| head -1", ">&- 2>&-"])
def test_a_closed_output_does_not_stop_a_study(tmp_path: Path, closed: str) -> None:
    command = [sys.executable, str(GRID), *FULL_GRID, *SHORT, "--local"]
    shell = f'"$@" {closed}; exit ${{PIPESTATUS[0]}}'
    ended = subprocess.run(
        ["bash", "-c", shell, "bash", *command], cwd=tmp_path, capture_output=True, text=True, timeout=200, check=False
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert (tmp_path / "results" / "digits" / "report" / "report.html").exists()


def test_the_rows_that_a_full_disk_does_not_take_are_kept_where_nobody_else_looks(
    tmp_path: Path, grid: Callable[..., Ended], monkeypatch: pytest.MonkeyPatch
) -> None:
    def is_full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    kept = tmp_path / "temporary"
    kept.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(kept))
    monkeypatch.setattr("bs_study.store.writer.TrialWriter.adopt", lambda *_: None)
    monkeypatch.setattr("bs_study.store.paths.StudyPaths.write", failing_for("/live/", is_full))
    assert grid(*FULL_GRID, *SHORT, "--local", "--max-failures", "1").status == 1
    (folder,) = kept.glob("bs_study-unwritten-*")  # of two attempts of one process
    assert folder.stat().st_mode & 0o777 == 0o700
    assert len(list(folder.rglob("iterations-*.parquet"))) == 2


def failing_for(part: str, fail: Callable[..., None]) -> Callable[..., None]:
    from bs_study.store.paths import StudyPaths

    write = StudyPaths.write

    def written(paths: StudyPaths, path: str, data: bytes) -> None:
        fail() if part in path else write(paths, path, data)

    return written
