"""Examples that stand for a data set hold its rare labels and its extreme weights."""

from __future__ import annotations

import pytest
import torch
from torch.utils.data import Dataset, Subset, TensorDataset

from bs_study.workloads.telling import telling_places

RARE = [1234, 1777, 3001]


def labels() -> torch.Tensor:
    return torch.zeros(4000, dtype=torch.long).index_fill(0, torch.tensor(RARE), 1)


class Labelled(Dataset):  # type: ignore[type-arg]
    """Keeps its labels as torchvision does, and would be slow to read."""

    targets = labels().tolist()

    def __len__(self) -> int:
        return 4000

    def __getitem__(self, place: int) -> object:
        raise AssertionError("is not read")


IMAGES = torch.arange(4000 * 64).reshape(4000, 64).remainder(251).to(torch.uint8)
HOLDERS = {
    "tensors": (torch.randn(4000, 2), labels()),
    "labels as floats": (labels().float().unsqueeze(1),),
    "labels beside bytes": (IMAGES, labels()),
    "labels of each token": (torch.randn(4000), labels().unsqueeze(1).expand(4000, 5)),
    "a TensorDataset": TensorDataset(torch.randn(4000, 2), labels()),
    "a subset": Subset(TensorDataset(torch.randn(4000, 2), labels()), range(1000, 4000)),
    "a Dataset with labels": Labelled(),
}


@pytest.mark.parametrize("data", HOLDERS.values(), ids=HOLDERS)
@pytest.mark.parametrize("count", [16, 59])
def test_rare_labels_are_among_few_examples(data: object, count: int) -> None:
    places = telling_places(data, count=count)  # type: ignore[arg-type]
    shift = 1000 if isinstance(data, Subset) else 0
    assert len(set(places)) == count
    assert places == sorted(places)
    assert {place + shift for place in places} & set(RARE)
    assert places[-1] - places[0] > 2000


def test_a_dataset_that_shows_no_labels_is_read_for_them() -> None:
    examples = [{"x": torch.ones(2), "y": int(label)} for label in labels()[1000:3000]]
    assert {place + 1000 for place in telling_places(examples, count=16)} & set(RARE)  # type: ignore[arg-type]
    broken = [None if place == 7 else example for place, example in enumerate(examples)]
    assert len(telling_places(broken, count=16)) == 16  # type: ignore[arg-type]


def test_extreme_weights_and_ignored_tokens_are_among_few_examples() -> None:
    weights = torch.ones(4000).index_fill(0, torch.tensor([1234]), 50.0)
    assert 1234 in telling_places((torch.randn(4000, 3), weights), count=8)
    tokens = torch.arange(4000 * 2).reshape(4000, 2)  # too many values to be labels
    tokens[1234, 1] = -100
    assert 1234 in telling_places((tokens,), count=8)


def test_one_of_two_examples_has_a_rare_label() -> None:
    assert set(telling_places((torch.randn(4000, 2), labels()), count=2)) & set(RARE)


def test_few_examples_are_all_taken() -> None:
    assert telling_places((torch.ones(5),), count=59) == [0, 1, 2, 3, 4]
