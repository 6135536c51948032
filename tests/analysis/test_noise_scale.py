"""The noise scale and the cosines that follow from it, against gradients whose noise scale is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from bs_study.analysis.noise_scale import Interval, disjoint_cosine, expected_cosine, mean_cosine, noise_scale
from tests.analysis.regression import ALIKE, FALLING, Regression

BOTH = pytest.mark.parametrize("regression", [ALIKE, FALLING], ids=["alike", "falling"])
NOTHING = Interval(np.nan, np.nan, np.nan)


def assert_same(found: Interval, expected: Interval | tuple[float, float, float]) -> None:
    np.testing.assert_allclose(found, expected)


@pytest.mark.parametrize(
    ("regression", "g2", "tr_sigma", "phi"), [(ALIKE, 100, 20100, 201), (FALLING, 1.644, 113.71, 69.17)]
)
def test_the_truth_of_the_regressions_is_the_closed_form(regression, g2, tr_sigma, phi):
    found = (regression.g2, regression.tr_sigma, regression.noise_scale)
    assert found == pytest.approx((g2, tr_sigma, phi), rel=1e-3)


def test_the_gradients_that_are_drawn_are_those_of_batches_of_examples():
    """Against examples drawn one by one, and against the covariance by Isserlis: Σ = G Gᵀ + v diag h."""
    point, size, batches = Regression(np.array([2.0, 1.0, 0.25]), np.array([1.0, -1.0, 3.0]), 4.0), 4, 100_000
    rng = np.random.default_rng(1)
    drawn = point.batch_gradients(rng, batch_size=size, batches=batches)
    x = rng.normal(size=(batches, size, 3)) * np.sqrt(point.h)
    slow = np.mean(x * (x @ point.delta + rng.normal(0, 2.0, (batches, size)))[..., None], axis=1)
    v = 2 + 1 + 0.25 * 9 + 4
    sigma = np.outer(point.gradient, point.gradient) + v * np.diag(point.h)
    np.testing.assert_allclose(drawn.mean(axis=0), point.gradient, atol=0.03)
    np.testing.assert_allclose(size * np.cov(drawn.T), sigma, atol=0.3)
    for one, other in ((drawn[:, 2], slow[:, 2]), (np.sum(drawn**2, axis=1), np.sum(slow**2, axis=1))):
        assert stats.ks_2samp(one, other).pvalue > 0.01


@BOTH
def test_a_probe_is_unbiased(regression):
    probes = regression.probes(np.random.default_rng(2), 4000)
    errors = (probes - [regression.g2, regression.tr_sigma]).mean() / probes.std() * np.sqrt(len(probes))
    assert errors.abs().max() < 3


@BOTH
@pytest.mark.parametrize(("probes", "widest"), [(5, 3.0), (20, 1.6), (60, 1.25)])
def test_the_pooled_noise_scale_lies_in_its_interval_and_that_is_narrow(regression, probes, widest):
    """The interval has 95 %. Of 1000 runs or more it held the truth in 94.0 to 95.5 %, with 5 to 60 probes."""
    rng = np.random.default_rng(3)
    runs = [regression.probes(rng, probes) for _ in range(200)]
    _, low, high = np.array([noise_scale(run["tr_sigma"], run["g2"]) for run in runs]).T
    is_held = (low <= regression.noise_scale) & (regression.noise_scale <= high)
    assert is_held.mean() >= 0.93
    assert np.median(high / low) < widest


@pytest.mark.parametrize("start", [0.0, 2.0])
def test_the_interval_holds_what_a_t_test_does_not_refuse(start):
    """A noise scale x is refused if the mean of S - x G2 differs from 0; the second has a G2 that may be 0."""
    rng = np.random.default_rng(4)
    g2 = rng.normal(start + 0.3, 1.0, 6)
    s = 5 * g2 + rng.normal(10.0, 2.0, 6)
    found = noise_scale(s, g2)
    scales = np.linspace(0.01, 200, 20_000)
    kept = scales[[stats.ttest_1samp(s - x * g2, 0).pvalue >= 0.05 for x in scales]]
    assert found.low == pytest.approx(kept.min(), abs=0.02)
    assert found.high == (np.inf if start == 0 else pytest.approx(kept.max(), abs=0.02))


@pytest.mark.parametrize("unit", [1e-200, 1e-12, 1e12, 1e200])
def test_the_unit_of_the_gradients_does_not_matter(unit):
    probes = ALIKE.probes(np.random.default_rng(5), 10)
    assert_same(
        noise_scale(unit * probes["tr_sigma"], unit * probes["g2"]), noise_scale(probes["tr_sigma"], probes["g2"])
    )


@pytest.mark.parametrize(
    ("tr_sigma", "g2", "expected"),
    [
        ([], [], NOTHING),
        ([np.nan, 1.0, np.inf], [1.0, np.inf, 1.0], NOTHING),
        ([6.0], [2.0], (3.0, np.nan, np.nan)),
        ([6.0], [-2.0], NOTHING),
        ([6.0, np.nan, 6.0], [2.0, 2.0, 2.0], (3.0, 3.0, 3.0)),
        ([6.0, 6.0], [2.0, 2.0], (3.0, 3.0, 3.0)),
        ([0.0, 0.0, 0.0], [0.0, 0.0, 0.0], (np.nan, 0.0, np.inf)),
        ([0.0, 0.0, 0.0], [1.0, 1.0, 1.0], (0.0, 0.0, 0.0)),
        ([6.0, 6.0], [-2.0, -2.0], (np.nan, 0.0, np.inf)),
        ([-1e-9, -1e-9], [2.0, 2.0], (0.0, 0.0, 0.0)),
        ([1.0, 9.0], [-1.0, 1.0], (np.nan, 0.0, np.inf)),
    ],
)
def test_the_edges_of_a_noise_scale(tr_sigma, g2, expected):
    assert_same(noise_scale(tr_sigma, g2), expected)


def test_of_a_gradient_that_may_be_zero_the_noise_scale_is_at_least_something():
    found = noise_scale([100.0, 101.0, 99.0, 100.0], [1.0, -1.0, 2.0, -2.0])
    assert np.isnan(found.value)
    assert 10 < found.low < 100
    assert found.high == np.inf


@BOTH
@pytest.mark.parametrize("batch_size", [1, 8, 32, 100, 316, 1000])
def test_two_batches_at_one_point_are_as_alike_as_the_noise_scale_says(regression, batch_size):
    drawn = regression.batch_gradients(np.random.default_rng(6), batch_size=batch_size, batches=8000)
    alike = np.mean(np.sum(drawn[::2] * drawn[1::2], axis=1)) / np.mean(np.sum(drawn**2, axis=1))
    phi = Interval(regression.noise_scale, np.nan, np.nan)
    assert alike == pytest.approx(expected_cosine(phi, batch_size).value, abs=0.02)


@pytest.mark.parametrize("batch_size", [1, 10, 50, 100])
def test_two_batches_of_an_epoch_are_less_alike(batch_size):
    """Of 200 examples, by their own mean and covariance; two batches of 100 are the whole set."""
    rng = np.random.default_rng(7)
    examples = ALIKE.batch_gradients(rng, batch_size=1, batches=200)
    mean = examples.mean(axis=0)
    phi = float(np.sum(examples.var(axis=0)) / np.sum(mean**2))
    orders = [rng.permutation(200)[: 2 * batch_size].reshape(2, -1) for _ in range(2000)]
    pairs = np.array([examples[order].mean(axis=1) for order in orders])
    alike = np.mean(np.sum(pairs[:, 0] * pairs[:, 1], axis=1)) / np.mean(np.sum(pairs**2, axis=2))
    found = disjoint_cosine(Interval(phi, phi / 2, np.inf), batch_size, examples=200)
    assert found.value == pytest.approx(alike, abs=0.02)
    assert found.low < found.value < found.high
    assert found.value < expected_cosine(Interval(phi, phi, phi), batch_size).value


def test_no_two_batches_of_more_than_half_a_set_are_disjoint():
    phi = Interval(10.0, 5.0, np.inf)
    assert_same(disjoint_cosine(phi, 51, examples=100), NOTHING)
    assert_same(disjoint_cosine(phi, 10, examples=np.nan), NOTHING)
    assert disjoint_cosine(phi, 50, examples=100).low == -1.0


def test_a_noise_scale_that_is_at_least_something_bounds_the_cosine_from_above():
    assert_same(expected_cosine(Interval(np.nan, 300.0, np.inf), 100), (np.nan, 0.0, 0.25))


def test_the_mean_of_cosines_has_students_interval_within_minus_one_and_one():
    values = [0.1, 0.3, 0.2, 0.25]
    expected = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert_same(mean_cosine([*values, np.nan]), (0.2125, *expected))
    assert_same(mean_cosine([0.9, -0.9]), (0.0, -1.0, 1.0))
    assert_same(mean_cosine([0.5]), (0.5, np.nan, np.nan))
    assert_same(mean_cosine([1 + 1e-7, 1 + 1e-7]), (1.0, 1.0, 1.0))
    assert_same(mean_cosine([]), NOTHING)
