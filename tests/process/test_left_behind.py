"""What a dead owner leaves is swept by the next start; what lives, is another's or is behind a link stays."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bs_study.process.left_behind import sweep

OWNER = """
import subprocess, sys, time
from bs_study.process.left_behind import marked_helpers, scratch_folder
with scratch_folder() as folder:
    (folder / "deep").mkdir()
    (folder / "deep" / "file").write_bytes(bytes(1000))
    with marked_helpers(folder):
        nothing = subprocess.DEVNULL
        helper = subprocess.Popen(["sleep", "600"], stdin=nothing, stdout=nothing, stderr=nothing)
    print(folder, helper.pid, flush=True)
    sys.stdin.read()
"""


class Owner:
    """A process with a scratch folder and a helper."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", OWNER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout
        folder, helper = self.process.stdout.readline().split()
        self.folder, self.helper = Path(folder), int(helper)

    def end(self, number: signal.Signals | None = None) -> None:
        if number:
            self.process.send_signal(number)
        self.process.communicate(timeout=30)

    def has_helper(self) -> bool:
        """Return whether its helper runs; a moment later, since a killed process takes one to go."""
        end = time.monotonic() + 1
        while is_alive(self.helper) and time.monotonic() < end:
            time.sleep(0.02)
        return is_alive(self.helper)


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The temporary folder of these processes and of this one."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


@pytest.fixture
def owner(temporary: Path) -> Iterator[Callable[[], Owner]]:
    owners: list[Owner] = []

    def start() -> Owner:
        owners.append(Owner())
        return owners[-1]

    yield start
    for one in owners:
        if one.process.poll() is None:
            one.end(signal.SIGKILL)
        if is_alive(one.helper):
            os.kill(one.helper, signal.SIGKILL)


def test_what_a_killed_owner_leaves_is_swept_and_what_a_living_one_has_is_not(owner: Callable[[], Owner]) -> None:
    killed, alive = owner(), owner()
    assert killed.folder.stat().st_mode & 0o777 == 0o700
    killed.end(signal.SIGKILL)
    assert killed.has_helper()
    sweep()
    assert (killed.folder.exists(), killed.has_helper()) == (False, False)
    assert ((alive.folder / "deep" / "file").exists(), alive.has_helper()) == (True, True)


def test_an_owner_that_ends_leaves_nothing(owner: Callable[[], Owner]) -> None:
    ended = owner()
    ended.end()
    assert (ended.folder.exists(), ended.has_helper()) == (False, False)


def test_nothing_is_swept_through_a_link_and_nothing_of_which_the_owner_is_not_known(
    temporary: Path, owner: Callable[[], Owner]
) -> None:
    precious = temporary / "precious"
    for folder in (precious, temporary / "bs_study-tune-mine", temporary / "bs_study-tune-locked-by-a-link"):
        folder.mkdir()
        (folder / "kept").touch()
    (precious / "owner").touch()
    (temporary / "bs_study-tune-link").symlink_to(precious)
    (temporary / "bs_study-tune-locked-by-a-link" / "owner").symlink_to(precious / "owner")
    (temporary / "bs_study-tune-file").touch()
    dead = owner()
    dead.end(signal.SIGKILL)
    (dead.folder / "link").symlink_to(precious)
    sweep()
    assert not dead.folder.exists()
    assert len(list(temporary.glob("*/kept"))) == 4  # one of them by the link
    assert (temporary / "bs_study-tune-file").exists()


def test_a_folder_of_another_user_stays(owner: Callable[[], Owner]) -> None:
    dead = owner()
    dead.end(signal.SIGKILL)
    try:
        os.chown(dead.folder, os.getuid() + 1, -1)
    except PermissionError:
        pytest.skip("needs the right to give a folder away")
    sweep()
    assert (dead.folder.exists(), dead.has_helper()) == (True, True)
