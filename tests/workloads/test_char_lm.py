from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
import torch

from bs_study import Target
from bs_study.workloads import Workload, load_workload

NOWHERE = Path("/nonexistent")


@pytest.fixture
def char_lm() -> Workload:
    return load_workload("char_lm")


def text_folder(folder: Path, text: str) -> Path:
    (folder / "mine.txt").write_text(text, encoding="utf-8")
    return folder


def test_an_example_is_a_window_of_64_characters_and_each_character_is_predicted_once(
    char_lm: Workload, tmp_path: Path
) -> None:
    # 2000 characters, of which 1800 train: 1799 are predicted, 28 windows of 64 and 7 left over.
    text = ("ab" * 32 + "c") * 30 + "d" * 50
    folder = text_folder(tmp_path, text)
    (train,), (held_out,) = char_lm.train_data(folder), char_lm.eval_data(folder)
    assert (train.shape, held_out.shape) == ((28, 65), (3, 65))
    read, following = char_lm.prepare(train)
    numbers = {"a": 0, "b": 1, "c": 2}  # by frequency; a and b are equally frequent
    expected = torch.tensor([numbers[character] for character in text[: 28 * 64 + 1]])
    assert torch.equal(read.flatten(), expected[:-1])
    assert torch.equal(following.flatten(), expected[1:])


def test_a_character_that_the_training_text_does_not_have_is_the_unknown_one(char_lm: Workload, tmp_path: Path) -> None:
    (held_out,) = char_lm.eval_data(text_folder(tmp_path, "ab" * 900 + "aé" * 100))
    assert held_out.unique().tolist() == [0, 255]


def test_the_256th_commonest_character_is_the_unknown_one_too(char_lm: Workload, tmp_path: Path) -> None:
    letters = [chr(0x4E00 + i) for i in range(300)]
    text = "".join(letter * (301 - i) for i, letter in enumerate(letters)) + letters[0] * 5400
    (train,) = char_lm.train_data(text_folder(tmp_path, text))
    assert train.max() == 255
    read = train[:, :-1]
    assert (read == 254).sum() == 301 - 254
    assert (read == 255).sum() == sum(301 - number for number in range(255, 300))


def test_without_a_text_of_ones_own_it_is_the_one_that_comes_with_python(char_lm: Workload) -> None:
    (train,), (held_out,) = char_lm.train_data(NOWHERE), char_lm.eval_data(NOWHERE)
    assert 3_000 < len(train) < 10_000
    assert len(held_out) == pytest.approx(len(train) / 9, rel=0.01)
    assert (held_out == 255).float().mean() < 0.001
    assert len({bytes(window.tolist()) for window in (*train, *held_out)}) > 0.99 * (len(train) + len(held_out))


def test_a_new_model_knows_nothing_and_its_metrics_are_by_example(char_lm: Workload) -> None:
    torch.manual_seed(0)
    model = char_lm.model().requires_grad_(False)
    batch = char_lm.prepare(char_lm.eval_data(NOWHERE)[0][:20])
    loss = char_lm.loss(model, *batch).item()
    assert loss == pytest.approx(math.log(256), abs=0.3)
    found = char_lm.metrics(model, *batch)
    assert float(found["loss"].mean()) == pytest.approx(loss, rel=1e-5)
    right = [float(model(r[None])[0].argmax(1).eq(n).float().mean()) for r, n in zip(*batch, strict=True)]
    assert found["accuracy"].tolist() == pytest.approx(right, abs=1e-5)
    assert char_lm.target == Target("loss", 1.5, "min")


def test_the_model_sees_no_character_before_its_turn(char_lm: Workload) -> None:
    model = char_lm.model()
    read = torch.zeros(1, 64, dtype=torch.long)
    other = read.clone()
    other[0, 40:] = 7
    is_same = torch.isclose(model(read), model(other), atol=1e-6).all(dim=2)[0]
    assert is_same[:40].all()
    assert not is_same[40:].any()


def test_a_trial_learns_an_alphabet(losses: Callable[..., pd.Series], tmp_path: Path) -> None:
    folder = text_folder(tmp_path, "the quick brown fox jumps over the lazy dog. " * 200)
    found = losses("char_lm", folder, batch_size=8, lr=0.003, max_iterations=12, optimizer="adamw")
    assert found.iloc[-1] < 0.8 * found.iloc[0]


@pytest.mark.parametrize(
    ("content", "told"),
    [(b"too short", "too short"), (b"", "too short"), ("é".encode("latin1") * 2000, "UTF-8")],
)
def test_a_text_that_can_not_be_used_is_told_in_one_line(
    char_lm: Workload, tmp_path: Path, content: bytes, told: str
) -> None:
    (tmp_path / "mine.txt").write_bytes(content)
    with pytest.raises(FileNotFoundError, match=told) as caught:
        char_lm.train_data(tmp_path)
    assert "data_dir" in str(caught.value)
    assert "mine.txt" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_of_several_texts_none_is_chosen(char_lm: Workload, tmp_path: Path) -> None:
    (text_folder(tmp_path, "a" * 2000) / "other.txt").write_text("b" * 2000)
    with pytest.raises(FileNotFoundError, match=r"mine\.txt, other\.txt"):
        char_lm.train_data(tmp_path)


def test_a_folder_without_a_text_is_refused_unless_it_is_the_default_one(
    char_lm: Workload, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    cache, given = tmp_path / ".cache" / "bs_study", tmp_path / "given"
    for folder in (cache, given):
        (folder / "MNIST").mkdir(parents=True)
    with pytest.raises(FileNotFoundError, match=r"^data_dir: .*given holds no \.txt file\. Put your text there, or"):
        char_lm.train_data(given)
    (cache / "cifar.tar.gz").touch()
    assert len(char_lm.train_data(cache)[0]) > 3_000
