from pathlib import Path

import numpy as np
import pytest
import torch

from bs_study.analysis.loss_variance import window_statistics
from bs_study.analysis.stability import is_stuck
from bs_study.workloads.digits import Digits
from tests.analysis.per_example import NOISES, TRENDS, stable_loss


def stability_of(loss, batch_size=256):
    return window_statistics(loss, first_loss=float(loss[0]), batch_size=batch_size)["stability"]


def noise(count, size=0.05, seed=0):
    return np.random.default_rng(seed).normal(0, size, count)


def test_a_spike_below_the_first_loss_is_not_unstable():
    loss = np.linspace(2, 1, 200)
    loss[100:104] = 1.9
    assert stability_of(loss) == "stable"
    loss[100:104] = 9
    assert stability_of(loss) == "unstable"


def test_a_loss_that_rises_above_its_first_for_longer_than_the_rolling_median_is_unstable():
    loss = 2.3 - np.linspace(0, 2, 1000) + noise(1000)
    loss[3:200] += np.linspace(20, 1, 197)
    assert stability_of(loss) == "unstable"


def test_a_first_loss_that_is_low_by_chance_makes_no_trial_unstable():
    loss = 1 + noise(1000, 0.2)
    loss[0] = 0.5
    assert stability_of(loss) == "stable"


STUCK = {
    "nowhere": np.full(1000, 2.3),
    "above": np.concatenate([[2.3], np.full(999, 7.0)]),
    "back": np.concatenate([np.linspace(2.3, 0.5, 300), np.linspace(0.5, 2.3, 20), np.full(680, 2.31)]),
    "overshot": np.concatenate([[2.3, 2.2, 40, 30, 20], 2.31 + np.geomspace(10, 1e-3, 95), np.full(900, 2.31)]),
}
FALLS = {
    "slow": np.linspace(2.3, 2.2, 1000),
    "late": np.concatenate([np.full(700, 2.3), np.linspace(2.3, 1.0, 300)]),
    "learned": 0.1 + 2.2 * np.exp(-np.arange(1000) / 3),
    "a third": np.concatenate([np.linspace(2.3, 1.6, 100), np.full(900, 1.6)]),
}


@pytest.mark.parametrize("name", STUCK)
@pytest.mark.parametrize("size", [0.0, 0.01, 0.1])
def test_a_trial_that_ends_at_its_first_loss_or_above_is_stuck(name, size):
    assert np.mean([is_stuck(STUCK[name] + noise(1000, size, seed)) for seed in range(20)]) >= 0.8


@pytest.mark.parametrize("name", FALLS)
@pytest.mark.parametrize("size", [0.0, 0.01, 0.1])
def test_a_trial_that_falls_however_slowly_is_not_stuck(name, size):
    assert np.mean([is_stuck(FALLS[name] + noise(1000, size, seed)) for seed in range(20)]) <= 0.05


@pytest.mark.parametrize("batch_size", [1, 4, 64])
def test_noise_makes_no_falling_trial_stuck(batch_size):
    rng = np.random.default_rng(batch_size)
    for kind in NOISES:
        for falls in TRENDS[1:]:
            found = [is_stuck(stable_loss(kind, falls, batch_size=batch_size, rng=rng, count=400)) for _ in range(10)]
            assert sum(found) <= 1


@pytest.mark.parametrize("count", [0, 1, 19])
def test_of_fewer_than_20_iterations_it_is_not_known_whether_the_trial_is_stuck(count):
    assert not is_stuck(np.full(count, 2.3))


@pytest.fixture
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def digits_losses(batch_size, lr, *, count=500):
    torch.manual_seed(0)
    workload, order = Digits(), torch.Generator().manual_seed(0)
    images, labels = workload.prepare(*workload.train_data(Path()))
    model = workload.model()
    optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.5)
    losses = []
    while len(losses) < count:
        for batch in torch.randperm(len(images), generator=order).split(batch_size):
            loss = workload.loss(model, images[batch], labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    return np.array(losses[:count])


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize(
    ("batch_size", "lr", "expected"),
    [(2, 0.01, "stable"), (2, 0.02, "stable"), (16, 0.02, "stable"), (2, 0.64, "stuck"), (16, 1.28, "stuck")],
)
def test_digits_learned_at_a_small_lr_are_stable_and_at_a_large_one_stuck(batch_size, lr, expected):
    loss = digits_losses(batch_size, lr)
    assert (stability_of(loss, batch_size), is_stuck(loss)) == ("stable", expected == "stuck")
