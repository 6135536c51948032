"""A quick look at a workload, before any trial starts: one small batch through each of its methods."""

from __future__ import annotations

import contextlib
import math
import traceback
from collections.abc import Iterator
from pathlib import Path

import torch

from bs_study.workloads.base import Data, Workload, examples_in, first_examples


def read_data(workload: Workload, data_dir: Path) -> tuple[Data, Data]:
    """Return the training and the held-out set.

    Raises:
        ValueError: a set is empty, its tensors differ in length, or the workload's own code raises.
        FileNotFoundError: the data is not there; the workload says how to supply it.
    """
    with _calling(workload, "train_data"):
        train = workload.train_data(data_dir)
    with _calling(workload, "eval_data"):
        held_out = workload.eval_data(data_dir)
    _refuse_uneven(workload, "train_data", train)
    _refuse_uneven(workload, "eval_data", held_out)
    return train, held_out


@contextlib.contextmanager
def _calling(workload: Workload, method: str) -> Iterator[None]:
    """Name the method and the line where a workload's own code raises."""
    try:
        yield
    except FileNotFoundError:
        raise
    except Exception as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{Path(where.filename).name}, line {where.lineno}"
        raise ValueError(f"{workload.name}.{method}: {type(error).__name__}: {error} ({place})") from error


def _refuse_uneven(workload: Workload, method: str, data: Data) -> None:
    if isinstance(data, torch.Tensor):
        raise ValueError(f"{workload.name}.{method}: returns one tensor. Return a tuple of tensors, or a Dataset")
    if isinstance(data, tuple) and len({len(tensor) for tensor in data}) > 1:
        lengths = ", ".join(str(len(tensor)) for tensor in data)
        raise ValueError(f"{workload.name}.{method}: its tensors differ in length ({lengths})")
    if examples_in(data) == 0:
        raise ValueError(f"{workload.name}.{method}: holds no example")


def metric_names(workload: Workload, held_out: Data) -> list[str]:
    """Return the metrics that an evaluation of this workload gives, `loss` among them.

    Raises:
        ValueError: the loss is not one finite number, or the workload's own code raises.
    """
    torch.manual_seed(0)
    with _calling(workload, "model"):
        model = workload.model().eval()
    with _calling(workload, "prepare"):
        batch = workload.prepare(*first_examples(held_out, 8))
    with torch.no_grad():
        with _calling(workload, "loss"):
            loss = workload.loss(model, *batch)
        with _calling(workload, "metrics"):
            names = list(workload.metrics(model, *batch))
    _refuse_bad_loss(workload, loss)
    return names if "loss" in names else [*names, "loss"]


def _refuse_bad_loss(workload: Workload, loss: object) -> None:
    if not isinstance(loss, torch.Tensor) or loss.numel() != 1:
        shape = tuple(loss.shape) if isinstance(loss, torch.Tensor) else type(loss).__name__
        raise ValueError(f"{workload.name}.loss: returns {shape}, not a scalar tensor. Return the mean over the batch")
    if not math.isfinite(loss.item()):
        raise ValueError(f"{workload.name}.loss: is {loss.item()} on the first batch with the initial weights")
