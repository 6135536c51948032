"""Let one process at a time pass, on an object store that has plain puts and lists alone.

Each process puts an object of its own, then lists all. Who finds no other passes: of two that both did, each would
have listed before the other put, which can't be. Of several that find each other, all but the first by name take theirs
back and try again. This needs lists that show every earlier put (S3, GCS and Azure have them). It ends where a process
sleeps for longer than `STALE_SECONDS` after it has passed: its claim is then no longer respected.
"""

from __future__ import annotations

import contextlib
import random
import time
import uuid
from collections.abc import Iterator

from bs_study.store.paths import StudyPaths

STALE_SECONDS = 60.0
LONGEST_WAIT = 2 * STALE_SECONDS


@contextlib.contextmanager
def claimed(paths: StudyPaths) -> Iterator[None]:
    """Pass when no other does.

    Raises:
        OSError: the store does not answer, or another does not go.
    """
    ours = f"tmp-claim-{uuid.uuid4().hex}"
    file = f"{paths.live}/{ours}"
    end = time.monotonic() + LONGEST_WAIT
    try:
        while True:
            paths.write(file, b"claim")
            others = _others(paths, ours)
            if not others:
                break
            if min(others) < ours:
                paths.remove(file)
            if time.monotonic() > end:
                raise OSError(f"{paths.live}/{min(others)} of another process does not go")
            time.sleep(random.uniform(0.1, 0.4))  # noqa: S311  so that two don't keep step
        yield
    finally:
        with contextlib.suppress(OSError):
            paths.remove(file)


def _others(paths: StudyPaths, ours: str) -> list[str]:
    """Return the claims that others hold. How old each is the store's own clock tells, beside ours that is new."""
    written = {
        info.base_name: info.mtime_ns / 1e9
        for info in paths.listed(paths.live)
        if info.base_name.startswith("tmp-claim-")
    }
    now = written.get(ours, time.time())
    return [name for name, then in written.items() if name != ours and now - then < STALE_SECONDS]
