"""One example that fails is told by its place, and no size of a batch is blamed for it."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import Dataset, Subset

from bs_study.workloads.check_batch import look_at
from bs_study.workloads.check_shapes import Sizes
from tests.workloads.tasks import Task, points

BAD = 137  # is in batches of 401 and of 200 spread examples, and not in 8


def labelled(count: int, *, bad: int) -> tuple[Tensor, Tensor]:
    inputs, labels = points(count)
    return inputs, labels.index_fill(0, torch.tensor([bad]), 3)


class Examples(Dataset[Any]):
    """Points, one of which is none, or can't be read, or has another length."""

    def __init__(self, count: int, kind: str, bad: int) -> None:
        (self.inputs, self.labels), self.kind, self.bad = points(count), kind, bad

    def __len__(self) -> int:
        return len(self.inputs)

    def __getitem__(self, place: int) -> Any:
        if place == self.bad and self.kind == "none":
            return None
        if place == self.bad and self.kind == "unreadable":
            raise OSError("broken image")
        inputs = self.inputs[place]
        return inputs.repeat(2) if place == self.bad and self.kind == "long" else inputs, self.labels[place]


def refusal(*, train: Any = None, held_out: Any = None, test: Any = None, batch_size: int = 400) -> str:
    workload = Task()
    given = train or points(400), held_out or points(200)
    with pytest.raises(ValueError, match="task") as caught:
        look_at(workload, *given, sizes=Sizes((batch_size,), 200), test=test)
    return str(caught.value)


@pytest.mark.parametrize("bad", [0, 57, BAD, 199])  # three of them among the first 8 that are tried
def test_a_label_out_of_range_is_told_by_the_place_of_its_example(bad: int) -> None:
    told = refusal(held_out=labelled(200, bad=bad))
    assert told.startswith(f"task.eval_data: example {bad} fails among others that pass: task.loss: IndexError")
    assert "batch_size" not in told
    assert refusal(train=labelled(400, bad=bad)).startswith(f"task.train_data: example {bad} fails")


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("none", r"example 137 is None\. Leave it out"),
        ("unreadable", r"example 137: OSError: broken image \(test_check_example.py, line \d+\)$"),
        ("long", r"example 137 fails among others .* differ in length"),
    ],
)
def test_an_example_of_a_data_set_that_makes_no_batch_is_told_by_its_place(kind: str, told: str) -> None:
    with pytest.raises(ValueError, match=rf"^task\.eval_data: {told}"):
        look_at(Task(), points(400), Examples(200, kind, BAD), sizes=Sizes((8,), 200))
    with pytest.raises(ValueError, match=rf"^task\.train_data: {told}"):
        look_at(Task(), Examples(400, kind, BAD), points(200), sizes=Sizes((400,), 200))


def test_an_example_of_those_that_were_taken_out_to_judge_by_is_named_by_where_it_lies() -> None:
    told = refusal(held_out=labelled(200, bad=BAD), test=points(9))
    assert told.startswith("task.train_data: example 137 of the 200 taken out of it by validation_examples fails")
    part = Subset(Examples(400, "none", 274), range(0, 400, 2))
    assert refusal(held_out=part, test=points(9)).startswith("task.train_data: example 274 is None")


def test_a_size_that_fails_by_itself_is_no_fault_of_an_example() -> None:
    class Few(nn.Linear):
        def forward(self, x: Tensor) -> Tensor:
            if len(x) > 100:
                raise RuntimeError("at most 100")
            return super().forward(x)

    workload = type("Mine", (Task,), {"model": lambda s: Few(4, 3)})()
    with pytest.raises(ValueError, match=r"^eval_batch_size: 200 gives batches of 200 examples of eval_data"):
        look_at(workload, points(400), points(200), sizes=Sizes((8,), 200))
