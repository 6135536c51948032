"""A quick look at a workload, before any trial starts: one small batch through each of its methods."""

from __future__ import annotations

import math
from pathlib import Path

import torch

from bs_study.workloads.base import Data, Workload, examples_in, first_examples


def read_data(workload: Workload, data_dir: Path) -> tuple[Data, Data]:
    """Return the training and the held-out set.

    Raises:
        ValueError: a set is empty, or its tensors differ in length.
    """
    sets = workload.train_data(data_dir), workload.eval_data(data_dir)
    for method, data in zip(("train_data", "eval_data"), sets, strict=True):
        if isinstance(data, tuple) and len({len(tensor) for tensor in data}) > 1:
            lengths = ", ".join(str(len(tensor)) for tensor in data)
            raise ValueError(f"{workload.name}.{method}: its tensors differ in length ({lengths})")
        if examples_in(data) == 0:
            raise ValueError(f"{workload.name}.{method}: holds no example")
    return sets


def metric_names(workload: Workload, held_out: Data) -> list[str]:
    """Return the metrics that an evaluation of this workload gives, `loss` among them.

    Raises:
        ValueError: the loss is not one finite number, or the target's metric is not among the metrics.
    """
    torch.manual_seed(0)
    model = workload.model().eval()
    batch = workload.prepare(*first_examples(held_out, 8))
    with torch.no_grad():
        loss = workload.loss(model, *batch)
        names = list(workload.metrics(model, *batch))
    if loss.numel() != 1:
        raise ValueError(f"{workload.name}.loss: returns {tuple(loss.shape)}, not a scalar. Return the batch's mean")
    if not math.isfinite(loss.item()):
        raise ValueError(f"{workload.name}.loss: is {loss.item()} on the first batch with the initial weights")
    return names if "loss" in names else [*names, "loss"]
