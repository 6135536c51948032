"""A study that runs in a process of its own, in a session of its own, so that each of its processes can be killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

GRID = Path(__file__).parents[2] / "sweeps" / "grid.py"


class RunningStudy:
    """`grid.py`, started with these flags in this folder; its trials begin at once, without a timing pass."""

    def __init__(self, folder: Path, *flags: str, environment: dict[str, str] | None = None) -> None:
        self._out = folder / f"out-{time.monotonic_ns()}.txt"
        with self._out.open("w") as out:
            self.process = subprocess.Popen(
                [sys.executable, str(GRID), "--no-timing", *flags],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env=os.environ | (environment or {}),
            )

    @property
    def output(self) -> str:
        return self._out.read_text()

    def wait(self, *, seconds: float = 300) -> int:
        try:
            return self.process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running after {seconds:g} s: {self.output}") from None

    def wait_until(self, is_so: Callable[[], object], *, seconds: float = 300) -> None:
        """Wait for something that the study brings about."""
        end = time.monotonic() + seconds
        while not is_so():
            assert self.process.poll() is None, f"ended with {self.process.returncode}: {self.output}"
            assert time.monotonic() < end, f"not so after {seconds:g} s: {self.output}"
            time.sleep(0.02)

    def processes(self, name: str = "") -> list[int]:
        """Return the processes of its session whose command line starts like this."""
        return [pid for pid in of_session(self.process.pid) if command_line(pid).startswith(name)]

    def workers(self) -> list[int]:
        """Return the workers of its Ray that train a trial."""
        # Tune trains in a subclass of ours, whose name is its own affair.
        return [pid for pid in self.processes("ray::") if command_line(pid).rstrip().endswith(".train")]

    def kill(self) -> None:
        """Kill the driver and nothing else, as the kernel does when memory is short."""
        self.process.kill()
        self.process.wait(timeout=20)

    def end(self) -> None:
        """Kill all that is left of it."""
        for _ in range(50):
            for pid in of_session(self.process.pid):
                kill(pid)
            if not of_session(self.process.pid):
                self.process.wait(timeout=20)
                return
            time.sleep(0.1)


def kill(pid: int) -> bool:
    """Kill a process; return whether it was there."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


def of_session(session: int) -> list[int]:
    """Return the processes of a session that have not ended."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[3]) == session and fields[0] != "Z":
            found.append(int(folder.name))
    return found


def command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return ""
