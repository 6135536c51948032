"""The lease of a study: one process at a time runs it. `lease.json` names its host, its pid and its last heartbeat."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
import uuid
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from bs_study.store.bucket import conditional_bucket
from bs_study.store.lease_holder import STALE_SECONDS, Holder, holder_of, lease_content
from bs_study.store.paths import StudyPaths
from bs_study.store.swap import held_file, swap
from bs_study.words import duration

HEARTBEAT_SECONDS = 10.0
WATCH_SECONDS = 12.0  # for a sign of life where no clock can tell: more than a heartbeat
SETTLE_SECONDS = 1.0  # for another's write to be whole


@contextlib.contextmanager
def study_lease(
    paths: StudyPaths, *, lost: Callable[[], None], warn: Callable[[str], None] = warnings.warn
) -> Iterator[None]:
    """Hold the lease of a study.

    Args:
        paths: the study.
        lost: called, in another thread, when the lease turns out to be another's: this process slept too long.
        warn: called with a line about a damaged lease, which is taken over.

    Raises:
        ValueError: another process holds it.
    """
    ours = {"id": uuid.uuid4().hex, "host": socket.gethostname(), "pid": os.getpid()}
    try:
        odd = _odd_lease(paths)
        swap(paths, _file(paths), lambda content: _taken(paths, content, ours, odd=odd))
    except OSError as error:
        why = error.strerror or error
        raise ValueError(f"store: can't write to {paths.uri} ({why}). Give a writable folder") from error
    if odd:
        warn(f"{_file(paths)} was damaged: {odd.why}. No process renewed it, so it was taken over")
    done = threading.Event()
    beating = threading.Thread(target=_beat, args=(paths, ours, done, lost), daemon=True)
    beating.start()
    try:
        yield
    finally:
        done.set()
        beating.join(timeout=5)
        with contextlib.suppress(OSError):
            _release(paths, ours)


def _file(paths: StudyPaths) -> str:
    return f"{paths.root}/lease.json"


class _Odd(NamedTuple):
    """A lease that does not tell whether its holder lives, and that nobody renewed while it was watched."""

    content: bytes
    why: str


def _odd_lease(paths: StudyPaths) -> _Odd | None:
    """Watch a lease that is damaged, or ahead of time, for a sign of life; None where it is neither, or is renewed.

    Whoever holds it renews it, and stops when it finds another's in its place.
    """
    content = _content(paths)
    if content is None:
        return None
    watch = SETTLE_SECONDS
    try:
        holder = holder_of(content)
        if not holder.is_ahead:
            return None
        watch, why = WATCH_SECONDS, f"its heartbeat lies {duration(holder.heartbeat - time.time())} in the future"
    except ValueError as error:
        why = str(error)
    end = time.monotonic() + watch
    while time.monotonic() < end:
        time.sleep(min(0.5, watch))
        if _content(paths) != content:
            return None
    return _Odd(content, why)


def _content(paths: StudyPaths) -> bytes | None:
    """Return what the lease says, None where there is none."""
    try:
        if paths.is_local:
            with held_file(_file(paths)) as held:
                return held.content
        return paths.read(_file(paths))
    except FileNotFoundError:
        return None


def _taken(paths: StudyPaths, content: bytes | None, ours: dict[str, Any], *, odd: _Odd | None) -> bytes:
    """Return our lease where the one that is there may be taken over, or refuse."""
    holder = None
    if content is not None and not (odd and content == odd.content):
        try:
            holder = holder_of(content)
        except ValueError as error:  # damaged since the look
            raise ValueError(_started(paths)) from error
    if holder and holder.is_alive:
        raise ValueError(_held(paths, holder))
    return lease_content(ours)


def _started(paths: StudyPaths) -> str:
    return f"name: {paths.name!r} was started by another process at this moment. Choose another --name"


def _held(paths: StudyPaths, holder: Holder) -> str:
    return (
        f"name: {paths.name!r} is being run by process {holder.pid} on {holder.host}. "
        "Wait for it, stop it, or choose another --name"
    )


def _is_ours(content: bytes | None, ours: dict[str, Any]) -> bool:
    try:
        return content is not None and holder_of(content).id == ours["id"]
    except ValueError:
        return False


def _beat(paths: StudyPaths, ours: dict[str, Any], done: threading.Event, lost: Callable[[], None]) -> None:
    renewed: Callable[[StudyPaths, dict[str, Any]], bool]
    if paths.is_local:
        renewed = _renewed_in_place
    else:
        renewed = _renewed_by_swap if conditional_bucket(paths) else partial(_renewed_by_put, done=done)
    while not done.wait(HEARTBEAT_SECONDS):
        # A store that does not answer now may do so at the next beat; trials have their own patience.
        with contextlib.suppress(OSError):
            if not renewed(paths, ours):
                lost()
                return


def _renewed_in_place(paths: StudyPaths, ours: dict[str, Any]) -> bool:
    """Write a heartbeat into the very file that was looked at; return whether that is ours.

    Who takes a lease over puts a new file in its place. Even where there are no locks, and however long this process
    sleeps between look and heartbeat, it then writes into a file that has no name any more.
    """
    try:
        with held_file(_file(paths)) as held:
            if not _is_ours(held.content, ours):
                return False
            held.rewrite(lease_content(ours))
    except FileNotFoundError:
        return False
    return True


def _renewed_by_swap(paths: StudyPaths, ours: dict[str, Any]) -> bool:
    """Replace our lease in a bucket that refuses a put if another came before; return whether the lease is ours."""
    return swap(paths, _file(paths), lambda content: lease_content(ours) if _is_ours(content, ours) else None)


def _renewed_by_put(paths: StudyPaths, ours: dict[str, Any], *, done: threading.Event) -> bool:
    """Replace our lease on an object store with plain puts alone; return whether it is ours, before and after.

    A put replaces whatever is there. Nobody takes over a lease that was young at the look, unless this process slept
    since. Where two puts cross, both look again, and the last one stands.
    """
    looked = float("-inf")
    while time.time() - looked > STALE_SECONDS / 2:
        looked = time.time()
        if not _is_ours(_content(paths), ours):
            return False
    paths.write(_file(paths), lease_content(ours))
    return done.wait(SETTLE_SECONDS) or _is_ours(_content(paths), ours)


def _release(paths: StudyPaths, ours: dict[str, Any]) -> None:
    if not paths.is_local:
        if _is_ours(_content(paths), ours):
            paths.remove(_file(paths))
        return
    with held_file(_file(paths)) as held:
        if _is_ours(held.content, ours):
            Path(_file(paths)).unlink()
