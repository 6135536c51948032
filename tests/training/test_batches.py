from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.utils.data import TensorDataset

from bs_study.training.batches import epoch_batches, epoch_order, in_order, to_device

CPU = torch.device("cpu")
X = torch.arange(10) * 10
Y = torch.arange(10)
RESIDENT = (X, Y)
LOADED = TensorDataset(X, Y)


def batches(
    data: object, *, seed: int = 0, epoch: int = 1, skip: int = 0, batch_size: int = 4
) -> list[tuple[Tensor, ...]]:
    return list(epoch_batches(data, seed=seed, epoch=epoch, skip=skip, batch_size=batch_size, device=CPU))  # type: ignore[arg-type]


@pytest.mark.parametrize("data", [RESIDENT, LOADED], ids=["tensors", "dataset"])
@pytest.mark.parametrize("batch_size", [1, 3, 4, 10])
def test_an_epoch_has_each_example_once_with_its_label_and_a_short_batch_last(data: object, batch_size: int) -> None:
    found = batches(data, batch_size=batch_size)
    sizes = [len(x) for x, _ in found]
    assert sizes == [batch_size] * (10 // batch_size) + [10 % batch_size] * (10 % batch_size > 0)
    assert sorted(torch.cat([y for _, y in found]).tolist()) == list(range(10))
    assert all(torch.equal(x, 10 * y) for x, y in found)


@pytest.mark.parametrize("data", [RESIDENT, LOADED], ids=["tensors", "dataset"])
def test_the_order_is_that_of_the_seed_and_epoch_whatever_the_batch_size(data: object) -> None:
    expected = epoch_order(10, seed=3, epoch=2).tolist()
    for batch_size in (1, 4, 10):
        assert torch.cat([y for _, y in batches(data, seed=3, epoch=2, batch_size=batch_size)]).tolist() == expected


def test_the_order_differs_between_epochs_and_between_seeds_and_repeats_for_the_same() -> None:
    orders = [tuple(epoch_order(1000, seed=seed, epoch=epoch).tolist()) for seed in (0, 1) for epoch in (1, 2)]
    assert len(set(orders)) == 4
    assert orders[0] == tuple(epoch_order(1000, seed=0, epoch=1).tolist())
    assert sorted(orders[0]) == list(range(1000))


def test_drawing_the_order_leaves_the_generator_of_the_model_alone() -> None:
    for data in (RESIDENT, LOADED):
        torch.manual_seed(0)
        before = torch.get_rng_state()
        batches(data)
        list(in_order(data, batch_size=3, device=CPU))
        assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("data", [RESIDENT, LOADED], ids=["tensors", "dataset"])
def test_the_rest_of_an_epoch_is_what_the_whole_has_after_the_examples_skipped(data: object) -> None:
    whole, rest = batches(data), batches(data, skip=4)
    assert [y.tolist() for _, y in rest] == [y.tolist() for _, y in whole[1:]]


@pytest.mark.parametrize("data", [RESIDENT, LOADED], ids=["tensors", "dataset"])
def test_an_evaluation_takes_all_examples_in_the_order_of_the_data_set(data: object) -> None:
    found = list(in_order(data, batch_size=4, device=CPU))  # type: ignore[arg-type]
    assert [y.tolist() for _, y in found] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]


def test_a_dataset_stays_as_it_is_and_tensors_move() -> None:
    assert to_device(LOADED, CPU) is LOADED
    moved = to_device(RESIDENT, torch.device("meta"))
    assert isinstance(moved, tuple)
    assert {tensor.device.type for tensor in moved} == {"meta"}
