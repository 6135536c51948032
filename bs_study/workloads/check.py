"""A workload's data, looked at before any trial starts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, Subset

from bs_study.workloads.base import Data, Workload, examples_at, examples_in
from bs_study.workloads.check_collate import collated_examples
from bs_study.workloads.telling import spread_places
from bs_study.workloads.user_errors import calling


def read_data(workload: Workload, data_dir: Path) -> tuple[Data, Data]:
    """Return the training and the held-out set.

    Raises:
        ValueError: a set is empty or none that can be cut into batches, or the workload's own code raises.
        FileNotFoundError: the data is not there; the workload says how to supply it.
    """
    with calling(workload, "train_data"):
        train = workload.train_data(data_dir)
    with calling(workload, "eval_data"):
        held_out = workload.eval_data(data_dir)
    _refuse_unusable(workload, "train_data", train)
    _refuse_unusable(workload, "eval_data", held_out)
    return _detached(train), _detached(held_out)


def _detached(data: Data) -> Data:
    """Return tensors cut off from what made them, a model of the user's perhaps: nothing is learned through data."""
    return tuple(part.detach() for part in data) if isinstance(data, tuple) else data


def _refuse_unusable(workload: Workload, method: str, data: object) -> None:
    fault = _fault_of_tensors(data) if isinstance(data, tuple) else _fault_of_dataset(data)
    if fault:
        raise ValueError(f"{workload.name}.{method}: {fault}")


def _fault_of_tensors(data: tuple[object, ...]) -> str | None:
    if not data:
        return "returns an empty tuple. Return a tuple of tensors, or a Dataset"
    for place, part in enumerate(data, start=1):
        if not isinstance(part, Tensor):
            return f"part {place} of its tuple is a {_kind(part)}. Make it a tensor: torch.as_tensor(...)"
        if part.dim() == 0:
            return f"part {place} of its tuple is a single number. The first dimension of each tensor is the example"
    lengths = [len(part) for part in data if isinstance(part, Tensor)]
    if len(set(lengths)) > 1:
        return f"its tensors differ in length ({', '.join(str(length) for length in lengths)})"
    return None if lengths[0] else "holds no example"


def _fault_of_dataset(data: object) -> str | None:
    advice = "Return a tuple of tensors, or a map-style Dataset"
    if isinstance(data, Tensor):
        return f"returns one tensor. {advice}: (tensor,)"
    if isinstance(data, list) and any(isinstance(part, Tensor) for part in data):
        return "returns a list of tensors. Return a tuple if they are parts of one batch, torch.stack if examples"
    if isinstance(data, DataLoader):
        return f"returns a DataLoader. {advice}: batches are made for each batch size"
    if isinstance(data, Mapping):
        return f"returns a {_kind(data)} with {', '.join(map(repr, data))}. {advice}: one of its splits, perhaps"
    if isinstance(data, IterableDataset) or not (hasattr(data, "__len__") and hasattr(data, "__getitem__")):
        return f"returns a {_kind(data)}, which has no length or no examples by number. {advice}"
    return None if len(data) else "holds no example"


def _kind(value: object) -> str:
    return type(value).__name__


def spread_examples(workload: Workload, method: str, data: Data, *, count: int) -> tuple[Tensor, ...]:
    """Return examples from all over a data set as one batch: one that is sorted by class gives of each.

    Raises:
        ValueError: the examples of a Dataset can't be put in one batch, or hold what is no tensor there.
    """
    return batch_at(workload, method, data, places=spread_places(examples_in(data), count=count))


def example_name(data: Data, place: int) -> str:
    """Return how a message names an example: of a part of a Dataset by its place in the whole."""
    return f"example {data.indices[place] if isinstance(data, Subset) else place}"


def batch_at(workload: Workload, method: str, data: Data, *, places: list[int]) -> tuple[Tensor, ...]:
    """Return the examples at some places as one batch.

    Raises:
        ValueError: as `spread_examples`; of an example that can't be read, or is None, the message tells the place.
    """
    if isinstance(data, tuple):
        return tuple(tensor[places] for tensor in data)
    try:
        examples = examples_at(data, places)
    except Exception:
        for place in places:
            with calling(workload, f"{method}: {example_name(data, place)}"):
                examples_at(data, [place])
        with calling(workload, method):
            raise
    try:
        return collated_examples(workload, method, examples)
    except ValueError as error:
        missing = next((place for place, example in zip(places, examples, strict=False) if example is None), None)
        if missing is None:
            raise
        raise ValueError(
            f"{workload.name}.{method}: {example_name(data, missing)} is None. Leave it out, or give it values"
        ) from error


def example_shapes(batch: tuple[Tensor, ...]) -> str:
    """Return type and shape of one example, as `uint8 (28, 28), int64 ()`."""
    return ", ".join(f"{str(part.dtype).removeprefix('torch.')} {tuple(part.shape[1:])}" for part in batch)


def twice(batch: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """Return a batch with each of its examples two times."""
    return tuple(torch.cat([part, part]) for part in batch)


def prepare(workload: Workload, batch: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """Return a prepared copy of a batch."""
    with calling(workload, "prepare"):
        prepared = workload.prepare(*(part.clone() for part in batch))
    if not isinstance(prepared, tuple | list) or not all(isinstance(part, Tensor) for part in prepared):
        raise ValueError(
            f"{workload.name}.prepare: returns a {type(prepared).__name__}. Return a tuple of tensors, as (inputs,)"
        )
    return tuple(prepared)
