"""The Workload interface, and its look-up by name or by ``package.module:Class``."""

from __future__ import annotations

import difflib
import functools
import importlib
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor, nn
from torch.utils.data import Dataset

from bs_study.target import Target
from bs_study.workloads.metrics import Values

Data = tuple[Tensor, ...] | Dataset[Any]

BUILT_IN = {
    "digits": "bs_study.workloads.digits:Digits",
    "mnist": "bs_study.workloads.mnist:Mnist",
    "fashion_mnist": "bs_study.workloads.fashion_mnist:FashionMnist",
    "cifar10": "bs_study.workloads.cifar10:Cifar10",
    "cifar10_resnet8": "bs_study.workloads.cifar10:Cifar10Resnet8",
    "char_lm": "bs_study.workloads.char_lm:CharLm",
}


class Workload(ABC):
    """Data set, model, loss, metrics and target.

    A batch is a tuple of tensors whose first dimension is the example, as `train_data` or `eval_data` gave them.
    Each trial makes its own workload and may be handed the data: what `model` needs to know of it can't be kept in
    `self` by `train_data`.
    A class that has these names without inheriting from this one serves as well.
    """

    name: str
    target: Target
    train_examples: int | None = None
    """Size of the training set where it is known without reading it."""

    @abstractmethod
    def train_data(self, data_dir: Path) -> Data:
        """Return the training set: tensors with the example as first dimension, or a map-style Dataset.

        A Dataset is whatever has a length and examples by number; an example is a tensor, a tuple, or a dict, whose
        values are taken in the order of its keys.
        """

    @abstractmethod
    def eval_data(self, data_dir: Path) -> Data:
        """Return the held-out set, in the form of the training set."""

    def prepare(self, *batch: Tensor) -> tuple[Tensor, ...]:
        """Return the batch ready for the model, on the device it is on: normalise, augment. By default as it is.

        Augment only while `torch.is_grad_enabled()`: an evaluation runs with gradients off.
        """
        return batch

    @abstractmethod
    def model(self) -> nn.Module:
        """Return a new model. Its weights come from torch's generator, which the trial has seeded."""

    @abstractmethod
    def loss(self, model: nn.Module, *batch: Tensor) -> Tensor:
        """Return the mean loss over a prepared batch, a scalar."""

    def loss_weight(self, *batch: Tensor) -> Tensor | float:
        """Return what `loss` divides by on a prepared batch: the number of examples, unless a class says otherwise.

        A loss with class weights divides by `weights[labels].sum()`, one that ignores tokens by their number. Then the
        losses of parts, by their weights, are the loss of the whole: in an evaluation, and in micro-batches.
        """
        return len(batch[0])

    def metrics(self, model: nn.Module, *batch: Tensor) -> Values:
        """Return each metric of a prepared batch by its name: a value for each example, shape (examples,).

        Evaluation takes the mean over all examples. What is no mean over examples, as F1 or RMSE, is a
        torchmetrics.Metric: made in `__init__`, updated with the batch here, and returned itself; the evaluation resets
        and computes it. The loss is added to what this returns if it is not among it.
        """
        return {}


def classification_metrics(logits: Tensor, labels: Tensor) -> dict[str, Tensor]:
    """Return accuracy and cross-entropy of each example: logits of shape (batch, classes), labels of shape (batch,)."""
    return {
        "accuracy": logits.argmax(dim=1) == labels,
        "loss": nn.functional.cross_entropy(logits, labels, reduction="none"),
    }


def examples_in(data: Data) -> int:
    """Return the number of examples of a data set."""
    return len(data[0]) if isinstance(data, tuple) else len(data)  # type: ignore[arg-type]


def as_batch(collated: Any) -> tuple[Tensor, ...]:
    """Return what a DataLoader collated as the tuple of tensors that a Workload's methods take.

    Examples that are dicts, such as rows of a Hugging Face table, give the values in the order of their keys.
    """
    if isinstance(collated, Mapping):
        return tuple(collated.values())
    return (collated,) if isinstance(collated, Tensor) else tuple(collated)


def load_workload(name: str) -> Workload:
    """Return the workload of a built-in's name or of ``package.module:Class``.

    Raises:
        ValueError: no such workload, or one that lacks a part of the interface; the message says what is right.
    """
    found = _find(BUILT_IN.get(name, name))
    if not isinstance(found, type):
        raise ValueError(f"workload: {name} is no class. Give package.module:Class")
    try:
        workload = _with_defaults(found)()
    except Exception as error:
        raise ValueError(f"workload: {name} can't be made: {_told(error)}") from error
    for part in ("name", "target", "train_data", "eval_data", "model", "loss"):
        if not hasattr(workload, part):
            raise ValueError(f"workload: {name} lacks {part!r}. See Workload in bs_study/workloads/base.py")
    workload.target = _as_target(workload.target, name)
    return workload  # type: ignore[no-any-return]


def _find(reference: str) -> Any:
    module_name, colon, attribute = reference.partition(":")
    if not (module_name and colon and attribute):
        near = difflib.get_close_matches(reference, BUILT_IN, n=1)
        hint = f"Did you mean {near[0]!r}?" if near else f"Use {', '.join(BUILT_IN)} or package.module:Class"
        raise ValueError(f"workload: {reference!r} is unknown. {hint}")
    try:
        module = importlib.import_module(module_name)
    except Exception as error:  # whatever the user's file runs into
        raise ValueError(f"workload: {reference!r} can't be imported: {_told(error)}") from error
    if not hasattr(module, attribute):
        near = difflib.get_close_matches(attribute, vars(module), n=1)
        hint = f". Did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"workload: module {module_name!r} has no {attribute!r}{hint}")
    return getattr(module, attribute)


def _told(error: Exception) -> str:
    return str(error) if isinstance(error, ImportError) else f"{type(error).__name__}: {error}"


@functools.cache
def _with_defaults(cls: type) -> type:
    """Return the class itself, or one that takes from Workload what the class leaves out."""
    return cls if issubclass(cls, Workload) else type(cls.__name__, (cls, Workload), {"__module__": cls.__module__})


def _as_target(target: object, name: str) -> Target:
    if isinstance(target, Target):
        return target
    if isinstance(target, str):
        return Target.parse(target)
    if isinstance(target, tuple | list):
        return Target(*target)
    raise ValueError(f"workload: the target of {name} is {target!r}. Give a Target, or text like 'accuracy>=0.98'")
