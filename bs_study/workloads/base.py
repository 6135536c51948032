"""The Workload interface, and a workload by its name."""

from __future__ import annotations

import functools
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor, nn
from torch.utils.data import Dataset, default_collate

from bs_study.target import OpenTarget, Target, read_target
from bs_study.workloads.black_box import BlackBox, about_any, black_box
from bs_study.workloads.built_in import BUILT_IN
from bs_study.workloads.given import class_made_by
from bs_study.workloads.lookup import named_class
from bs_study.workloads.metrics import Values
from bs_study.workloads.user_errors import told_of_making

Data = tuple[Tensor, ...] | Dataset[Any]


class Workload(ABC):
    """Data set, model, loss, metrics and target.

    A batch is a tuple of tensors whose first dimension is the example, as `train_data` or `eval_data` gave them.
    Each trial makes its own workload and may be handed the data: what `model` needs to know of it can't be kept in
    `self` by `train_data`.
    A class that has these names without inheriting from this one serves as well.
    """

    name: str
    target: Target | OpenTarget
    train_examples: int | None = None
    """Size of the training set where it is known without reading it."""
    fetches_data: bool = False
    """Whether a data folder that is asked for need not be there: data comes with a package, or is downloaded."""

    @abstractmethod
    def train_data(self, data_dir: Path) -> Data:
        """Return the training set: tensors with the example as first dimension, or a map-style Dataset.

        A Dataset is whatever has a length and examples by number; an example is a tensor, a tuple, or a dict, whose
        values are taken in the order of its keys.
        """

    @abstractmethod
    def eval_data(self, data_dir: Path) -> Data:
        """Return the held-out set, in the form of the training set."""

    def collate(self, examples: list[Any]) -> Any:
        """Return examples of a Dataset as one batch of tensors, each with the example as first dimension.

        By default they are stacked, part by part. Examples of different length are padded here.
        """
        return default_collate(examples)

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
        losses of parts, by their weights, are the loss of the whole: in an evaluation, and in micro-batches. Leave
        it out where no weight fits, as where examples are told from each other.
        """
        return len(batch[0])

    def metrics(self, model: nn.Module, *batch: Tensor) -> Values:
        """Return each metric of a prepared batch by its name: a value for each example, shape (examples,).

        Evaluation takes the mean over all examples. What is no mean over examples, as F1 or RMSE, is a
        torchmetrics.Metric: made in `__init__`, updated with the batch here, and returned itself; the evaluation resets
        and computes it. The result must not depend on the batch size of the evaluation. The loss is added to what this
        returns if it is not among it.
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


def examples_at(data: Dataset[Any], places: list[int]) -> list[Any]:
    """Return the examples of a Dataset at some places: read together where it can."""
    if hasattr(data, "__getitems__"):
        return list(data.__getitems__(places))
    return [data[place] for place in places]


def as_batch(collated: Any) -> tuple[Tensor, ...]:
    """Return what was collated as the tuple of tensors that a Workload's methods take.

    Examples that are dicts, such as rows of a Hugging Face table, give the values in the order of their keys.
    """
    if isinstance(collated, Mapping):
        return tuple(collated.values())
    return (collated,) if isinstance(collated, Tensor) else tuple(collated)


def load_workload(name: str) -> Workload | BlackBox:
    """Return the workload of a built-in's name, of ``package.module:Class``, or of ``folder/file.py:Class``.

    In place of a class the name may be that of a function: without arguments it returns a workload, and with those of a
    BlackBox it is one.

    Raises:
        ValueError: no such workload, or one that lacks a part of the interface; the message says what is right.
    """
    found = named_class(BUILT_IN.get(name, name), built_in=BUILT_IN)
    if not callable(found):
        raise ValueError(f"workload: {name} is no class. Give package.module:Class")
    if isinstance(found, type):
        return _made(found, found, name)
    try:
        own = black_box(found)
    except ValueError as error:
        raise ValueError(f"workload: {name} can't be trained: {error}") from error
    return own or _made(None, found, name)


def known_workload(name: str) -> Workload:
    """Return a workload whose data and model are known, by its name.

    Raises:
        ValueError: as `load_workload`; or it is a function that trains by itself.
    """
    workload = load_workload(name)
    if isinstance(workload, BlackBox):
        raise ValueError(f"workload: {name} is a function that trains by itself. Its data and model are not known")
    return workload


def _made(cls: type | None, found: Callable[..., object], name: str) -> Workload:
    """Return a workload of a class, or of the class of what a function returns."""
    try:
        workload = _with_defaults(cls or class_made_by(found))()
    except Exception as error:
        hint = "" if cls else about_any(found)
        raise ValueError(f"workload: {name} can't be made: {told_of_making(error, found)}{hint}") from error
    for part in ("name", "target", "train_data", "eval_data", "model", "loss"):
        if not hasattr(workload, part):
            raise ValueError(f"workload: {name} lacks {part!r}. See Workload in bs_study/workloads/base.py")
    workload.target = _as_target(workload.target, name)
    return workload  # type: ignore[no-any-return]


@functools.cache
def _with_defaults(cls: type) -> type:
    """Return the class itself, or one that takes from Workload what the class leaves out."""
    if issubclass(cls, Workload):
        return cls
    return type(cls.__name__, (cls, Workload), {"__module__": cls.__module__, "__reduce__": _as_found})


def _as_found(workload: object) -> tuple[Any, ...]:
    """Pickle a workload by the class that was found: the one made of it is in no module, where pickle looks."""
    return _made_again, (type(workload).__bases__[0], vars(workload))


def _made_again(found: type, attributes: dict[str, Any]) -> object:
    workload: object = object.__new__(_with_defaults(found))
    vars(workload).update(attributes)
    return workload


_FORMS = "text like 'accuracy>=0.98', (metric, value) or (metric, value, 'max' or 'min')"


def _as_target(target: object, name: str) -> Target | OpenTarget:
    if isinstance(target, Target | OpenTarget):
        return target
    try:
        if isinstance(target, str):
            return read_target(target)
        if isinstance(target, tuple | list) and len(target) in (2, 3):
            return OpenTarget(*target) if len(target) == 2 else Target(*target)
    except ValueError as error:
        forms = "" if isinstance(target, str) else f". Of {target!r} make {_FORMS}"
        raise ValueError(f"workload: the target of {name}: {str(error).removeprefix('target: ')}{forms}") from error
    raise ValueError(f"workload: the target of {name} is {target!r}. Give {_FORMS}")
