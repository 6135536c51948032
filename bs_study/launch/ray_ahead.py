"""A Ray of this machine that comes up while a study is looked at, which takes about as long.

It is started and stopped in a thread of its own, which lives as long as it does: the system ends Ray's processes with
the thread that started them. Ray is imported before, since two threads that import wait for each other.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

from bs_study.config import LaunchOptions
from bs_study.launch.ray_cluster import cluster_address
from bs_study.launch.ray_start import GRACE_SECONDS, OWN_REMEDY, START_SECONDS, is_up, late_words, own_ray


class RayAhead:
    """A Ray that was started before it is used, by one study."""

    def __init__(self) -> None:
        self._came, self._over = threading.Event(), threading.Event()
        self._error: Exception | None = None
        self._patience = START_SECONDS
        self._thread = threading.Thread(target=self._live, daemon=True)
        self._thread.start()

    @contextlib.contextmanager
    def used(self) -> Iterator[None]:
        """Wait until it is up, and in the end until it has gone down: who touches a Ray meanwhile ends the process.

        Raises:
            ValueError: it can't be started, or does not come up in time.
        """
        try:
            if not self._came.wait(START_SECONDS):
                self._patience = GRACE_SECONDS
                raise ValueError(late_words("local", OWN_REMEDY))
            if self._error:
                raise self._error
            yield
        finally:
            self.end()

    def end(self) -> None:
        """Let it go down, and wait until it has; one that does not come up is left to the end of the process."""
        self._over.set()
        self._thread.join(self._patience)

    def _live(self) -> None:
        try:
            with own_ray():
                self._came.set()
                self._over.wait()
        except Exception as error:  # noqa: BLE001  it is raised where the Ray is wanted
            self._error = error
        finally:
            self._came.set()


_ahead: list[RayAhead] = []


def is_callers() -> bool:
    """Return whether this process uses a Ray already, which the code that asks for a study has joined or started."""
    return not _ahead and is_up()


@contextlib.contextmanager
def ray_ahead(options: LaunchOptions) -> Iterator[None]:
    """Start a Ray for the study that is looked at next, unless there is a cluster to join; none is left in the end.

    Raises:
        ValueError: nobody listens at the address of a cluster.
    """
    if is_callers() or cluster_address(options):
        yield
        return
    ahead = RayAhead()
    _ahead.append(ahead)
    try:
        yield
    finally:
        if ahead in _ahead:
            _ahead.remove(ahead)
        ahead.end()


@contextlib.contextmanager
def ray_of_this_machine() -> Iterator[None]:
    """Use the Ray that was started ahead, or start one.

    Raises:
        ValueError: it can't be started, or does not come up in time.
    """
    with _ahead.pop().used() if _ahead else own_ray():
        yield
