from __future__ import annotations

import math
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from bs_study import Target
from bs_study.workloads import Workload, load_workload

DATA = os.environ.get("BS_STUDY_DATA", "")
needs_files = pytest.mark.skipif(
    not Path(DATA, "MNIST", "raw", "train-images-idx3-ubyte").exists(),
    reason="needs the MNIST files: set BS_STUDY_DATA to the folder that holds MNIST/raw",
)


@pytest.fixture
def mnist() -> Workload:
    return load_workload("mnist")


def test_the_model_has_12930_parameters_and_its_layers_are_the_documented_ones(mnist: Workload) -> None:
    model = mnist.model()
    assert sum(p.numel() for p in model.parameters()) == 12_930
    assert [tuple(p.shape) for p in model.parameters()] == [
        (10, 1, 5, 5), (10,), (20, 10, 5, 5), (20,), (40, 20, 3, 3), (40,), (10, 40), (10,),
    ]  # fmt: skip
    assert model(torch.zeros(3, 1, 28, 28)).shape == (3, 10)


def test_pixels_are_scaled_to_0_1_and_nothing_else(mnist: Workload) -> None:
    images, labels = mnist.prepare(torch.tensor([[[0, 51], [204, 255]]], dtype=torch.uint8), torch.tensor([7]))
    assert images.tolist() == [[[[0.0, pytest.approx(0.2)], [pytest.approx(0.8), 1.0]]]]
    assert labels.tolist() == [7]


def test_the_target_is_98_percent(mnist: Workload) -> None:
    assert mnist.target == Target("accuracy", 0.98)


def test_files_that_are_missing_and_can_not_be_downloaded_are_told_in_one_line_with_the_folder_and_the_ways_out(
    mnist: Workload, tmp_path: Path, without_network: Callable[..., object]
) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        mnist.train_data(tmp_path)
    text = str(caught.value)
    assert "\n" not in text
    for told in (
        "data_dir",
        str(tmp_path / "MNIST" / "raw"),
        "--data-dir",
        "--workload digits",
        "train-images-idx3-ubyte",
    ):
        assert told in text


def test_a_file_that_is_damaged_is_told_in_one_line(
    mnist: Workload, tmp_path: Path, without_network: Callable[..., object]
) -> None:
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for name in ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"):
        (raw / f"{name}-ubyte").write_bytes(b"damaged")
    with pytest.raises(FileNotFoundError) as caught:
        mnist.train_data(tmp_path)
    assert str(raw) in str(caught.value)
    assert "\n" not in str(caught.value)


@needs_files
def test_60000_images_train_and_the_official_10000_evaluate(
    mnist: Workload, without_network: Callable[..., object]
) -> None:
    for data, examples, first_labels in (
        (mnist.train_data(Path(DATA)), 60_000, [5, 0, 4, 1, 9]),  # as every MNIST tutorial shows them
        (mnist.eval_data(Path(DATA)), 10_000, [7, 2, 1, 0, 4]),
    ):
        images, labels = data
        assert (images.shape, images.dtype) == ((examples, 28, 28), torch.uint8)
        assert labels[:5].tolist() == first_labels
        assert images.max() == 255


@needs_files
def test_the_first_loss_is_near_ln_10(mnist: Workload, without_network: Callable[..., object]) -> None:
    torch.manual_seed(0)
    batch = mnist.prepare(*(tensor[:600] for tensor in mnist.train_data(Path(DATA))))
    assert mnist.loss(mnist.model(), *batch).item() == pytest.approx(math.log(10), abs=0.05)
