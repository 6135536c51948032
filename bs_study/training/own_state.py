"""What a workload, a model and a data set keep beside weights and buffers: generators, counters, tensors."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable, Iterable, Iterator
from types import FunctionType, ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bs_study.training.learner import Learner
from bs_study.workloads.base import Data

DEPTH = 3  # as in data.dataset.transform.generator
MOST_ITEMS = 100  # of a list, beyond which it holds data and not transforms
OPAQUE = (type, ModuleType, FunctionType, Tensor, np.ndarray, str, bytes)
NUMBERS = (bool, int, float, complex, np.number)

Restore = Callable[[], object]


@contextlib.contextmanager
def kept_own_state(learner: Learner, data: Data) -> Iterator[None]:
    """Leave what a learner's workload and model and a data set keep of their own as it was.

    Of workload and modules that is each attribute that is a number or a tensor, of the data set none: it may read a
    file, and know where it stands in that. Of all three it is each random generator, also in what they hold.
    """
    workload, modules = learner.workload, list(learner.model.modules())
    tensors = [*learner.followers, *(one for module in modules for one in _vars(module).values())]
    restores: list[Restore] = [_generator_restore(one) for one in _generators([workload, *modules, data])]
    restores += [_numbers_restore(_vars(one)) for one in (workload, *modules)]
    restores += [_content_restore(one) for one in tensors if _is_plain(one)]
    try:
        yield
    finally:
        for restore in restores:
            restore()


def _vars(holder: object) -> dict[str, Any]:
    return getattr(holder, "__dict__", {})


def _generators(holders: Iterable[object]) -> list[Any]:
    """Return the random generators that objects hold, and hold in what they hold."""
    found: dict[int, Any] = {}
    seen: set[int] = set()

    def look(one: object, depth: int) -> None:
        if isinstance(one, torch.Generator | np.random.Generator | np.random.RandomState | random.Random):
            found[id(one)] = one
        if depth < 0 or id(one) in seen or isinstance(one, OPAQUE):
            return
        seen.add(id(one))
        if isinstance(one, list | tuple):
            parts: Iterable[object] = one if len(one) <= MOST_ITEMS else ()
        else:
            parts = list((one if isinstance(one, dict) and len(one) <= MOST_ITEMS else _vars(one)).values())
        for part in parts:
            look(part, depth - 1)

    for holder in holders:
        look(holder, DEPTH)
    return list(found.values())


def _generator_restore(one: Any) -> Restore:
    state: Any
    if isinstance(one, random.Random):
        state = one.getstate()
        return lambda: one.setstate(state)
    if isinstance(one, np.random.Generator):
        bits, state = one.bit_generator, one.bit_generator.state
        return lambda: setattr(bits, "state", state)
    state = one.get_state()
    return lambda: one.set_state(state)


def _numbers_restore(attributes: dict[str, Any]) -> Restore:
    before = {name: value for name, value in attributes.items() if isinstance(value, (*NUMBERS, Tensor))}
    return lambda: attributes.update(before)


def _is_plain(one: object) -> bool:
    return isinstance(one, Tensor) and not one.is_inference() and one.layout == torch.strided


def _content_restore(one: Tensor) -> Restore:
    version, content = one._version, one.detach().clone()

    def restore() -> None:
        if one._version != version:  # else nothing has written to it
            with torch.no_grad():
                one.copy_(content)

    return restore
