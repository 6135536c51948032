"""Who holds a lease, as `lease.json` says it, and whether that process gives signs of life."""

from __future__ import annotations

import json
import os
import socket
import time
from typing import Any, NamedTuple, TypeGuard

from bs_study.store.faults import reason
from bs_study.words import shown

STALE_SECONDS = 60.0
ODD_CLOCK_SECONDS = 86400.0  # no clock of a machine that works is wrong by more than a day
LONGEST_NAME = 253  # of a host
MOST_PID = 2**31 - 1


class Holder(NamedTuple):
    """What a lease names: its own id, the process that holds it, and the last heartbeat (seconds since 1970, UTC)."""

    id: str
    host: str
    pid: int
    heartbeat: float

    @property
    def is_alive(self) -> bool:
        """Whether it gives signs of life; of a process on this host its death is known at once."""
        return not self._is_known_dead and time.time() - self.heartbeat <= STALE_SECONDS

    @property
    def is_ahead(self) -> bool:
        """Whether its heartbeat lies further in the future than clocks differ, so that it may stand there for long."""
        return not self._is_known_dead and self.heartbeat - time.time() > STALE_SECONDS

    @property
    def _is_known_dead(self) -> bool:
        # In a container that is started again, the dead one had this process's own number.
        return self.host == socket.gethostname() and (self.pid == os.getpid() or not _runs(self.pid))


def lease_content(ours: dict[str, Any]) -> bytes:
    """Return what a lease says, its heartbeat now."""
    # Whole seconds, so that a later heartbeat is as long and fits into the same place.
    return json.dumps(ours | {"heartbeat": int(time.time())}).encode()


def holder_of(content: bytes) -> Holder:
    """Return whom a lease names.

    Raises:
        ValueError: it is damaged; anyone may have written it.
    """
    try:
        lease = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"it is no JSON ({reason(error)})") from error
    if not isinstance(lease, dict):
        raise ValueError(f"it holds no object but {shown(lease)}")
    for name in ("id", "host"):
        text = lease.get(name)
        if not isinstance(text, str) or not text.isprintable() or not 0 < len(text) <= LONGEST_NAME:
            raise ValueError(f"its {name} is {shown(text)}")
    pid, heartbeat = lease.get("pid"), lease.get("heartbeat")
    if not _is_number(pid) or not isinstance(pid, int) or not 0 < pid <= MOST_PID:
        raise ValueError(f"its pid is {shown(pid)}")
    if not _is_number(heartbeat) or not heartbeat - time.time() <= ODD_CLOCK_SECONDS:
        raise ValueError(f"its heartbeat is {shown(heartbeat)}")
    return Holder(lease["id"], lease["host"], pid, heartbeat)


def _is_number(value: object) -> TypeGuard[float]:
    """Return whether this is a number that arithmetic takes: an integer may have hundreds of digits."""
    return isinstance(value, int | float) and not isinstance(value, bool) and -1e300 < value < 1e300


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
