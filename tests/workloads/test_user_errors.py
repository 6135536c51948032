"""An error of a workload names the user's line and what to do, not where in torch it came up."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from bs_study.launch.failures import failure_message
from bs_study.training.batches import make_batches
from tests.workloads.tasks import Task, look, points


def of_points(change: Any) -> Any:
    return lambda s, d: change(*points(40))


class Inner(nn.Module):
    """Calls layers of torch in a line of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(4, 3))

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)  # type: ignore[no-any-return]


def images(*shape: int) -> Any:
    return lambda s, d: (torch.rand(9, *shape), torch.zeros(9).long())


KINDS: dict[str, tuple[dict[str, Any], str]] = {
    "data in float64": ({"train_data": of_points(lambda x, y: (x.double(), y))}, r"x\.float\(\) in train_data"),
    "held-out data in float64": ({"eval_data": of_points(lambda x, y: (x.double(), y))}, r"x\.float\(\)"),
    "weights in float64": ({"model": lambda s: nn.Linear(4, 3).double()}, r"leave out \.double\(\)"),
    "images in float64": (
        {
            "train_data": lambda s, d: (torch.rand(9, 1, 4, 4).double(), torch.zeros(9).long()),
            "model": lambda s: nn.Sequential(nn.Conv2d(1, 3, 4), nn.Flatten()),
        },
        r"x\.float\(\)",
    ),
    "inputs that are whole numbers": ({"train_data": of_points(lambda x, y: (x.byte(), y))}, "inputs are whole"),
    "labels as a numpy table has them": ({"train_data": of_points(lambda x, y: (x, y.int()))}, r"y\.long\(\)"),
    "labels as floats": ({"train_data": of_points(lambda x, y: (x, y.float()))}, r"y\.long\(\)"),
    "labels from 1": ({"train_data": of_points(lambda x, y: (x, y + 1))}, r"labels \(3 is too large\)"),
    "a layer of another width": ({"model": lambda s: nn.Linear(5, 3)}, "takes 5 numbers of each example gets 4"),
    "channels last": (
        {"train_data": images(4, 4, 1), "model": lambda s: nn.Sequential(nn.Conv2d(1, 3, 4), nn.Flatten())},
        r"x\.permute\(0, 3, 1, 2\)",
    ),
    "a target of whole numbers": (
        {"loss": lambda s, m, x, y: binary_cross_entropy_with_logits(m(x)[:, 0], y)},
        r"y\.float\(\)",
    ),
}


@pytest.mark.parametrize(("methods", "told"), KINDS.values(), ids=KINDS)
def test_an_error_of_torch_is_told_by_the_users_line_and_what_to_do(methods: dict[str, Any], told: str) -> None:
    mine = type("Mine", (Task,), {"loss": lambda s, m, x, y: cross_entropy(m(x), y), **methods})
    with pytest.raises(ValueError, match=rf"^task\.\w+: .*\(test_user_errors\.py, line \d+\).*{told}") as caught:
        look(mine)
    assert "\n" not in str(caught.value)


def test_the_line_is_the_innermost_of_the_users_files() -> None:
    lines, first = inspect.getsourcelines(Inner)
    line = first + next(i for i, text in enumerate(lines) if "self.layers(x)" in text)
    with pytest.raises(ValueError, match=rf"\(test_user_errors\.py, line {line}\)"):
        look(type("Mine", (Task,), {"model": lambda s: Inner().double()}))


class Broken(torch.utils.data.Dataset[Tensor]):
    """Can't read its examples."""

    def __len__(self) -> int:
        return 4

    def __getitem__(self, place: int) -> Tensor:
        raise KeyError(f"no example {place}")


@pytest.mark.parametrize("processes", [0, 1])
def test_a_trial_that_fails_names_the_line_whichever_process_it_failed_in(processes: int) -> None:
    reading = make_batches(
        Broken(), loader="workers", seed=0, batch_size=4, device=torch.device("cpu"), processes=processes
    )
    with pytest.raises(KeyError) as caught:
        next(iter(reading.in_order()))
    lines, first = inspect.getsourcelines(Broken)
    assert f"(test_user_errors.py, line {first + len(lines) - 1})" in failure_message(caught.value)
    assert failure_message(caught.value).startswith("KeyError: 'no example 0'")
