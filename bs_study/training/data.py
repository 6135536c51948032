"""The data sets of a trial."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils.data import Subset

from bs_study.config import TrialConfig
from bs_study.training.randomness import seed_generators
from bs_study.workloads.base import Data, Workload, examples_in
from bs_study.workloads.check import read_data


class DataSets(NamedTuple):
    """What a trial trains on, what it is judged by, and the test set where it is judged by other examples."""

    train: Data
    held_out: Data
    test: Data | None = None


@functools.lru_cache(maxsize=1)
def load_data(
    workload: type[Workload], data_dir: Path, *, validation_examples: int = 0, validation_seed: int = 0
) -> DataSets:
    """Return the data sets of a workload; a worker that runs trial after trial keeps them.

    Args:
        workload: its class.
        data_dir: folder with data sets.
        validation_examples: how many examples of the training set are taken out of it, to be judged by.
        validation_seed: decides which.

    Raises:
        ValueError: the data is not what a workload gives, or has too few examples to take some out.
    """
    seed_generators(0)  # data that a workload draws is the same for every trial, in whichever process
    train, held_out = read_data(workload(), data_dir)
    if not validation_examples:
        return DataSets(train, held_out)
    if validation_examples >= examples_in(train):
        raise ValueError(
            f"validation_examples: {validation_examples}, but the training set has {examples_in(train)} examples. "
            "Leave some to train on"
        )
    order = torch.randperm(examples_in(train), generator=torch.Generator().manual_seed(validation_seed))
    taken, left = order[:validation_examples].sort().values, order[validation_examples:].sort().values
    return DataSets(_part(train, left), _part(train, taken), test=held_out)


def trial_data(trial: TrialConfig, workload: Workload, data_dir: Path) -> DataSets:
    """Return the data sets that a trial of this workload trains on and is judged by."""
    return load_data(
        type(workload),
        data_dir,
        validation_examples=trial.settings.validation_examples,
        validation_seed=trial.settings.validation_seed,
    )


def _part(data: Data, indices: Tensor) -> Data:
    if isinstance(data, tuple):
        return tuple(tensor.index_select(0, indices) for tensor in data)
    return Subset(data, indices.tolist())
