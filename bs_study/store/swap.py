"""Compare and swap: write a small file only if it is still what was looked at, so that of several writers one wins.

On a local or shared folder by a hard link (no file yet) or under a lock of the file (`flock`, which NFS has too); in a
bucket by conditional puts (`bucket.py`). A store with neither lets one process at a time through (`claims.py`).
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from bs_study.store.bucket import conditional_bucket
from bs_study.store.claims import claimed
from bs_study.store.paths import StudyPaths

HELD_SECONDS = 10.0  # a lock is held for a few calls of the system
UNLOCKED_SECONDS = 0.2  # on a file system without locks, for another's write to show
NOT_SUPPORTED = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.ENOLCK, errno.EINVAL}

Change = Callable[[bytes | None], bytes | None]
"""What becomes of a file's content (None: there is no such file); None leaves it. It may raise, and be asked again."""


def swap(paths: StudyPaths, file: str, change: Change) -> bool:
    """Write what a function makes of a file's content, unless another writes meanwhile: then ask it again.

    Returns:
        Whether it was written.

    Raises:
        OSError: the store does not take it.
    """
    if paths.is_local:
        return _swap_local(paths, file, change)
    bucket = conditional_bucket(paths)
    if bucket is not None:
        return bucket.swap(file, change)
    with claimed(paths):
        try:
            content = paths.read(file)
        except FileNotFoundError:
            new = change(None)
        else:
            new = change(content)
        if new is not None:
            paths.write(file, new)
        return new is not None


def _swap_local(paths: StudyPaths, file: str, change: Change) -> bool:
    while True:
        held = None
        with contextlib.ExitStack() as lock:
            with contextlib.suppress(FileNotFoundError):
                held = lock.enter_context(held_file(file))
            new = change(held.content if held else None)
            if new is None:
                return False
            if held:
                paths.write(file, new)
        if not held:
            if _created(paths, file, new):
                return True
        elif held.is_locked or _stands(file, new):
            return True


def _stands(file: str, content: bytes) -> bool:
    """Return whether a file that could not be locked is still what was written; the last of several writers stands."""
    time.sleep(UNLOCKED_SECONDS)
    with contextlib.suppress(FileNotFoundError):
        return Path(file).read_bytes() == content
    return False


class HeldFile:
    """A file that this process alone may replace, unless the file system has no locks."""

    def __init__(self, descriptor: int, *, is_locked: bool) -> None:
        self.is_locked = is_locked
        self._descriptor = descriptor
        with os.fdopen(os.dup(descriptor), "rb") as opened:
            self.content = opened.read()

    def rewrite(self, content: bytes) -> None:
        """Write over the file in its place, in one go; of the same length, so that it is whole at any time."""
        os.pwrite(self._descriptor, content, 0)


@contextlib.contextmanager
def held_file(file: str) -> Iterator[HeldFile]:
    """Hold the file that has this name now.

    Raises:
        FileNotFoundError: there is none.
        OSError: it can't be read, is no regular file, or another process holds it for long.
    """
    end = time.monotonic() + HELD_SECONDS
    while True:
        descriptor = _opened(file)
        try:
            is_locked = _locked(descriptor)
            # Who waited for the lock of a file that was replaced meanwhile holds one that has no name any more.
            if is_locked is not None and _is_named(descriptor, file):
                yield HeldFile(descriptor, is_locked=is_locked)
                return
        finally:
            os.close(descriptor)
        if time.monotonic() > end:
            raise TimeoutError(errno.ETIMEDOUT, "another process holds it", file)
        time.sleep(0.02)


def _opened(file: str) -> int:
    flags = os.O_NONBLOCK | os.O_CLOEXEC  # a FIFO in its place would wait for who writes
    try:
        descriptor = os.open(file, os.O_RDWR | flags)
    except PermissionError:  # another person's, in a folder for all
        descriptor = os.open(file, os.O_RDONLY | flags)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, f"{Path(file).name} is no regular file", file)
    return descriptor


def _locked(descriptor: int) -> bool | None:
    """Lock an open file; return False where the file system has no locks, None while another holds it."""
    import fcntl  # here, since who only reads a study may do so where there is none

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):  # the second from some NFS
        return None
    except OSError as error:
        if error.errno in NOT_SUPPORTED | {errno.EBADF}:  # NFS locks only what is open for writing
            return False
        raise
    return True


def _is_named(descriptor: int, file: str) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(file))  # noqa: PTH116  beside fstat
    except FileNotFoundError:
        return False


def _created(paths: StudyPaths, file: str, content: bytes) -> bool:
    """Let a file appear whole if there is none; return False if there is one."""
    Path(file).parent.mkdir(parents=True, exist_ok=True)
    with paths.written_beside(content) as temporary:
        try:
            os.link(temporary, file)
        except FileExistsError:
            # Over NFS a link can be made and its answer lost.
            return os.path.samefile(temporary, file)  # noqa: PTH121
        except OSError as error:
            if error.errno not in NOT_SUPPORTED:
                raise
            return _created_in_place(file, content)  # a file system without links
    return True


def _created_in_place(file: str, content: bytes) -> bool:
    try:
        with Path(file).open("xb") as opened:
            opened.write(content)
            opened.flush()
            os.fsync(opened.fileno())
    except FileExistsError:
        return False
    return True
