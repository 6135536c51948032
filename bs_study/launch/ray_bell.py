"""A bell that the driver rings for all workers of a study at once, wherever in the cluster they are."""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections.abc import Callable
from typing import Any

import ray

from bs_study.launch.ray_session import on_node

MOST_LISTENERS = 100_000


class _Bell:
    """What runs in the actor: calls that wait until another call comes."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()

    async def ring(self) -> None:
        self._rung.set()

    async def heard(self) -> None:
        await self._rung.wait()


def new_bell() -> Any:
    """Return a bell, an actor on the driver's node that takes no core of it."""
    here = on_node(ray.get_runtime_context().get_node_id())
    return ray.remote(_Bell).options(num_cpus=0, max_concurrency=MOST_LISTENERS, scheduling_strategy=here).remote()


def listen(bell: Any, then: Callable[[], None]) -> None:
    """Call `then` in another thread when a bell is rung; never, if it is gone before."""

    def hear(call: concurrent.futures.Future[None]) -> None:
        if not call.cancelled() and call.exception() is None:
            then()

    bell.heard.remote().future().add_done_callback(hear)
