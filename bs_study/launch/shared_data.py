"""Data sets that the driver has read, for all workers: Ray's object store holds arrays once per node, uncopied."""

from __future__ import annotations

import warnings

import numpy as np
import numpy.typing as npt
import torch

from bs_study.training.data import DataSets

SharedArrays = tuple[tuple[npt.NDArray[np.generic], ...] | None, ...]


def shared_arrays(data: DataSets | None) -> SharedArrays | None:
    """Return data sets as arrays; None if one is a Dataset, which each worker makes for itself."""
    if data is None or not all(part is None or isinstance(part, tuple) for part in data):
        return None
    try:
        return tuple(tuple(tensor.numpy() for tensor in part) if isinstance(part, tuple) else None for part in data)
    except TypeError:  # a type that numpy does not have, such as bfloat16
        return None


def shared_tensors(arrays: SharedArrays) -> DataSets:
    """Return the tensors of `shared_arrays`. They are read-only; batches are copies of their rows."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return DataSets(*(tuple(torch.from_numpy(array) for array in part) if part else None for part in arrays))  # type: ignore[arg-type]
