from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from bs_study.training.learner import Learner, has_batch_statistics, is_out_of_memory
from bs_study.workloads import load_workload

X = torch.linspace(-1, 1, 11).unsqueeze(1)
BATCH = (X, 2 * X + 1)


class FitsUpTo:
    """The loss of a line, on a device that holds so many examples at once."""

    def __init__(self, examples: int) -> None:
        self._line = load_workload("toy_workloads:Line")
        self._examples = examples

    def loss(self, model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        loss = self._line.loss(model, x, y)
        if len(x) > self._examples:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return loss


def learner(*, fits: int = 1000, micro_batch: int = 1000, may_halve: bool = True) -> Learner:
    torch.manual_seed(0)
    model = nn.Linear(1, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    return Learner(FitsUpTo(fits), model, optimizer, None, micro_batch=micro_batch, may_halve=may_halve)  # type: ignore[arg-type]


@pytest.mark.parametrize("micro_batch", [1, 3, 4, 10, 11])
def test_a_step_in_micro_batches_is_that_of_the_whole_batch_also_where_the_last_is_short(micro_batch: int) -> None:
    whole, split = learner(), learner(micro_batch=micro_batch)
    assert split.update(BATCH).item() == pytest.approx(whole.update(BATCH).item(), rel=1e-5)
    for a, b in zip(split.model.parameters(), whole.model.parameters(), strict=True):
        assert a.item() == pytest.approx(b.item(), rel=1e-5)


@pytest.mark.parametrize(("fits", "used"), [(11, 1000), (10, 5), (5, 5), (4, 2), (1, 1)])
def test_a_batch_that_does_not_fit_is_halved_until_it_does_and_gives_the_same_step(fits: int, used: int) -> None:
    whole, split = learner(), learner(fits=fits)
    assert split.update(BATCH).item() == pytest.approx(whole.update(BATCH).item(), rel=1e-5)
    assert split.micro_batch == used
    assert split.model.weight.item() == pytest.approx(whole.model.weight.item(), rel=1e-5)  # type: ignore[operator, union-attr]


@pytest.mark.parametrize("refused", [{"fits": 0}, {"fits": 5, "may_halve": False}])
def test_a_batch_that_does_not_fit_in_any_allowed_part_is_out_of_memory(refused: dict[str, int]) -> None:
    with pytest.raises(torch.OutOfMemoryError):
        learner(**refused).update(BATCH)


def test_a_model_that_looks_at_its_batch_is_told_from_one_that_does_not() -> None:
    assert has_batch_statistics(nn.Sequential(nn.Linear(4, 4), nn.Sequential(nn.BatchNorm1d(4))))
    assert not has_batch_statistics(nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4)))


def test_the_allocator_of_the_cpu_runs_out_of_memory_too_and_other_errors_are_none() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**60, dtype=torch.float32)
    assert is_out_of_memory(caught.value)
    assert is_out_of_memory(MemoryError())
    assert not is_out_of_memory(RuntimeError("shapes differ"))
    assert not is_out_of_memory(ValueError("out of memory"))
