"""Batch sizes that a workload can't be trained or evaluated with are refused before the grid, with sizes that can."""

from __future__ import annotations

import re
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from bs_study.workloads.check import read_data
from bs_study.workloads.check_batch import look_at
from bs_study.workloads.check_shapes import Sizes
from tests.workloads.tasks import NOWHERE, Task, points


class State(nn.Module):
    """An LSTM over the numbers of an example, whose state may be kept, or be for one size of batch."""

    def __init__(self, *, keeps: bool = False, is_cut_off: bool = True, size: int = 0) -> None:
        super().__init__()
        self.lstm, self.out = nn.LSTM(1, 4, batch_first=True), nn.Linear(4, 3)
        self.keeps, self.is_cut_off, self.size = keeps, is_cut_off, size
        self.state: Any = None

    def forward(self, x: Tensor) -> Tensor:
        if self.state is None or not self.keeps:
            self.state = tuple(torch.zeros(1, self.size or len(x), 4) for _ in range(2))
        found, state = self.lstm(x.unsqueeze(2), self.state)
        self.state = tuple(part.detach() for part in state) if self.is_cut_off else state
        return self.out(found[:, -1])  # type: ignore[no-any-return]


def task(model: Any = None, *, examples: int = 401, evaluated: int = 200, **methods: Any) -> Task:
    data = {"train_data": lambda s, d: points(examples), "eval_data": lambda s, d: points(evaluated)}
    made = {"model": lambda s: model()} if model else {}
    cls: type[Task] = type("Mine", (Task,), {**data, **made, **methods})
    return cls()


def warnings(workload: Task, *batch_sizes: int, eval_batch_size: int = 100) -> tuple[str, ...]:
    return look_at(workload, *read_data(workload, NOWHERE), sizes=Sizes(batch_sizes, eval_batch_size)).warnings


def normed(norm: nn.Module) -> Any:
    return lambda: nn.Sequential(nn.Linear(4, 8), norm, nn.Linear(8, 3))


def batch_norm() -> nn.Module:
    return normed(nn.BatchNorm1d(8))()  # type: ignore[no-any-return]


def test_a_last_batch_of_one_with_batch_norm_is_refused_with_the_sizes_concerned_and_the_ways_out() -> None:
    told = (
        r"^batch_sizes: 8 and 50 leave a last batch of 1 of 401 examples, which fails: task\.loss: .*more than 1 value "
        r".*\(tasks\.py, line \d+\).* Use batch sizes 7 and 49, or leave an example out of train_data$"
    )
    with pytest.raises(ValueError, match=told):
        warnings(task(batch_norm), 8, 15, 50)
    assert warnings(task(batch_norm), 7, 49) == ()
    assert warnings(task(batch_norm, examples=400), 8, 50) == ()


def test_a_batch_size_of_one_with_batch_norm_is_refused_and_two_that_leaves_none_is_not() -> None:
    with pytest.raises(
        ValueError, match=r"^batch_sizes: 1 gives batches of 1 example, which fails: .*Use batch size 2$"
    ):
        warnings(task(batch_norm, examples=400), 1)
    assert warnings(task(batch_norm, examples=400), 2) == ()


@pytest.mark.parametrize("norm", [nn.GroupNorm(2, 8), nn.LayerNorm(8), nn.Identity()], ids=lambda n: type(n).__name__)
def test_a_norm_within_each_example_takes_a_last_batch_of_one(norm: nn.Module) -> None:
    assert warnings(task(normed(norm)), 1, 8, 50) == ()


def test_a_norm_within_each_channel_of_an_example_takes_a_last_batch_of_one() -> None:
    layers = nn.Unflatten(1, (1, 4)), nn.InstanceNorm1d(1), nn.Flatten(), nn.Linear(4, 3)
    assert warnings(task(lambda: nn.Sequential(*layers)), 1, 8) == ()


def test_a_look_without_a_grid_refuses_no_size() -> None:
    assert look_at(task(batch_norm), *read_data(task(batch_norm), NOWHERE)).warnings == ()


def test_a_loss_that_is_no_number_for_one_example_is_refused_for_the_sizes_that_leave_one() -> None:
    def standardised(s: Any, m: Any, x: Tensor, y: Tensor) -> Tensor:
        return cross_entropy(m((x - x.mean(0)) / x.std(0)), y)

    with pytest.raises(ValueError, match=r"^batch_sizes: 8 leaves a last batch of 1 of 401 examples.* the loss is nan"):
        warnings(task(loss=standardised), 8, 9)


