from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
import torch

from bs_study import Target
from bs_study.workloads import Workload, load_workload
from tests.workloads.idx_files import striped, write_idx


@pytest.fixture
def fashion_mnist() -> Workload:
    return load_workload("fashion_mnist")


@pytest.fixture
def files(tmp_path: Path, without_network: Callable[..., object]) -> Path:
    """The folder above the files: 60 images to train, 20 to evaluate."""
    write_idx(tmp_path / "FashionMNIST" / "raw", train=60, held_out=20)
    return tmp_path


def test_the_model_has_55338_parameters_and_the_target_is_90_percent(fashion_mnist: Workload) -> None:
    # 1·16·9+16, 16·32·9+32, 7·7·32·32+32, 32·10+10
    assert sum(p.numel() for p in fashion_mnist.model().parameters()) == 160 + 4640 + 50208 + 330
    assert fashion_mnist.target == Target("accuracy", 0.90)


def test_the_files_are_read_as_they_are(fashion_mnist: Workload, files: Path) -> None:
    for data, count in ((fashion_mnist.train_data(files), 60), (fashion_mnist.eval_data(files), 20)):
        assert all(torch.equal(ours, theirs) for ours, theirs in zip(data, striped(count), strict=True))


def test_a_trial_learns_stripes(losses: Callable[..., pd.Series], files: Path) -> None:
    found = losses("fashion_mnist", files, max_iterations=40, momentum=0.9)
    assert found.iloc[-4:].mean() < 0.7 * found.iloc[:4].mean()


def test_missing_files_are_told_in_one_line_with_their_folder(
    fashion_mnist: Workload, tmp_path: Path, without_network: Callable[..., object]
) -> None:
    with pytest.raises(FileNotFoundError, match="data_dir: FashionMNIST") as caught:
        fashion_mnist.train_data(tmp_path)
    assert str(tmp_path / "FashionMNIST" / "raw") in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_ends_early_is_told_in_one_line(fashion_mnist: Workload, files: Path) -> None:
    images = files / "FashionMNIST" / "raw" / "train-images-idx3-ubyte"
    images.write_bytes(images.read_bytes()[:1000])
    with pytest.raises(FileNotFoundError, match="data_dir: FashionMNIST") as caught:
        fashion_mnist.train_data(files)
    assert "\n" not in str(caught.value)
