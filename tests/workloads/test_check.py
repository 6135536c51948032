"""What a look at one batch tells, and what it refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, IterableDataset, TensorDataset, random_split

from bs_study.training.batches import make_batches
from bs_study.workloads.base import as_batch
from bs_study.workloads.check import read_data
from tests.workloads.tasks import Task, look, points, with_method


class Stream(IterableDataset[Tensor]):
    """Has a length, but no examples by number."""

    def __len__(self) -> int:
        return 8


class Bias(nn.Module):
    """Gives the same logits for whatever inputs."""

    def __init__(self) -> None:
        super().__init__()
        self.logits = nn.Parameter(torch.zeros(3))

    def forward(self, inputs: Tensor) -> Tensor:
        return self.logits.expand(len(inputs), 3)


def raising(*_: object) -> None:
    raise KeyError("label")


def accuracy_of(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    return (model(x).argmax(1) == y).float()


BROKEN = {
    "data that is one tensor": ("train_data", lambda s, d: torch.zeros(8, 4), "one tensor"),
    "data that is a list of tensors": ("train_data", lambda s, d: list(points(8)), "list of tensors"),
    "data that is nothing": ("eval_data", lambda s, d: None, "NoneType"),
    "data that is arrays": ("train_data", lambda s, d: tuple(p.numpy() for p in points(8)), "part 1.*ndarray"),
    "data with a single number": ("train_data", lambda s, d: (torch.zeros(8, 4), torch.tensor(1)), "part 2"),
    "data of different lengths": ("eval_data", lambda s, d: (torch.zeros(8, 4), torch.zeros(7)), r"length \(8, 7\)"),
    "data without examples": ("eval_data", lambda s, d: points(0), "no example"),
    "data that is all splits": ("train_data", lambda s, d: {"train": points(8)}, "'train'.*split"),
    "data in batches": ("train_data", lambda s, d: DataLoader(TensorDataset(*points(8))), "DataLoader"),
    "data as a stream": ("train_data", lambda s, d: Stream(), "Stream"),
    "examples of different shapes": (
        "train_data",
        lambda s, d: [(torch.zeros(i), i) for i in (3, 4, 5)],
        r"length \(\[3\] and \[4\]\).*collate",
    ),
    "examples with text": ("train_data", lambda s, d: [{"text": "a", "label": 0}] * 9, "'text'.*with_format"),
    "sets of different parts": ("eval_data", lambda s, d: points(8)[:1], "has 1 parts.*2"),
    "a model that is none": ("model", lambda s: torch.zeros(3), "Module"),
    "a model without parameters": ("model", lambda s: nn.Flatten(), "no parameter"),
    "a frozen model": ("model", lambda s: nn.Linear(4, 3).requires_grad_(False), "no parameter"),
    "a lazy model": ("model", lambda s: nn.LazyLinear(3), "lazy"),
    "a model that ignores its inputs": ("model", lambda s: Bias(), "ignores its inputs"),
    "a prepare without tuple": ("prepare", lambda s, x, y: x, "returns a Tensor"),
    "a prepare that returns nothing": ("prepare", lambda s, x, y: None, "NoneType"),
    "a prepare that raises": ("prepare", raising, r"KeyError.*test_check\.py, line \d+"),
    "a loss of each example": ("loss", lambda s, m, x, y: cross_entropy(m(x), y, reduction="none"), "not a scalar"),
    "a loss that is a number": ("loss", lambda s, m, x, y: cross_entropy(m(x), y).item(), "not a scalar"),
    "a sum": ("loss", lambda s, m, x, y: cross_entropy(m(x), y, reduction="sum"), "sum over the batch"),
    "a sum and a penalty": (
        "loss",
        lambda s, m, x, y: cross_entropy(m(x), y, reduction="sum") + m.weight.square().sum(),
        "sum over the batch",
    ),
    "a nan loss": ("loss", lambda s, m, x, y: cross_entropy(m(x), y) * float("nan"), "nan"),
    "a detached loss": ("loss", lambda s, m, x, y: cross_entropy(m(x), y).detach(), "no gradient"),
    "a loss of another model": ("loss", lambda s, m, x, y: cross_entropy(Bias()(x), y), "no parameter"),
    "a loss that ignores the batch": ("loss", lambda s, m, x, y: m.weight.square().sum(), "ignores the batch"),
    "metrics that are no dict": ("metrics", lambda s, m, x, y: accuracy_of(m, x, y).sum(), "dict"),
    "a metric of each class": ("metrics", lambda s, m, x, y: {"accuracy": torch.zeros(3)}, r"shape \(3,\)"),
    "a metric that is text": ("metrics", lambda s, m, x, y: {"accuracy": "high"}, "str"),
    "a metric that is a mean": (
        "metrics",
        lambda s, m, x, y: {"accuracy": accuracy_of(m, x, y).mean()},
        "single number",
    ),
    "a loss metric that is a mean": ("metrics", lambda s, m, x, y: {"loss": s.loss(m, x, y)}, "single number"),
    "a metric that is nan": (
        "metrics",
        lambda s, m, x, y: {"accuracy": accuracy_of(m, x, y) / 0 * 0},
        "'accuracy' is nan",
    ),
    "a metric that is a number": ("metrics", lambda s, m, x, y: {"f1": 0.5}, "float.*shape \\(examples,\\)"),
}


@pytest.mark.parametrize(("method", "function", "told"), BROKEN.values(), ids=BROKEN)
def test_what_breaks_the_interface_is_refused_in_a_line_that_names_the_method(
    method: str, function: Any, told: str
) -> None:
    with pytest.raises(ValueError, match=rf"^task\.{method}: .*{told}"):
        look(with_method(method, function))


def test_a_look_tells_what_it_saw() -> None:
    text = "\n".join(look(Task).lines())
    for told in ("96 examples", "30 examples", "float32 (4,), int64 ()", "Linear with 15 parameters", "accuracy, loss"):
        assert told in text


class Table:
    """Rows that are dicts, by number or many at once, as those of a Hugging Face table with its torch format."""

    def __init__(self, count: int) -> None:
        self.columns = dict(zip(("inputs", "label"), points(count), strict=True))

    def __len__(self) -> int:
        return len(self.columns["label"])

    def __getitem__(self, row: int) -> dict[str, Tensor]:
        return {name: column[row] for name, column in self.columns.items()}

    def __getitems__(self, rows: list[int]) -> list[dict[str, Tensor]]:
        return [self[row] for row in rows]


def test_a_row_that_is_a_dict_gives_its_values_in_their_order() -> None:
    assert look(with_method("train_data", lambda s, d: Table(96))) == look(Task)
    kwargs: Any = {"loader": "workers", "seed": 0, "batch_size": 10, "device": torch.device("cpu")}
    ours, plain = (list(make_batches(data, **kwargs).epoch(1)) for data in (Table(24), points(24)))
    assert all(torch.equal(a, b) for x, y in zip(ours, plain, strict=True) for a, b in zip(x, y, strict=True))
    assert as_batch({"a": 1, "b": 2}) == (1, 2)


def test_data_sets_and_models_of_torch_and_torchvision_fit_as_they_are() -> None:
    from torchvision.datasets import FakeData
    from torchvision.models import squeezenet1_1
    from torchvision.transforms import ToTensor

    class Fake(Task):
        def train_data(self, data_dir: Path) -> Any:
            return random_split(FakeData(12, (3, 32, 32), 10, transform=ToTensor()), [8, 4])[0]

        def eval_data(self, data_dir: Path) -> Any:
            return random_split(FakeData(12, (3, 32, 32), 10, transform=ToTensor()), [8, 4])[1]

        def model(self) -> nn.Module:
            return squeezenet1_1(num_classes=10)

    seen = look(Fake)
    assert seen.warnings == ()
    assert "8 examples of float32 (3, 32, 32), int64 ()" in seen.train_set


def test_data_that_a_model_of_the_user_made_is_cut_off_from_it() -> None:
    teacher = torch.nn.Linear(2, 1)

    class Taught(Task):
        def train_data(self, data_dir: Path) -> Any:
            x = torch.rand(16, 2)
            return x, teacher(x)

        eval_data = train_data

    assert not any(part.requires_grad for data in read_data(Taught(), Path()) for part in data)
