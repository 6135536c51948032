"""The bounds of a race, which the driver publishes and each worker holds, wherever in the cluster it is."""

from __future__ import annotations

import asyncio
import concurrent.futures
import uuid
from collections.abc import Mapping
from typing import Any

import ray

from bs_study.bound import Bound
from bs_study.launch.ray_session import on_node

MOST_LISTENERS = 100_000
Bounds = Mapping[str, Bound]
"""By when trials must have met the target, by `race_of` a trial."""


class _Board:
    """What runs in the actor: the newest bounds, and calls that wait for newer ones."""

    def __init__(self) -> None:
        self._edition, self._bounds = 0, dict[str, Bound]()
        self._is_out = asyncio.Event()

    async def publish(self, bounds: Bounds) -> None:
        self._edition, self._bounds = self._edition + 1, dict(bounds)
        self._is_out.set()
        self._is_out = asyncio.Event()

    async def after(self, edition: int) -> tuple[int, Bounds]:
        """Return the newest edition, once there is a newer one than this."""
        while self._edition <= edition:
            await self._is_out.wait()
        return self._edition, self._bounds


class Board:
    """The driver's side: it publishes bounds that have changed, and waits for nobody.

    Attributes:
        actor: named, on the driver's node, of which it takes no core.
    """

    def __init__(self) -> None:
        here = on_node(ray.get_runtime_context().get_node_id())
        named = {"name": f"bounds-{uuid.uuid4().hex}", "max_concurrency": MOST_LISTENERS}
        self.actor: Any = ray.remote(_Board).options(num_cpus=0, scheduling_strategy=here, **named).remote()
        self._published: Bounds = {}

    def publish(self, bounds: Bounds) -> None:
        if bounds != self._published:
            self._published = dict(bounds)
            self.actor.publish.remote(self._published)


class BoundsHeard:
    """A worker's side: the newest bounds that have come, without waiting for any.

    They come in another thread. A board that is gone is not asked again: its trials then train to their ends.
    """

    def __init__(self, board: Any) -> None:
        self._board = board
        self._bounds: Bounds = {}
        self._ask(0)

    def of(self, race: str) -> Bound | None:
        """Return the bound of a race; None as long as there is none."""
        return self._bounds.get(race)

    def _ask(self, edition: int) -> None:
        self._board.after.remote(edition).future().add_done_callback(self._hear)

    def _hear(self, call: concurrent.futures.Future[tuple[int, Bounds]]) -> None:
        if call.cancelled() or call.exception() is not None:
            return
        edition, self._bounds = call.result()
        self._ask(edition)
