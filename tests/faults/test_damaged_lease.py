"""A lease that no process can have written, or that lies in the future, locks no study for ever."""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from bs_study.store.lease import study_lease
from bs_study.store.paths import StudyPaths

LEASE: dict[str, Any] = {"id": "another's", "host": "elsewhere", "pid": 1234, "heartbeat": 0}
HERE = socket.gethostname()


def now() -> int:
    return int(time.time())


def damaged(**changes: object) -> bytes:
    return json.dumps(LEASE | {"heartbeat": now()} | changes).encode()


DAMAGED = {
    "heartbeat-nan": lambda: damaged(heartbeat=float("nan")),
    "heartbeat-infinite": lambda: damaged(heartbeat=float("inf")),
    "heartbeat-of-400-digits": lambda: damaged(heartbeat=10**400),
    "heartbeat-minus-400-digits": lambda: damaged(heartbeat=-(10**400)),
    "heartbeat-1e400": lambda: damaged(heartbeat=0).replace(b": 0}", b": 1e400}"),
    "heartbeat-of-5000-digits": lambda: b'{"id": "a", "host": "b", "pid": 1, "heartbeat": ' + b"9" * 5000 + b"}",
    "heartbeat-in-a-year": lambda: damaged(heartbeat=now() + 31_536_000),
    "heartbeat-is-true": lambda: damaged(heartbeat=True),
    "heartbeat-is-text": lambda: damaged(heartbeat="soon"),
    "heartbeat-is-a-list": lambda: damaged(heartbeat=[now()]),
    "pid-of-30-digits": lambda: damaged(pid=10**30, host=HERE),
    "pid-negative": lambda: damaged(pid=-1, host=HERE),
    "pid-0": lambda: damaged(pid=0, host=HERE),
    "pid-is-a-fraction": lambda: damaged(pid=1234.5),
    "pid-is-true": lambda: damaged(pid=True, host=HERE),
    "host-is-a-list": lambda: damaged(host=["elsewhere"]),
    "host-of-two-lines": lambda: damaged(host="else\nwhere"),
    "host-of-100000-letters": lambda: damaged(host="e" * 100_000),
    "id-is-an-object": lambda: damaged(id={}),
    "no-id": lambda: damaged(id=None),
    "deep": lambda: b"[" * 100_000,
    "a-list": lambda: b"[]",
    "null": lambda: b"null",
    "empty": lambda: b"",
    "cut": lambda: damaged()[:-5],
    "no-text": lambda: b"\xff\xfe\x00\xd8",
}


@pytest.fixture
def warnings_of(paths: StudyPaths) -> Any:
    """Return what is warned of while a lease with this content is taken."""

    def taken(content: bytes) -> list[str]:
        warned: list[str] = []
        Path(paths.root).mkdir(parents=True, exist_ok=True)
        Path(paths.root, "lease.json").write_bytes(content)
        with study_lease(paths, lost=lambda: warned.append("lost"), warn=warned.append):
            assert json.loads(Path(paths.root, "lease.json").read_bytes())["pid"] == os.getpid()
        assert not Path(paths.root, "lease.json").exists()
        return warned

    return taken


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_lease_is_taken_over_and_told_in_one_line(
    warnings_of: Any, monkeypatch: pytest.MonkeyPatch, content: Any
) -> None:
    monkeypatch.setattr("bs_study.store.lease.SETTLE_SECONDS", 0.01)
    (line,) = warnings_of(content())
    assert "lease.json was damaged: " in line
    assert len(line.splitlines()) == 1
    assert len(line) < 600


@pytest.mark.parametrize("seconds", [-59, 0, 30, 59])
def test_a_heartbeat_of_a_clock_that_is_a_little_off_is_a_sign_of_life(paths: StudyPaths, seconds: int) -> None:
    paths.write(f"{paths.root}/lease.json", damaged(heartbeat=now() + seconds))
    with pytest.raises(ValueError, match="is being run by process 1234 on elsewhere"), study_lease(paths, lost=print):
        pass


def test_a_heartbeat_hours_ahead_is_watched_and_taken_over_where_nobody_renews_it(
    warnings_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bs_study.store.lease.WATCH_SECONDS", 0.1)
    (line,) = warnings_of(damaged(heartbeat=now() + 7200))
    assert "its heartbeat lies 2 h in the future. No process renewed it, so it was taken over" in line


def test_a_heartbeat_hours_ahead_that_is_renewed_is_of_a_process_that_lives(paths: StudyPaths) -> None:
    file = Path(paths.root, "lease.json")
    paths.write(str(file), damaged(heartbeat=now() + 7200))
    renewing = threading.Timer(0.2, lambda: file.write_bytes(damaged(heartbeat=now() + 7210)))
    renewing.start()
    begun = time.monotonic()
    with pytest.raises(ValueError, match="is being run by process 1234 on elsewhere"), study_lease(paths, lost=print):
        pass
    renewing.join(10)
    assert time.monotonic() - begun < 5


def test_a_heartbeat_ahead_of_a_process_of_this_host_that_is_dead_is_not_waited_for(warnings_of: Any) -> None:
    begun = time.monotonic()
    assert warnings_of(damaged(heartbeat=now() + 7200, host=HERE, pid=os.getpid())) == []
    assert time.monotonic() - begun < 5
