from __future__ import annotations

import hashlib
import math
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor
from torchvision.datasets import CIFAR10

from bs_study import Target
from bs_study.workloads import Workload, load_workload
from bs_study.workloads.cifar10 import cropped_and_flipped

FOLDER = "cifar-10-batches-py"


@pytest.fixture
def cifar10() -> Workload:
    return load_workload("cifar10")


def colours(count: int, *, first: int) -> tuple[np.ndarray, list[int]]:
    """Return rows of 3072 bytes as the files have them, red before green before blue, and labels 0 to 9 in turn."""
    labels = [(first + i) % 10 for i in range(count)]
    rows = np.zeros((count, 3, 1024), np.uint8)
    for row, label in zip(rows, labels, strict=True):
        row[label % 3] = 25 * label
    return rows.reshape(count, 3072), labels


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, without_network: Callable[..., object]) -> Path:
    """The folder above the files: five batches of 8 images to train, 10 to evaluate; torchvision is told their sums."""
    folder = tmp_path / FOLDER
    folder.mkdir()

    def write(name: str, content: object) -> list[str]:
        packed = pickle.dumps(content, protocol=2)
        (folder / name).write_bytes(packed)
        return [name, hashlib.md5(packed, usedforsecurity=False).hexdigest()]

    def batch(name: str, count: int, first: int) -> list[str]:
        rows, labels = colours(count, first=first)
        return write(name, {"data": rows, "labels": labels})

    monkeypatch.setattr(CIFAR10, "train_list", [batch(f"data_batch_{i}", 8, 8 * i - 8) for i in range(1, 6)])
    monkeypatch.setattr(CIFAR10, "test_list", [batch("test_batch", 10, 0)])
    name, md5 = write("batches.meta", {"label_names": [str(i) for i in range(10)]})
    monkeypatch.setattr(CIFAR10, "meta", {"filename": name, "key": "label_names", "md5": md5})
    return tmp_path


def test_a_resnet_18_and_a_resnet_8_and_their_targets(cifar10: Workload) -> None:
    small = load_workload("cifar10_resnet8")
    # ResNet-18 with a stem of 3·64·9 weights for torchvision's 3·64·49, and 10 classes for 1000.
    assert sum(p.numel() for p in cifar10.model().parameters()) == 11_689_512 - 64 * 3 * 40 - 513 * 990
    model = small.model()
    assert sum("Conv" in type(m).__name__ and m.kernel_size == (3, 3) for m in model.modules()) + 1 == 8
    assert not any("Norm" in type(module).__name__ for module in model.modules())
    assert (cifar10.target, small.target) == (Target("accuracy", 0.93), Target("accuracy", 0.70))


def test_the_stem_keeps_the_resolution(cifar10: Workload) -> None:
    model = cifar10.model()
    assert model.maxpool(model.relu(model.bn1(model.conv1(torch.zeros(2, 3, 32, 32))))).shape == (2, 64, 32, 32)


def test_the_files_are_read_as_red_green_and_blue_images(cifar10: Workload, files: Path) -> None:
    images, labels = cifar10.train_data(files)
    assert (images.shape, images.dtype, len(cifar10.eval_data(files)[0])) == ((40, 3, 32, 32), torch.uint8, 10)
    assert labels.tolist() == [i % 10 for i in range(40)]
    assert images[5, :, 3, 4].tolist() == [0, 0, 125]
    assert images[7, :, 31, 0].tolist() == [0, 175, 0]


def test_pixels_are_normalised_by_channel_and_an_evaluation_leaves_images_where_they_are(cifar10: Workload) -> None:
    images = torch.randint(256, (2, 3, 32, 32), dtype=torch.uint8)
    with torch.no_grad():
        prepared, _ = cifar10.prepare(images, torch.zeros(2))
    for channel, (mean, std) in enumerate([(0.4914, 0.2470), (0.4822, 0.2435), (0.4465, 0.2616)]):
        expected = (images[:, channel].double() / 255 - mean) / std
        assert torch.allclose(prepared[:, channel].double(), expected, atol=1e-5)


def shifted(image: Tensor, down: int, right: int, *, is_mirrored: bool) -> Tensor:
    """Crop and mirror one image the slow way: paste it on black, cut, flip."""
    canvas = torch.zeros(3, 40, 40, dtype=image.dtype)
    canvas[:, 4:36, 4:36] = image
    cut = canvas[:, down : down + 32, right : right + 32]
    return cut.flip(2) if is_mirrored else cut


def test_each_image_is_cropped_and_flipped_on_its_own_with_all_162_outcomes_about_equally_often() -> None:
    torch.manual_seed(0)
    image = torch.randint(1, 256, (3, 32, 32), dtype=torch.uint8)
    outcomes = {
        shifted(image, down, right, is_mirrored=mirrored).numpy().tobytes(): 0
        for down in range(9)
        for right in range(9)
        for mirrored in (False, True)
    }
    assert len(outcomes) == 162
    for crop in cropped_and_flipped(image.expand(162 * 30, -1, -1, -1)):
        outcomes[crop.numpy().tobytes()] += 1
    # 30 are expected of each, with a standard deviation of 5.5
    assert 6 < min(outcomes.values()) <= max(outcomes.values()) < 65


def test_what_is_drawn_comes_from_torchs_generator_and_the_data_stays_as_it_is(cifar10: Workload) -> None:
    images = torch.randint(256, (4, 3, 32, 32), dtype=torch.uint8)
    before = images.clone()
    drawn = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        drawn.append(cifar10.prepare(images, torch.zeros(4))[0])
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])
    assert torch.equal(images, before)


def test_a_trial_of_the_resnet_8_learns_colours(losses: Callable[..., pd.Series], files: Path) -> None:
    found = losses("cifar10_resnet8", files, batch_size=8, lr=0.05, max_iterations=40, momentum=0.9)
    assert found.iloc[-5:].mean() < 0.8 * found.iloc[:5].mean()


def test_a_trial_of_the_resnet_18_begins_near_ln_10(losses: Callable[..., pd.Series], files: Path) -> None:
    found = losses("cifar10", files, batch_size=8, max_iterations=1)
    assert found.tolist() == [pytest.approx(math.log(10), abs=0.7)]


def test_files_that_are_missing_and_can_not_be_downloaded_are_told_in_one_line(
    cifar10: Workload, tmp_path: Path, without_network: Callable[..., object]
) -> None:
    with pytest.raises(FileNotFoundError, match="data_dir: CIFAR10") as caught:
        cifar10.train_data(tmp_path)
    text = str(caught.value)
    assert "\n" not in text
    assert all(told in text for told in (str(tmp_path / FOLDER), "--data-dir", "data_batch_1", "--workload digits"))


def test_a_damaged_file_is_never_unpickled_and_told_in_one_line(cifar10: Workload, files: Path) -> None:
    (files / FOLDER / "data_batch_3").write_bytes(b"cos\nabort\n(tR.")
    with pytest.raises(FileNotFoundError, match="data_dir: CIFAR10") as caught:
        cifar10.train_data(files)
    assert "\n" not in str(caught.value)
