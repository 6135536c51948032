"""Sequences of different length: padded by the workload's `collate`, or by the data set, wherever batches are read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from bs_study.training.batches import make_batches
from bs_study.workloads.base import as_batch
from tests.workloads.tasks import Task, look


class Words:
    """Twenty numbers' words: the word of number n is n, as often as it has letters."""

    def __init__(self, count: int = 40) -> None:
        self.items = [(torch.full((3 + n % 5,), n % 20), n % 2) for n in range(count)]

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, place: int) -> Any:
        return self.items[place]


class PaddedWords(Words):
    """Pads what is read together."""

    def __getitems__(self, places: list[int]) -> list[Any]:
        words, labels = zip(*(self[place] for place in places), strict=True)
        return list(zip(pad_sequence(words, batch_first=True), labels, strict=True))


class Bag(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.out = nn.Embedding(20, 8, padding_idx=0), nn.Linear(8, 2)

    def forward(self, words: Tensor) -> Tensor:
        return self.out(self.embedding(words).sum(dim=1))  # type: ignore[no-any-return]


class Uneven(Task):
    """Words as they are."""

    data: type[Words] = Words

    def train_data(self, data_dir: Path) -> Any:
        return self.data()

    def eval_data(self, data_dir: Path) -> Any:
        return self.data(30)

    def model(self) -> Any:
        return Bag()


class Padded(Uneven):
    """The data set pads."""

    data = PaddedWords


class Collated(Uneven):
    """The workload pads."""

    def collate(self, examples: list[Any]) -> Any:
        words, labels = zip(*examples, strict=True)
        return pad_sequence(words, batch_first=True), torch.tensor(labels)


class Named(Collated):
    """The workload pads, and gives a dict."""

    def collate(self, examples: list[Any]) -> Any:
        return dict(zip(("words", "label"), super().collate(examples), strict=True))


def test_examples_of_different_length_are_refused_with_the_file_and_what_to_do() -> None:
    told = r"^task\.train_data: its examples differ in length \(\[3\] and \[\d\]\).*test_collate\.py.*`collate\(self"
    with pytest.raises(ValueError, match=told) as caught:
        look(Uneven)
    assert "collate.py, line" not in str(caught.value)


def test_padded_ones_are_looked_at_whoever_pads_them() -> None:
    seen = [look(task) for task in (Padded, Collated, Named)]
    assert seen[0] == seen[1] == seen[2]
    assert seen[0].warnings == ()


class Diluted(Bag):
    """Takes padding for a word."""

    def forward(self, words: Tensor) -> Tensor:
        return self.out(self.embedding(words).mean(dim=1))  # type: ignore[no-any-return]


def test_a_model_that_takes_padding_for_a_word_is_told_to_mask_it() -> None:
    warnings = [look(type("Mine", (task,), {"model": lambda s: Diluted()})).warnings for task in (Padded, Collated)]
    assert warnings[0] == warnings[1]
    assert "the loss depends on how far a batch is padded: " in warnings[0][-1]
    assert "padding_idx" in warnings[0][-1]


@pytest.mark.parametrize("name", ["Padded", "Collated", "Named"])
def test_padded_ones_are_trained_and_evaluated_whoever_pads_them(
    name: str, losses: Callable[..., pd.Series], tmp_path: Path
) -> None:
    loss = losses(f"{__name__}:{name}", tmp_path, max_epochs=20, min_iterations=0)
    assert len(loss) == 20 * 3
    assert loss.iloc[-1] < loss.iloc[0] / 2


@pytest.mark.parametrize("processes", [0, 2])
def test_batches_are_those_that_collate_makes_in_any_number_of_processes(processes: int) -> None:
    data, workload = Words(), Collated()
    reading = make_batches(
        data,  # type: ignore[arg-type]
        loader="workers",
        seed=0,
        batch_size=3,  # which travel together where their widths are equal
        device=torch.device("cpu"),
        processes=processes,
        collate=workload.collate,
    )
    found = list(reading.in_order())
    expected = [as_batch(workload.collate(data.items[start : start + 3])) for start in range(0, 40, 3)]
    assert len({batch[0].shape[1] for batch in found}) > 1
    assert all(torch.equal(a, b) for x, y in zip(found, expected, strict=True) for a, b in zip(x, y, strict=True))


WRONG = {
    "time first": (
        lambda s, e: (pad_sequence([w for w, _ in e]), torch.tensor([y for _, y in e])),
        r"batch_first=True",
    ),
    "no tensor": (lambda s, e: ([w for w, _ in e], torch.tensor([y for _, y in e])), "part 1 of its batch is a list"),
    "nothing": (lambda s, e: (), "returns nothing"),
    "stacked": (lambda s, e: (torch.stack([w for w, _ in e]),), r"test_collate\.py, line \d+"),
}


@pytest.mark.parametrize(("collate", "told"), WRONG.values(), ids=WRONG)
def test_a_collate_that_makes_no_batch_is_refused(collate: Any, told: str) -> None:
    with pytest.raises(ValueError, match=rf"^task\.collate: .*{told}"):
        look(type("Mine", (Uneven,), {"collate": collate}))


def test_a_collate_beside_tensors_is_warned_of_since_it_is_never_called() -> None:
    (warning,) = look(type("Mine", (Task,), {"collate": lambda s, e: e})).warnings
    assert warning == "task.collate: is never called, since train_data returns tensors and no Dataset"
