from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from bs_study.training.learner import Learner, is_out_of_memory
from bs_study.workloads import Workload, load_workload

X = torch.linspace(-1, 1, 11).unsqueeze(1)
BATCH = (X, 2 * X + 1)


def fits_up_to(examples: int) -> Workload:
    """Return the workload of a line, on a device that holds so many examples at once."""
    workload = load_workload("toy_workloads:Line")
    whole = workload.loss

    def loss(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        if len(x) > examples:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return whole(model, x, y)

    workload.loss = loss  # type: ignore[method-assign, assignment]
    return workload


def learner(*, fits: int = 1000, micro_batch: int = 1000, may_halve: bool = True) -> Learner:
    torch.manual_seed(0)
    model = nn.Linear(1, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    return Learner(fits_up_to(fits), model, optimizer, None, micro_batch=micro_batch, may_halve=may_halve)


@pytest.mark.parametrize("micro_batch", [1, 3, 4, 10, 11])
def test_a_step_in_micro_batches_is_that_of_the_whole_batch_also_where_the_last_is_short(micro_batch: int) -> None:
    whole, split = learner(), learner(micro_batch=micro_batch)
    assert split.update(BATCH).losses.item() == pytest.approx(whole.update(BATCH).losses.item(), rel=1e-5)
    for a, b in zip(split.model.parameters(), whole.model.parameters(), strict=True):
        assert a.item() == pytest.approx(b.item(), rel=1e-5)


@pytest.mark.parametrize(("fits", "used"), [(11, 1000), (10, 5), (5, 5), (4, 2), (2, 2)])
def test_a_batch_that_does_not_fit_is_halved_until_it_does_and_gives_the_same_step(fits: int, used: int) -> None:
    whole, split = learner(), learner(fits=fits)
    assert split.update(BATCH).losses.item() == pytest.approx(whole.update(BATCH).losses.item(), rel=1e-5)
    assert split.micro_batch == used
    assert split.model.weight.item() == pytest.approx(whole.model.weight.item(), rel=1e-5)  # type: ignore[operator, union-attr]


@pytest.mark.parametrize(
    ("refused", "reason"),
    [({"fits": 0}, "two examples do not fit"), ({"fits": 1}, "two examples do not fit"),
     ({"fits": 5, "may_halve": False}, "batch statistics")],
)  # fmt: skip
def test_a_batch_that_does_not_fit_in_any_allowed_part_is_out_of_memory(refused: dict[str, int], reason: str) -> None:
    with pytest.raises(MemoryError, match=f"CUDA out of memory. The batch was not halved: .*{reason}"):
        learner(**refused).update(BATCH)


@pytest.mark.parametrize("fits", [0, 1])
def test_parts_of_one_example_need_no_second_look(fits: int) -> None:
    single = learner(fits=fits, micro_batch=1)
    if fits:
        assert single.update(BATCH).losses.isfinite()
    else:
        with pytest.raises(torch.OutOfMemoryError):
            single.update(BATCH)


def test_the_allocator_of_the_cpu_runs_out_of_memory_too_and_other_errors_are_none() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**60, dtype=torch.float32)
    assert is_out_of_memory(caught.value)
    assert is_out_of_memory(MemoryError())
    assert not is_out_of_memory(RuntimeError("shapes differ"))
    assert not is_out_of_memory(ValueError("out of memory"))
