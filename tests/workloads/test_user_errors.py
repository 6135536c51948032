"""An error of a workload names the user's line and what to do, not where in torch it came up."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, one_hot

from bs_study.launch.failures import failure_message
from bs_study.training.batches import make_batches
from bs_study.workloads import load_workload
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


class Recurrent(nn.Module):
    """Keeps a first state for 16 examples."""

    def __init__(self) -> None:
        super().__init__()
        self.rnn, self.state = nn.GRU(4, 3, batch_first=True), torch.zeros(1, 16, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.rnn(x[:, None], self.state)[0][:, 0]  # type: ignore[no-any-return]


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
    "labels from -1": ({"train_data": of_points(lambda x, y: (x, y - 1))}, r"begin at 0 \(-1 is too small\)"),
    "one-hot labels": (
        {"train_data": of_points(lambda x, y: (x, one_hot(y, 3)))},
        r"return y\.float\(\), or .*y\.argmax\(1\)",
    ),
    "labels in a column": ({"train_data": of_points(lambda x, y: (x, y[:, None]))}, r"y\.squeeze\(1\)"),
    "outputs in a column": (
        {"loss": lambda s, m, x, y: binary_cross_entropy_with_logits(m(x)[:, :1], y.float())},
        r"model\(x\)\.squeeze\(1\), or y\.unsqueeze\(1\)",
    ),
    "data in half precision": ({"train_data": of_points(lambda x, y: (x.half(), y))}, r"leave out \.half\(\)"),
    "weights in half precision": ({"model": lambda s: nn.Linear(4, 3).bfloat16()}, r"leave out \.half\(\)"),
    "a forward that returns nothing": (
        {"loss": lambda s, m, x, y: cross_entropy(None, y)},  # type: ignore[arg-type]
        "lack its return",
    ),
    "a first state for another size": ({"model": lambda s: Recurrent()}, r"torch\.zeros\(\.\.\., len\(x\)"),
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


def test_an_error_of_the_backward_pass_names_the_loss_and_the_file_of_the_workload() -> None:
    def changed(s: Any, m: Any, x: Tensor, y: Tensor) -> Tensor:
        logits = m(x)
        loss = logits.exp()
        total = loss.sum()
        loss.add_(1)
        return total  # type: ignore[no-any-return]

    told = r"^task\.loss: .*inplace operation.* \(test_user_errors\.py\)\. .*before backward"
    mine = type("Mine", (Task,), {"loss": changed, "__module__": __name__})
    with pytest.raises(ValueError, match=told):
        look(mine)


class WithArgument(Task):
    """Can't be made as a workload is."""

    def __init__(self, width: int) -> None:
        self.width = width


def test_a_workload_whose_init_asks_for_an_argument_is_told_where_it_does_so() -> None:
    line = inspect.getsourcelines(WithArgument.__init__)[1]
    with pytest.raises(ValueError, match=rf"'width' \(test_user_errors\.py, line {line}\)\. .*give each a default"):
        load_workload(f"{__name__}:WithArgument")


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
