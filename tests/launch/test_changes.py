"""What a person is told of a workload and data that are not what a study began with."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils.data import Dataset

from bs_study.store.changes import changes
from bs_study.training.data import DataSets
from bs_study.training.fingerprint import fingerprint
from bs_study.workloads.base import Data, load_workload

POINTS = torch.randn(400, 2, generator=torch.Generator().manual_seed(0))
LABELS = (POINTS.norm(dim=1) < 1).long()
HELD_OUT = (POINTS[:100], LABELS[:100])


def of_training_set(*train: Tensor) -> dict[str, Any]:
    """Return the fingerprint of a study's data, as it comes back from study.json."""
    return of_data(train)


def of_data(train: Data, held_out: Data = HELD_OUT, *, before: dict[str, Any] | None = None) -> dict[str, Any]:
    found = fingerprint(load_workload("digits"), DataSets(train, held_out), before=before)
    told: dict[str, Any] = json.loads(json.dumps(found))
    return told


def edited(values: Tensor, *, row: int, to: float) -> Tensor:
    copy = values.clone()
    copy[row] = to
    return copy


BEGUN = of_training_set(POINTS, LABELS)


@pytest.mark.parametrize(
    ("train", "told"),
    [
        ((POINTS, LABELS), []),
        ((POINTS.repeat(2, 1), LABELS.repeat(2)), ["the training set has 800 examples, not 400"]),
        ((POINTS, edited(LABELS, row=17, to=5)), ["part 2 of the training set has other values"]),
        ((edited(POINTS, row=17, to=3.0), LABELS), ["part 1 of the training set has other values"]),
        ((2 * POINTS, LABELS), ["part 1 of the training set has other values"]),
        ((POINTS.flip(0), LABELS), ["part 1 of the training set has other values"]),
        ((edited(POINTS, row=3, to=float("nan")), LABELS), ["part 1 of the training set has other values"]),
        ((POINTS.double(), LABELS), ["part 1 of the training set is float64 (2,), not float32 (2,)"]),
        ((POINTS.repeat(1, 2), LABELS), ["part 1 of the training set is float32 (4,), not float32 (2,)"]),
        ((POINTS,), ["an example of the training set has 1 part, not 2"]),
    ],
)
def test_data_that_changed_is_told(train: tuple[Tensor, ...], told: list[str]) -> None:
    assert changes(BEGUN, of_training_set(*train)) == told


def test_the_last_digits_of_another_cpu_are_no_change() -> None:
    other = POINTS * (1 + 1e-6 * torch.rand(POINTS.shape))
    assert changes(BEGUN, of_training_set(other + 1e-7, LABELS)) == []


def test_numbers_with_fractions_that_are_all_alike_have_no_spread_and_are_told_apart() -> None:
    ones = torch.ones(10, 1)
    assert changes(of_training_set(ones), of_training_set(ones)) == []
    assert changes(of_training_set(ones), of_training_set(1.01 * ones)) != []


def test_the_held_out_set_counts_too() -> None:
    told = changes(BEGUN, of_data((POINTS, LABELS), (POINTS[100:200], LABELS[:100])))
    assert told == ["part 1 of the held-out set has other values"]


class Drawn(Dataset[Any]):
    """Texts of different length and a draw from torch's generator, or from one that nobody seeds."""

    unseeded = itertools.count()

    def __init__(self, *, first: int = 0, is_seeded: bool = True) -> None:
        self.first, self.is_seeded = first, is_seeded

    def __len__(self) -> int:
        return 40

    def __getitem__(self, place: int) -> dict[str, Any]:
        noise = torch.rand(3) if self.is_seeded else torch.tensor([float(next(self.unseeded))])
        return {"text": "a" * (1 + place % 3), "number": self.first + place, "noise": noise}


def test_a_dataset_is_told_by_its_examples_under_seeded_generators() -> None:
    before = torch.get_rng_state()
    assert changes(of_data(Drawn()), of_data(Drawn())) == []
    assert torch.equal(torch.get_rng_state(), before)
    assert changes(of_data(Drawn()), of_data(Drawn(first=7))) == ["part 2 of the training set has other values"]


def test_a_dataset_that_reads_otherwise_each_time_is_told_by_its_length_and_types() -> None:
    assert changes(of_data(Drawn(is_seeded=False)), of_data(Drawn(is_seeded=False))) == []


def test_files_are_compared_where_both_were_imported() -> None:
    before = {"source": {"task.py": "a", "helper.py": "b", "late.py": "c"}}
    now = {"source": {"task.py": "A", "helper/__init__.py": "B", "early.py": "d"}}
    assert changes(before, now) == ["task.py and helper/__init__.py were edited"]


@pytest.mark.parametrize(
    ("now", "told"),
    [
        (["loss", "accuracy"], []),
        (["accuracy", "loss", "f1"], ["a metric came in: f1"]),
        (["loss"], ["a metric went: accuracy"]),
        ([], []),
    ],
)
def test_metrics_are_a_set(now: list[str], told: list[str]) -> None:
    assert changes({"metrics": ["accuracy", "loss"]}, {"metrics": now}) == told


@pytest.mark.parametrize(
    "before", [{}, {"source": 3, "data": []}, {"data": {"train": {"parts": [1, 2], "examples": "x"}}}]
)
def test_nothing_is_said_of_what_is_not_known(before: dict[str, Any], tmp_path: Path) -> None:
    assert changes(before, BEGUN) == []
    assert changes(BEGUN, {"source": {}}) == []


class Pairs(Dataset[Any]):
    """Examples of a Dataset: a path, a picture and a label, each read in so many seconds."""

    def __init__(self, labels: Sequence[int], *, folder: Path = Path("/data"), seconds: float = 0) -> None:
        self.labels, self.folder, self.seconds = labels, folder, seconds

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, place: int) -> tuple[str, Tensor, int]:
        time.sleep(self.seconds)
        return str(self.folder / f"{place}.png"), torch.full((3,), float(place)), self.labels[place]


def flipped(labels: Sequence[int], *places: int) -> list[int]:
    return [1 - label if place in places else label for place, label in enumerate(labels)]


def test_a_few_labels_of_a_dataset_that_are_flipped_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    labels = [place % 2 for place in range(1000)]
    monkeypatch.setattr("bs_study.training.fingerprint.SECONDS", 60)  # whatever else the machine does
    begun = of_data(Pairs(labels))
    assert changes(begun, of_data(Pairs(labels))) == []
    assert changes(begun, of_data(Pairs(flipped(labels, 501)))) == ["part 3 of the training set has other values"]
    assert changes(begun, of_data(Pairs(labels, folder=Path("/moved/elsewhere")))) == []


def test_of_a_dataset_that_is_slow_to_read_the_same_examples_are_compared_on_a_machine_of_another_speed() -> None:
    labels = [place % 2 for place in range(1000)]
    begun = of_data(Pairs(labels, seconds=0.004))
    assert 16 <= begun["data"]["train"]["read"] < 200
    assert changes(begun, of_data(Pairs(labels), before=begun)) == []
    assert changes(begun, of_data(Pairs(flipped(labels, *range(0, 1000, 3))), before=begun)) != []
