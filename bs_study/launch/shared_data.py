"""Data sets that the driver has read, for all workers: Ray's object store holds arrays once per node, uncopied."""

from __future__ import annotations

import warnings

import numpy as np
import numpy.typing as npt
import torch

from bs_study.workloads.base import Data

SharedArrays = tuple[tuple[npt.NDArray[np.generic], ...], ...]


def shared_arrays(data: tuple[Data, Data] | None) -> SharedArrays | None:
    """Return training and held-out set as arrays; None for a Dataset, which each worker makes for itself."""
    if data is None or not all(isinstance(part, tuple) for part in data):
        return None
    try:
        return tuple(tuple(tensor.numpy() for tensor in part) for part in data if isinstance(part, tuple))
    except TypeError:  # a type that numpy does not have, such as bfloat16
        return None


def shared_tensors(arrays: SharedArrays) -> tuple[Data, Data]:
    """Return the tensors of `shared_arrays`. They are read-only; batches are copies of their rows."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        train, held_out = (tuple(torch.from_numpy(array) for array in part) for part in arrays)
    return train, held_out
