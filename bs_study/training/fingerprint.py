"""The fingerprint of a workload and its data: by it a study that goes on sees whether they are what it began with."""

from __future__ import annotations

import hashlib
import itertools
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePath
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bs_study.training.data import DataSets
from bs_study.training.randomness import kept_generators, seed_host_generators
from bs_study.workloads.base import Data, Workload, examples_in
from bs_study.workloads.black_box import BlackBox
from bs_study.workloads.source import source_hashes
from bs_study.workloads.user_errors import calling

Fingerprint = dict[str, Any]
"""Plain JSON."""

MOST_BYTES = 256 * 2**20  # of a part of which every value counts; of a larger one some rows do
SECONDS = 0.75  # for each of two readings of a Dataset
_ROWS = 4096
_SPREAD = 16  # examples of a Dataset at least, and values of a part with fractions
_STRETCHES = 32


def fingerprint(
    workload: Workload | BlackBox, data: DataSets | None, *, before: Mapping[str, Any] | None = None
) -> Fingerprint:
    """Return what tells a workload and its data from others.

    Args:
        data: its data sets; None where they were not read, or are not known, which leaves them out.
        before: the fingerprint that this is to be compared with: of a Dataset the same examples are read.

    Returns:
        source: `source_hashes`, by file; data: of each of `train`, `held_out` and (where there is one) `test` its
        number of examples and its parts, each with type, shape and values of an example. Of a Dataset `read`, too: at
        most how many examples, from all over it, these are the values of.
    """
    found: Fingerprint = {"source": source_hashes(workload)}
    if data is not None and not isinstance(workload, BlackBox):
        found["data"] = {
            name: _of_set(workload, name, part, most=_read_before(before, name))
            for name, part in data._asdict().items()
            if part is not None
        }
    return found


def _read_before(before: Mapping[str, Any] | None, name: str) -> int | None:
    """Return how many examples of a Dataset a fingerprint tells of; study.json may have been edited."""
    told: Any = before
    for key in ("data", name, "read"):
        told = told.get(key) if isinstance(told, Mapping) else None
    return max(1, told) if isinstance(told, int) else None


def _of_set(workload: Workload, name: str, data: Data, *, most: int | None) -> Fingerprint:
    if isinstance(data, tuple):
        return {"examples": examples_in(data), "parts": [_of_tensor(part) for part in data]}
    with calling(workload, "train_data" if name == "train" else "eval_data"):
        examples = _read(data, most=most)
        parts, again = _of_examples(examples), _of_examples(_read(data, most=len(examples)))
    if parts != again:  # it draws from a generator of its own, or from a clock
        parts = [{"type": part["type"]} for part in parts]
    return {"examples": examples_in(data), "read": most or len(examples), "parts": parts}


def _of_examples(examples: Sequence[Sequence[Tensor]]) -> list[Fingerprint]:
    """Return the fingerprint of each part of some examples."""
    return [_of_part(part) for part in zip(*examples, strict=False)]


def _read(data: Any, *, most: int | None = None) -> list[list[Tensor]]:
    """Return the parts of so many examples, or of as many as can be read in SECONDS and held; a draw is seeded.

    Of sets of one size they come in one order: however few are read, they are from all over the set.
    """
    end, size, examples = time.perf_counter() + SECONDS, 0, []
    with kept_generators():
        for place in itertools.islice(_places(len(data)), most):
            seed_host_generators(place)
            examples.append(list(_leaves(data[place])))
            size += sum(part.numel() * part.element_size() for part in examples[-1])
            is_enough = time.perf_counter() > end or size > MOST_BYTES // 2
            if most is None and is_enough and len(examples) >= _SPREAD:
                break
    return examples


def _places(count: int) -> Iterator[int]:
    """Yield each number below a count once, by steps of the golden section: any first few are spread over all.

    >>> list(_places(8))
    [0, 5, 2, 7, 4, 1, 6, 3]
    """
    step = next(step for step in itertools.count(max(1, round(0.618 * count))) if math.gcd(step, count) == 1)
    return (place * step % count for place in range(count))


def _leaves(example: Any) -> Iterator[Tensor]:
    """Yield the parts of an example in order as tensors; a text as its bytes, what else there is by its type alone.

    Of a path only its last part counts: the folder of the data may lie elsewhere the next time.
    """
    if isinstance(example, Mapping):
        for value in example.values():
            yield from _leaves(value)
    elif isinstance(example, tuple | list):
        for value in example:
            yield from _leaves(value)
    elif isinstance(example, str | bytes):
        raw = _without_folder(example).encode(errors="surrogateescape") if isinstance(example, str) else example
        yield torch.from_numpy(np.frombuffer(raw, dtype=np.uint8).copy())
    elif isinstance(example, Tensor):
        yield example.detach().cpu()
    else:
        try:
            yield torch.from_numpy(np.asarray(example).copy())
        except (TypeError, ValueError):
            yield torch.tensor(list(type(example).__qualname__.encode()), dtype=torch.uint8)


def _without_folder(text: str) -> str:
    path = PurePath(text)
    return path.name if path.is_absolute() else text


def _of_part(values: Sequence[Tensor]) -> Fingerprint:
    """Return the fingerprint of one part of some examples, which may differ in shape."""
    shapes = [list(value.shape) for value in values]
    together = torch.cat([value.reshape(-1).to(values[0].dtype) for value in values])
    told = _of_tensor(together.reshape(-1, 1)) | {"shape": shapes[0]}
    if any(shape != shapes[0] for shape in shapes):
        told |= {"shape": None, "shapes": _hash(repr(shapes).encode())}
    return told


def _of_tensor(values: Tensor) -> Fingerprint:
    """Return the fingerprint of a tensor whose first dimension is the example.

    Whole numbers give a hash. Of numbers with fractions another CPU may give other last digits, so theirs are values
    to be compared with a tolerance: mean and standard deviation, the means of stretches of rows, and some single ones.
    """
    told: Fingerprint = {"type": str(values.dtype).removeprefix("torch."), "shape": list(values.shape[1:])}
    values = values.detach().cpu()
    if values.numel() * values.element_size() > MOST_BYTES:
        rows = torch.linspace(0, len(values) - 1, _ROWS, dtype=torch.float64).long()
        values = values[rows]
    if values.is_complex():
        values = torch.view_as_real(values.resolve_conj())
    if not values.is_floating_point():
        return told | {"hash": _hash(values.contiguous().reshape(-1).numpy().data)}
    return told | _of_fractions(values)


def _of_fractions(values: Tensor) -> Fingerprint:
    rows = values.reshape(len(values), -1)
    if not rows.numel():
        return {"values": []}
    odd = ~torch.isfinite(rows)
    told: Fingerprint = {"not_finite": int(odd.sum())}
    if odd.any():
        rows = rows.masked_fill(odd, 0)
    stretches = rows.tensor_split(min(_STRETCHES, len(rows)))
    means = [float(part.double().mean()) for part in stretches]
    mean = sum(mean * part.numel() for mean, part in zip(means, stretches, strict=True)) / rows.numel()
    squares = sum(float(((part.double() - mean) ** 2).sum()) for part in stretches)
    places = torch.linspace(0, rows.numel() - 1, _SPREAD, dtype=torch.float64).long()
    single = rows.reshape(-1)[places].double().tolist()
    return told | {"std": math.sqrt(squares / rows.numel()), "values": [mean, *means, *single]}


def _hash(content: bytes | memoryview) -> str:
    return hashlib.sha256(content).hexdigest()[:16]
