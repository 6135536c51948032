from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from sklearn.datasets import load_digits

from bs_study import Target
from bs_study.workloads import Workload, load_workload

NOWHERE = Path("/nonexistent")


@pytest.fixture
def digits() -> Workload:
    return load_workload("digits")


def test_1437_digits_train_and_the_other_360_evaluate(digits: Workload) -> None:
    sets = digits.train_data(NOWHERE), digits.eval_data(NOWHERE)
    assert [len(images) for images, _ in sets] == [1437, 360]
    ours = torch.cat([torch.cat([images.flatten(1), labels[:, None]], dim=1) for images, labels in sets])
    real = load_digits()
    theirs = torch.cat([torch.from_numpy(real.data), torch.from_numpy(real.target)[:, None]], dim=1)
    assert sorted(ours.tolist()) == sorted(theirs.tolist())


def test_the_split_is_the_same_each_time_whatever_the_seed_of_the_process(digits: Workload) -> None:
    first = digits.eval_data(NOWHERE)
    torch.manual_seed(5)
    assert all(torch.equal(a, b) for a, b in zip(first, digits.eval_data(NOWHERE), strict=True))


def test_each_digit_is_in_both_sets_in_the_same_share(digits: Workload) -> None:
    train, held_out = (
        torch.bincount(data[1]).tolist() for data in (digits.train_data(NOWHERE), digits.eval_data(NOWHERE))
    )
    assert [t / 1437 for t in train] == pytest.approx([h / 360 for h in held_out], abs=0.002)


def test_prepared_images_have_a_channel_and_lie_within_0_and_1(digits: Workload) -> None:
    images, labels = digits.prepare(*digits.train_data(NOWHERE))
    assert images.shape == (1437, 1, 8, 8)
    assert (images.min(), images.max()) == (0, 1)
    assert labels.dtype == torch.int64


def test_the_target_is_97_percent(digits: Workload) -> None:
    assert digits.target == Target("accuracy", 0.97)


def test_the_loss_of_a_new_model_is_near_ln_10_and_its_metrics_are_by_example(digits: Workload) -> None:
    torch.manual_seed(0)
    model = digits.model().requires_grad_(False)
    batch = digits.prepare(*digits.eval_data(NOWHERE))
    found = digits.metrics(model, *batch)
    assert digits.loss(model, *batch).item() == pytest.approx(math.log(10), abs=0.1)
    assert float(found["loss"].mean()) == pytest.approx(digits.loss(model, *batch).item(), rel=1e-4)
    assert found["accuracy"].tolist() == (model(batch[0]).argmax(1) == batch[1]).tolist()
