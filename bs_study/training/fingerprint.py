"""The fingerprint of a workload and its data: by it a study that goes on sees whether they are what it began with."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bs_study.training.data import DataSets
from bs_study.training.randomness import kept_generators, seed_host_generators
from bs_study.workloads.base import Data, Workload, examples_in
from bs_study.workloads.source import source_hashes
from bs_study.workloads.user_errors import calling

Fingerprint = dict[str, Any]
"""Plain JSON."""

MOST_BYTES = 256 * 2**20  # of a part of which every value counts; of a larger one some rows do
_ROWS = 4096
_SPREAD = 16  # examples of a Dataset, and values of a part with fractions
_STRETCHES = 32


def fingerprint(workload: Workload, data: DataSets | None) -> Fingerprint:
    """Return what tells a workload and its data from others.

    Args:
        data: its data sets; None where they were not read, which leaves them out.

    Returns:
        source: `source_hashes`, by file; data: of each of `train`, `held_out` and (where there is one) `test` its
        number of examples and its parts, each with type, shape and values of an example.
    """
    found: Fingerprint = {"source": source_hashes(workload)}
    if data is not None:
        found["data"] = {
            name: _of_set(workload, name, part) for name, part in data._asdict().items() if part is not None
        }
    return found


def _of_set(workload: Workload, name: str, data: Data) -> Fingerprint:
    if isinstance(data, tuple):
        return {"examples": examples_in(data), "parts": [_of_tensor(part) for part in data]}
    with calling(workload, "train_data" if name == "train" else "eval_data"):
        parts, again = _of_examples(data), _of_examples(data)
    if parts != again:  # it draws from a generator of its own, or from a clock
        parts = [{"type": part["type"]} for part in parts]
    return {"examples": examples_in(data), "parts": parts}


def _of_examples(data: Any) -> list[Fingerprint]:
    """Return the fingerprint of each part of a few examples from all over a Dataset; a draw in it is seeded."""
    count = len(data)
    examples = []
    with kept_generators():
        for place in sorted({i * (count - 1) // (_SPREAD - 1) for i in range(_SPREAD)}):
            seed_host_generators(place)
            examples.append(list(_leaves(data[place])))
    return [_of_part(part) for part in zip(*examples, strict=False)]


def _leaves(example: Any) -> Iterator[Tensor]:
    """Yield the parts of an example in order as tensors; a text as its bytes, what else there is by its type alone."""
    if isinstance(example, Mapping):
        for value in example.values():
            yield from _leaves(value)
    elif isinstance(example, tuple | list):
        for value in example:
            yield from _leaves(value)
    elif isinstance(example, str | bytes):
        raw = example.encode() if isinstance(example, str) else example
        yield torch.tensor(list(raw), dtype=torch.uint8)
    elif isinstance(example, Tensor):
        yield example.detach().cpu()
    else:
        try:
            yield torch.from_numpy(np.asarray(example).copy())
        except (TypeError, ValueError):
            yield torch.tensor(list(type(example).__qualname__.encode()), dtype=torch.uint8)


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
