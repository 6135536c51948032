from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils.data import Dataset, TensorDataset

from bs_study.training.batches import Batches, chosen_loader, epoch_order, make_batches

CPU = torch.device("cpu")
X = torch.arange(10) * 10
Y = torch.arange(10)
TENSORS = (X, Y)
DATASET = TensorDataset(X, Y)

Make = Callable[..., Batches]


def resident(*, seed: int = 0, batch_size: int = 4) -> Batches:
    return make_batches(TENSORS, loader="resident", seed=seed, batch_size=batch_size, device=CPU)


def loaded(data: Any = TENSORS, *, processes: int = 0, seed: int = 0, batch_size: int = 4) -> Batches:
    return make_batches(data, loader="workers", seed=seed, batch_size=batch_size, device=CPU, processes=processes)


def from_dataset(*, seed: int = 0, batch_size: int = 4) -> Batches:
    return loaded(DATASET, seed=seed, batch_size=batch_size)


each_source = pytest.mark.parametrize("make", [resident, loaded, from_dataset])


def labels(batches: Any) -> list[list[int]]:
    return [y.tolist() for _, y in batches]


@each_source
@pytest.mark.parametrize("batch_size", [1, 3, 4, 10])
def test_an_epoch_has_each_example_once_with_its_label_and_a_short_batch_last(make: Make, batch_size: int) -> None:
    found = list(make(batch_size=batch_size).epoch(1))
    sizes = [len(x) for x, _ in found]
    assert sizes == [batch_size] * (10 // batch_size) + [10 % batch_size] * (10 % batch_size > 0)
    assert sorted(torch.cat([y for _, y in found]).tolist()) == list(range(10))
    assert all(torch.equal(x, 10 * y) for x, y in found)


@each_source
def test_the_order_is_that_of_the_seed_and_epoch_whatever_the_loader_and_the_batch_size(make: Make) -> None:
    expected = epoch_order(10, seed=3, epoch=2).tolist()
    for batch_size in (1, 4, 10):
        batches = make(seed=3, batch_size=batch_size).epoch(2)
        assert [label for batch in labels(batches) for label in batch] == expected


def test_the_order_differs_between_epochs_and_between_seeds_and_repeats_for_the_same() -> None:
    orders = [tuple(epoch_order(1000, seed=seed, epoch=epoch).tolist()) for seed in (0, 1) for epoch in (1, 2)]
    assert len(set(orders)) == 4
    assert orders[0] == tuple(epoch_order(1000, seed=0, epoch=1).tolist())
    assert sorted(orders[0]) == list(range(1000))


@each_source
def test_reading_leaves_the_generators_of_the_model_alone(make: Make) -> None:
    torch.manual_seed(0)
    before = torch.get_rng_state(), random.getstate(), str(np.random.get_state())
    batches = make()
    list(batches.epoch(1))
    list(batches.in_order())
    assert torch.equal(torch.get_rng_state(), before[0])
    assert (random.getstate(), str(np.random.get_state())) == before[1:]


@each_source
def test_the_rest_of_an_epoch_is_what_the_whole_has_after_the_examples_skipped(make: Make) -> None:
    assert labels(make().epoch(1, skip=4)) == labels(make().epoch(1))[1:]


@each_source
def test_an_evaluation_takes_all_examples_in_the_order_of_the_data_set(make: Make) -> None:
    assert labels(make().in_order()) == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]


@pytest.mark.parametrize("make", [resident, loaded])
def test_what_happens_to_a_batch_in_place_does_not_change_the_data(make: Make) -> None:
    batches = make()
    for x, _ in [*batches.epoch(1), *batches.in_order()]:
        x.zero_()
    assert X.tolist() == list(range(0, 100, 10))
    assert all(torch.equal(x, 10 * y) for x, y in batches.in_order())


class Noisy(Dataset[Tensor]):
    """Ten examples that draw, from each generator that a user's transforms draw from, whenever they are read."""

    def __len__(self) -> int:
        return 10

    def __getitem__(self, index: int) -> tuple[int, float, float, Tensor]:
        return index, random.random(), float(np.random.random()), torch.rand(())


def drawn(processes: int, *, epoch: int = 1, skip: int = 0) -> list[list[float]]:
    return [torch.stack(batch).tolist() for batch in loaded(Noisy(), processes=processes).epoch(epoch, skip=skip)]


def test_a_dataset_that_draws_gives_the_same_in_any_number_of_processes_and_after_any_skip() -> None:
    in_this_process = drawn(0)
    assert drawn(2) == in_this_process
    assert drawn(2, skip=4) == in_this_process[1:]
    assert drawn(0, epoch=2) != in_this_process
    flat = [value for batch in in_this_process for row in batch[1:] for value in row]
    assert len(set(flat)) == len(flat)


def test_a_dataset_that_draws_draws_anew_in_every_epoch_and_in_an_evaluation() -> None:
    batches = loaded(Noisy(), batch_size=1)
    epochs = [*(batches.epoch(number) for number in range(1, 6)), batches.in_order()]
    values = [batch[3].item() for epoch in epochs for batch in epoch]
    assert len(set(values)) == 60


def test_processes_live_from_epoch_to_epoch_and_an_epoch_left_early_leaves_nothing_in_the_next() -> None:
    batches = loaded(processes=2, batch_size=1)
    next(iter(batches.epoch(1)))
    assert labels(batches.epoch(2)) == labels(loaded(batch_size=1).epoch(2))
    assert labels(batches.in_order()) == [[i] for i in range(10)]


def test_tensors_are_resident_and_a_dataset_is_read_by_workers_unless_told_otherwise() -> None:
    assert chosen_loader("auto", TENSORS, CPU) == "resident"
    assert chosen_loader("workers", TENSORS, CPU) == "workers"
    assert chosen_loader("auto", DATASET, CPU) == "workers"
    with pytest.raises(ValueError, match="loader: resident needs tensors"):
        chosen_loader("resident", DATASET, CPU)


@pytest.mark.parametrize(("free", "expected"), [(4 * X.nbytes, "resident"), (4 * X.nbytes - 1, "workers")])
def test_tensors_are_resident_on_a_gpu_only_with_room_to_spare(
    monkeypatch: pytest.MonkeyPatch, free: int, expected: str
) -> None:
    monkeypatch.setattr("torch.cuda.mem_get_info", lambda _: (free, 10**12))
    assert chosen_loader("auto", TENSORS, torch.device("cuda")) == expected
