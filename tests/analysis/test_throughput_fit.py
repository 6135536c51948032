import numpy as np
import pandas as pd
import pytest

from bs_study.analysis.throughput_fit import throughput_fit

A, B = 0.002, 1e-5  # seconds of an iteration: fixed, and per example


def fit_of(batch_sizes, seconds):
    table = throughput_fit(pd.DataFrame({"examples_per_iteration": batch_sizes, "iteration_seconds": seconds}))
    assert len(table) == 1
    return table.iloc[0]


def test_the_fit_finds_the_line_that_made_the_times():
    sizes = np.array([1, 6, 60, 600, 6000, 60000])
    fit = fit_of(sizes, A + B * sizes)
    assert fit["a_seconds"] == pytest.approx(A)
    assert fit["b_seconds_per_example"] == pytest.approx(B)
    assert fit["half_limit_batch_size"] == pytest.approx(A / B)
    assert fit["limit_examples_per_second"] == pytest.approx(1 / B)
    assert (fit["a_low"], fit["a_high"]) == pytest.approx((A, A))


def test_beyond_the_doubling_limit_twice_the_batch_gains_less_than_a_tenth():
    fit = fit_of([10, 100, 1000], [A + B * size for size in (10, 100, 1000)])
    limit = fit["doubling_gain_limit_batch_size"]
    gain = (2 * limit / (A + B * 2 * limit)) / (limit / (A + B * limit)) - 1
    assert gain == pytest.approx(0.10)


def test_intervals_hold_the_truth_as_often_as_they_say():
    rng = np.random.default_rng(0)
    sizes = np.array([1, 10, 100, 1000, 10000])
    held = [
        fit["b_low"] <= B <= fit["b_high"]
        for fit in (fit_of(sizes, (A + B * sizes) * rng.normal(1, 0.05, 5)) for _ in range(200))
    ]
    assert 0.90 < np.mean(held) < 0.99


def test_two_batch_sizes_give_a_line_without_interval_and_one_gives_none():
    fit = fit_of([10, 100], [A + B * 10, A + B * 100])
    assert fit["a_seconds"] == pytest.approx(A)
    assert np.isnan([fit["a_low"], fit["b_high"]]).all()
    assert np.isnan(fit_of([10], [0.1])["a_seconds"])


def test_times_that_do_not_depend_on_the_batch_show_no_limit():
    fit = fit_of([1, 10, 100], [0.01, 0.01, 0.01])
    assert fit["a_seconds"] == pytest.approx(0.01)
    assert fit["b_seconds_per_example"] == pytest.approx(0, abs=1e-12)
    falling = fit_of([1, 10, 100], [0.011, 0.010, 0.009])
    assert falling["b_seconds_per_example"] == 0
    assert np.isnan(falling["half_limit_batch_size"])


def test_a_negative_fixed_cost_is_zero():
    fit = fit_of([1, 10, 100], [1e-5, 2e-4, 3e-3])
    assert fit["a_seconds"] == 0
    assert fit["a_low"] == 0
    assert fit["half_limit_batch_size"] == 0


def test_a_short_last_batch_does_not_bend_the_line():
    """Epochs of 1,437 examples: the mean iteration at batch size 1,024 has 718.5, not 1,024."""
    sizes = np.array([16, 64, 256, 512, 1024, 1437])
    examples = 1437 / np.ceil(1437 / sizes)
    fit = fit_of(examples, A + B * examples)
    assert fit["a_seconds"] == pytest.approx(A, rel=1e-9)
    assert fit["b_seconds_per_example"] == pytest.approx(B, rel=1e-9)
    assert fit["half_limit_batch_size"] == pytest.approx(A / B, rel=1e-9)


def test_recipes_have_fits_of_their_own():
    rows = [
        {"recipe": recipe, "examples_per_iteration": size, "iteration_seconds": A + b * size}
        for recipe, b in (("b", B), ("a", 2 * B))
        for size in (10, 100, 1000)
    ]
    table = throughput_fit(pd.DataFrame(rows))
    assert table["recipe"].tolist() == ["b", "a"]
    assert table["b_seconds_per_example"].tolist() == pytest.approx([B, 2 * B])
    assert throughput_fit(pd.DataFrame(rows)[:0]).empty
