"""The part of the largest stable lr: by descent on a quadratic, and from a study's trials and probes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from bs_study.analysis.sharpness import SHARPNESS, sharpness_table, stability_share
from tests.analysis.probed import keys, probes, trials

SHARPEST = 4.0


def descended(lr: float, *, momentum: float = 0.0, nesterov: bool = False, decay: float = 0.0) -> float:
    """Return how far torch's sgd gets on w² SHARPEST / 2 from w = 1, written out."""
    weight, velocity = 1.0, 0.0
    for _ in range(2000):
        gradient = (SHARPEST + decay) * weight
        velocity = momentum * velocity + gradient
        weight -= lr * (gradient + momentum * velocity if nesterov else velocity)
        if abs(weight) > 1e6:
            break
    return abs(weight)


RULES = [
    {},
    {"momentum": 0.5},
    {"momentum": 0.9},
    {"momentum": 0.9, "nesterov": True},
    {"momentum": 0.5, "nesterov": True, "weight_decay": 1.0},
    {"weight_decay": 2.0},
]


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_an_lr_beyond_the_limit_is_one_at_which_descent_diverges(rule: dict[str, Any]):
    momentum, nesterov, decay = (rule.get(name, 0) for name in ("momentum", "nesterov", "weight_decay"))
    one = keys(lr=0.1)
    (of_lr,) = sharpness_table(pd.DataFrame(), trials(one, largest_eigenvalue=SHARPEST, **rule))["stability_share"]
    limit = 0.1 / of_lr
    how = {"momentum": momentum, "nesterov": bool(nesterov), "decay": decay}
    assert descended(0.98 * limit, **how) < 1e-3
    assert descended(1.02 * limit, **how) > 1e3


def test_without_momentum_the_limit_is_two_over_the_sharpness():
    one = pd.Series([1.0])
    assert stability_share(SHARPEST * one, 0.5 * one, 0 * one, is_nesterov=one > 2).tolist() == [1.0]


def test_a_cell_has_the_median_of_its_seeds_and_the_least_and_the_most():
    seeds = [keys(seed=seed) | {"largest_eigenvalue": value} for seed, value in enumerate((10.0, 30.0, 24.0, np.inf))]
    (found,) = sharpness_table(pd.DataFrame(), trials(*seeds, momentum=0.5)).to_dict("records")
    assert [found[f"largest_eigenvalue{end}"] for end in ("", "_low", "_high")] == [24.0, 10.0, 30.0]
    assert found["trials"] == 3
    assert found["stability_share"] == pytest.approx(24 * 0.1 / 3)
    assert not found["is_beyond"]


def test_a_diverged_trial_is_told_to_be_beyond_the_limit_and_a_failed_one_is_not_told():
    ended = [keys(lr=0.6) | {"status": "diverged"}, keys(lr=0.7) | {"status": "failed"}, keys(lr=0.4)]
    found = sharpness_table(pd.DataFrame(), trials(*ended, largest_eigenvalue=SHARPEST))
    assert list(zip(found["lr"], found["is_beyond"], strict=True)) == [(0.4, False), (0.6, True)]


def test_the_lr_is_that_of_the_last_probe():
    one = keys()
    drawn = probes(one, [1, 600, 990]).assign(step_lr=[0.01, 0.1, 0.04])
    told = trials(one, largest_eigenvalue=SHARPEST, lr_decay="cosine")
    (found,) = sharpness_table(drawn, told).to_dict("records")
    assert (found["step_lr"], found["stability_share"]) == pytest.approx((0.04, 0.08))


def test_of_cells_without_an_eigenvalue_those_that_diverged_are_beyond_by_their_batches():
    ended = [keys(lr=0.6) | {"status": "diverged"}, keys(lr=0.4) | {"status": "diverged"}, keys(lr=0.7)]
    drawn = pd.concat([probes(one, [600, 990], batch_sharpness=SHARPEST) for one in ended])
    found = sharpness_table(drawn, trials(*ended, largest_eigenvalue=np.nan))
    assert list(zip(found["lr"], found["is_beyond"], strict=True)) == [(0.4, False), (0.6, True), (0.7, False)]


@pytest.mark.parametrize("schedule", [{"lr_decay": "linear"}, {"lr_warmup_iterations": 5}, {"lr_warmup_epochs": 0.5}])
def test_without_probes_the_lr_of_a_schedule_is_not_known(schedule: dict[str, Any]):
    (found,) = sharpness_table(pd.DataFrame(), trials(keys(), largest_eigenvalue=SHARPEST, **schedule)).to_dict(
        "records"
    )
    assert np.isnan([found["step_lr"], found["stability_share"]]).all()
    assert not found["is_beyond"]


def test_the_sharpness_of_batches_is_that_of_late_probes():
    one = keys()
    drawn = probes(one, [1, 400, 600, 700, 800, 900])
    drawn = drawn.assign(batch_sharpness=[900.0, 100.0, 10.0, 30.0, 20.0, np.nan], step_lr=[1, 1, 0.4, 0.1, 0.1, 0.1])
    (found,) = sharpness_table(drawn, trials(one, momentum=0.0)).to_dict("records")
    assert found["batch_sharpness"] == 20.0
    assert found["batch_share"] == pytest.approx(3 / 2)  # the median of 4, 3 and 2, halved
    assert np.isnan(found["largest_eigenvalue"])


def test_the_limit_of_adam_is_not_told():
    drawn = probes(keys(), [1, 600]).assign(batch_sharpness=5.0)
    told = trials(keys(), largest_eigenvalue=SHARPEST, optimizer="adamw", momentum=0.5)
    (found,) = sharpness_table(drawn, told).to_dict("records")
    assert (found["largest_eigenvalue"], found["batch_sharpness"]) == (SHARPEST, 5.0)
    assert np.isnan([found["stability_share"], found["batch_share"]]).all()


@pytest.mark.parametrize("gradients", [pd.DataFrame(), probes(keys(), [1, 600])])
def test_without_curvature_the_table_is_empty(gradients: pd.DataFrame):
    for told in (trials(keys()), trials(keys(), largest_eigenvalue=np.nan), trials(keys()).head(0)):
        found = sharpness_table(gradients, told)
        assert list(found.columns) == SHARPNESS
        assert found.empty