def test_a_state_made_for_each_batch_passes_with_any_sizes() -> None:
    assert warnings(task(State), 1, 8, 50, 64) == ()


def test_a_state_that_is_kept_takes_one_size_only_and_is_refused_where_the_grid_has_others() -> None:
    workload = task(lambda: State(keeps=True), examples=400)
    told = r"^batch_sizes: the model takes batches of one size only\. With 8 and 64 .*64 leaves a smaller last batch"
    with pytest.raises(ValueError, match=told) as caught:
        warnings(workload, 8, 64)
    assert "anew in forward" in str(caught.value)
    (warning,) = warnings(workload, 100)  # as are all batches of training and of evaluation
    assert warning.startswith("task.model: takes batches of one size only")


def test_a_state_of_a_fixed_size_is_refused_with_the_size_that_it_takes() -> None:
    with pytest.raises(
        ValueError, match=r"^batch_sizes: the model takes batches of one size only \(64\)\. With 32 and 64"
    ):
        warnings(task(lambda: State(size=64)), 32, 64)


def test_a_model_of_a_fixed_size_passes_where_all_batches_have_that_size() -> None:
    class Fixed(nn.Linear):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x.view(32, -1))

    for model in (lambda: Fixed(4, 3), lambda: State(size=32)):
        assert warnings(task(model, examples=320, evaluated=64), 32, eval_batch_size=32) == ()
    told = (
        r"^eval_batch_size: .* one size only \(32\)\. An evaluation of 70 examples has a batch of 6, .*"
        r"x\.view\(len\(x\), -1\)\. Use --eval-batch-size 32 and leave 6 examples out of eval_data, or .* model\.$"
    )
    with pytest.raises(ValueError, match=told) as caught:
        warnings(task(lambda: Fixed(4, 3), examples=320, evaluated=70), 32, eval_batch_size=32)
    assert "state" not in str(caught.value)


def test_a_state_that_is_not_cut_off_from_its_past_is_refused_for_the_second_batch() -> None:
    with pytest.raises(ValueError, match=r"^task\.loss: .* state\.detach\(\) \(in the second batch"):
        warnings(task(lambda: State(keeps=True, is_cut_off=False)), 8)


def test_a_loss_that_needs_more_examples_than_a_look_has_is_looked_at_with_those_of_the_grid() -> None:
    def hardest(s: Any, m: Any, x: Tensor, y: Tensor) -> Tensor:
        return cross_entropy(m(x), y, reduction="none").topk(16).values.mean()

    assert warnings(task(loss=hardest, examples=400), 20, 40) == ()
    with pytest.raises(ValueError, match=r"^batch_sizes: 10 gives batches of 10 examples, which fails: .*size 16$"):
        warnings(task(loss=hardest, examples=400), 10, 20)


def test_a_last_batch_of_an_evaluation_that_fails_is_refused_with_an_eval_batch_size_that_does_not() -> None:
    def squeezed(s: Any, m: Any, x: Tensor, y: Tensor) -> Any:
        return {"accuracy": m(x).squeeze().argmax(dim=1) == y}

    told = r"^eval_batch_size: 100 leaves a last batch of 1 of 201 examples of eval_data, .*Use --eval-batch-size 99$"
    with pytest.raises(ValueError, match=told):
        warnings(task(metrics=squeezed, evaluated=201), 8)
    assert warnings(task(metrics=squeezed, evaluated=201), 8, eval_batch_size=99) == ()


def test_a_batch_that_does_not_fit_into_memory_is_no_fault_of_its_size() -> None:
    def hungry(s: Any, m: Any, x: Tensor, y: Tensor) -> Tensor:
        if len(x) > 32:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 4.00 GiB")
        return cross_entropy(m(x), y)

    assert warnings(task(loss=hungry), 16, 64, 128) == ()


def test_a_look_leaves_the_statistics_of_a_model_as_they_were() -> None:
    model = batch_norm()
    warnings(task(lambda: model), 7)
    assert re.search(r"num_batches_tracked', tensor\(0\)", str(model.state_dict()))
