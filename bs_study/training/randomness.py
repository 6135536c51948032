"""The global random generators that a workload's own code may draw from."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

State = dict[str, Any]


def seed_generators(seed: int) -> None:
    """Seed every global generator, those of the GPUs among them."""
    seed_host_generators(seed)
    torch.manual_seed(seed)


def seed_host_generators(seed: int) -> None:
    """Seed the generators of the host alone, which is a hundred times quicker where no GPU is in use yet."""
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002
    torch.default_generator.manual_seed(seed)


def random_state() -> State:
    """Return the states of the generators as tensors, numbers and text, which a checkpoint can hold."""
    name, keys, position, has_gauss, gauss = np.random.get_state()  # noqa: NPY002  what a workload's own code may use
    return {
        "python": random.getstate(),
        "numpy": [name, np.asarray(keys).tolist(), position, has_gauss, gauss],
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state() if _gpu_is_in_use() else None,
    }


def restore_random(state: State) -> None:
    """Let the generators go on where they were."""
    version, internal, gauss = state["python"]
    random.setstate((version, tuple(internal), gauss))
    np.random.set_state(tuple(state["numpy"]))  # noqa: NPY002
    torch.set_rng_state(state["torch"])
    if state["cuda"] is not None and _gpu_is_in_use():
        torch.cuda.set_rng_state(state["cuda"])


def _gpu_is_in_use() -> bool:
    return bool(torch.cuda.is_initialized())  # type: ignore[no-untyped-call]


def host_random_state() -> tuple[object, ...]:
    """Return the states of the generators of the host, to be compared."""
    return random.getstate(), str(np.random.get_state()), torch.get_rng_state().tolist()  # noqa: NPY002


@contextlib.contextmanager
def kept_generators() -> Iterator[None]:
    """Leave the generators, at the end, as they were at the start."""
    state = random_state()
    try:
        yield
    finally:
        restore_random(state)
