"""The lease of a study: one process at a time runs it. `lease.json` names its host, its pid and its last heartbeat."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from bs_study.store.paths import StudyPaths

HEARTBEAT_SECONDS = 10.0
STALE_SECONDS = 60.0
SETTLE_SECONDS = 1.0  # on an object store, for another's write to become visible


@contextlib.contextmanager
def study_lease(paths: StudyPaths, *, lost: Callable[[], None]) -> Iterator[None]:
    """Hold the lease of a study.

    Args:
        paths: the study.
        lost: called, in another thread, when the lease turns out to be another's: this process slept too long.

    Raises:
        ValueError: another process holds it.
    """
    ours = {"id": uuid.uuid4().hex, "host": socket.gethostname(), "pid": os.getpid()}
    _take(paths, ours)
    done = threading.Event()
    beating = threading.Thread(target=_beat, args=(paths, ours, done, lost), daemon=True)
    beating.start()
    try:
        yield
    finally:
        done.set()
        beating.join(timeout=5)
        with contextlib.suppress(OSError):
            if _holder(paths).get("id") == ours["id"]:
                paths.remove(_file(paths))


def _file(paths: StudyPaths) -> str:
    return f"{paths.root}/lease.json"


def _take(paths: StudyPaths, ours: dict[str, Any]) -> None:
    try:
        _refuse_alive(paths, _holder(paths))
        paths.write(_file(paths), _content(ours))
    except OSError as error:
        reason = error.strerror or error
        raise ValueError(f"store: can't write to {paths.uri} ({reason}). Give a writable folder") from error
    # Of two that write at once, the one whose lease stands goes on. A look a little later shows which.
    time.sleep(0.2 if paths.is_local else SETTLE_SECONDS)
    if _holder(paths).get("id") != ours["id"]:
        raise ValueError(f"name: {paths.name!r} was started by another process at this moment. Choose another --name")


def _refuse_alive(paths: StudyPaths, holder: dict[str, Any]) -> None:
    if _is_alive(holder):
        raise ValueError(
            f"name: {paths.name!r} is being run by process {holder['pid']} on {holder['host']}. "
            "Wait for it, stop it, or choose another --name"
        )


def _holder(paths: StudyPaths) -> dict[str, Any]:
    """Return who holds the lease; empty if nobody does, or if what is written there can't be read."""
    try:
        return _lease(paths.read(_file(paths)))
    except FileNotFoundError:
        return {}


def _lease(content: bytes) -> dict[str, Any]:
    try:
        holder = json.loads(content)
    except ValueError:
        return {}
    return holder if isinstance(holder, dict) and _is_lease(holder) else {}


def _is_lease(holder: dict[str, Any]) -> bool:
    kinds = {"id": str, "host": str, "pid": int, "heartbeat": float | int}
    return all(isinstance(holder.get(name), kind) for name, kind in kinds.items())


def _is_alive(holder: dict[str, Any]) -> bool:
    """Return whether a holder gives signs of life; of a process on this host its death is known at once."""
    if not holder or time.time() - float(holder["heartbeat"]) > STALE_SECONDS:
        return False
    if holder["host"] != socket.gethostname():
        return True
    # In a container that is started again, the dead one had this process's own number.
    return holder["pid"] != os.getpid() and _runs(holder["pid"])


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _content(ours: dict[str, Any]) -> bytes:
    # Whole seconds, so that a later heartbeat is as long and fits into the same place.
    return json.dumps(ours | {"heartbeat": int(time.time())}).encode()


def _beat(paths: StudyPaths, ours: dict[str, Any], done: threading.Event, lost: Callable[[], None]) -> None:
    while not done.wait(HEARTBEAT_SECONDS):
        # A store that does not answer now may do so at the next beat; trials have their own patience.
        with contextlib.suppress(OSError):
            if not (_renewed_in_place(paths, ours) if paths.is_local else _renewed_by_put(paths, ours, done)):
                lost()
                return


def _renewed_in_place(paths: StudyPaths, ours: dict[str, Any]) -> bool:
    """Write a heartbeat into the very file that was looked at; return whether that is ours.

    Who takes a lease over puts a new file in its place. However long this process sleeps between look and heartbeat,
    it then writes into a file that has no name any more.
    """
    try:
        with Path(_file(paths)).open("r+b", buffering=0) as file:
            if _lease(file.read()).get("id") != ours["id"]:
                return False
            file.seek(0)
            file.write(_content(ours))
    except FileNotFoundError:
        return False
    return True


def _renewed_by_put(paths: StudyPaths, ours: dict[str, Any], done: threading.Event) -> bool:
    """Replace our lease on an object store; return whether the lease is ours, before and after.

    A put replaces whatever is there. Nobody takes over a lease that was young at the look, unless this process slept
    since. Where two puts cross, both look again, and the last one stands.
    """
    looked = float("-inf")
    while time.time() - looked > STALE_SECONDS / 2:
        looked = time.time()
        if _holder(paths).get("id") != ours["id"]:
            return False
    paths.write(_file(paths), _content(ours))
    return done.wait(SETTLE_SECONDS) or bool(_holder(paths).get("id") == ours["id"])
