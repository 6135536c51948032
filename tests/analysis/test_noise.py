import numpy as np
import pandas as pd
import pytest

from bs_study.analysis.noise import noise_slope


def test_no_smoothness_gives_no_slope():
    columns = ["batch_size", "lr", "window", "noise", "stability"]
    assert len(noise_slope(pd.DataFrame(columns=columns).astype({"noise": float}))) == 0


def slope_of(noise_by_batch_size, **columns):
    rows = [
        {"batch_size": size, "lr": 0.1, "window": "first_1000", "noise": noise, "stability": "stable"} | columns
        for size, values in noise_by_batch_size.items()
        for noise in values
    ]
    return noise_slope(pd.DataFrame(rows)).iloc[0]


def test_noise_of_independent_examples_has_slope_minus_one_half():
    row = slope_of({size: [0.7 / np.sqrt(size)] for size in (1, 10, 100, 1000)})
    assert row["slope"] == pytest.approx(-0.5)
    assert row["slope_high"] == pytest.approx(-0.5)
    assert np.exp(row["intercept"]) == pytest.approx(0.7)


def test_seeds_do_not_pass_for_batch_sizes():
    row = slope_of({1: [1.0, 1.1, 0.9], 100: [0.1, 0.11, 0.09]})
    assert row["slope"] == pytest.approx(-0.5)
    assert np.isnan(row["slope_low"])
    assert row["batch_sizes"] == 2


def test_trials_without_noise_are_left_out_and_counted():
    row = slope_of({1: [1.0], 10: [0.0, np.nan]})
    assert (row["batch_sizes"], row["left_out"]) == (1, 2)
    assert np.isnan(row["slope"])
    assert slope_of({1: [1.0], 10: [0.5]}, stability="diverged")["left_out"] == 2
