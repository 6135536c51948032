"""What a process leaves behind if it is killed, a scratch folder and its helpers; the next start clears it away.

Its owner holds a lock on a file in the folder, which the kernel takes back however the owner ends: unlike a process
id, it is never another's by chance. Helpers have the folder's name in their environment.
"""

from __future__ import annotations

import contextlib
import fcntl
import io
import os
import select
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import IO

from bs_study.process.stop import Stop, installed_stop

PREFIX = "bs_study-tune-"
OWNER = "owner"
MARK = "BS_STUDY_SCRATCH"
GONE_SECONDS = 2.0
"""How long processes that are killed may take to be gone."""


@contextlib.contextmanager
def scratch_folder() -> Iterator[Path]:
    """Yield a private folder; it goes in the end with all that helpers have been left."""
    folder = Path(tempfile.mkdtemp(prefix=PREFIX))
    with (folder / "new").open("xb") as lock:
        with contextlib.suppress(OSError):  # where files can't be locked it is never swept
            fcntl.flock(lock, fcntl.LOCK_EX)
            (folder / "new").rename(folder / OWNER)  # held from its first moment on
        stop = installed_stop() or Stop(None, seconds=0)
        clear = partial(clear_away, folder)
        stop.before_end.append(clear)
        try:
            yield folder
        finally:
            clear()
            stop.before_end.remove(clear)


@contextlib.contextmanager
def marked_helpers(folder: Path) -> Iterator[None]:
    """Let what is started meanwhile be known as this folder's."""
    os.environ[MARK] = str(folder)
    try:
        yield
    finally:
        os.environ.pop(MARK, None)


def sweep() -> None:
    """Clear away what this user's dead processes have left on this machine. What can't be is left to the next start."""
    with contextlib.suppress(OSError):
        for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
            with contextlib.suppress(OSError), _taken_over(folder):
                clear_away(folder)


@contextlib.contextmanager
def _taken_over(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder whose owner is dead.

    Raises:
        OSError: it is alive, or the folder is a link, another user's or none of these folders.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        if os.fstat(descriptor).st_uid != os.getuid():
            raise PermissionError(f"{folder} is another user's")
        with _opened_lock(descriptor) as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
    finally:
        os.close(descriptor)


def _opened_lock(folder: int) -> IO[bytes]:
    # A pipe of that name would else be waited for.
    flags = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK
    return os.fdopen(os.open(OWNER, flags, dir_fd=folder), "wb")


def clear_away(folder: Path) -> None:
    """End the processes that were started as a folder's helpers, where the system shows them, and remove it."""
    end = time.monotonic() + GONE_SECONDS
    while time.monotonic() < end:  # again, since one that ends may just have started another
        with contextlib.ExitStack() as opened:
            ended = [opened.enter_context(process) for process in _ended_helpers(folder)]
            if not ended:
                break
            for process in ended:
                select.select([process], [], [], max(0, end - time.monotonic()))  # until it is gone
    shutil.rmtree(folder, ignore_errors=True)


def _ended_helpers(folder: Path) -> list[io.FileIO]:
    """Kill a folder's helpers, and return what tells when each is gone."""
    mark = f"{MARK}={folder}".encode()
    ended: list[io.FileIO] = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError), contextlib.ExitStack() as unless_marked:
            if process.stat().st_uid == os.getuid() and int(process.name) != os.getpid():
                # It stays this very process's, also where its id becomes another's.
                handle = unless_marked.enter_context(io.FileIO(os.pidfd_open(int(process.name))))
                if mark in (process / "environ").read_bytes().split(b"\0"):
                    signal.pidfd_send_signal(handle.fileno(), signal.SIGKILL)
                    ended.append(handle)
                    unless_marked.pop_all()
    return ended
