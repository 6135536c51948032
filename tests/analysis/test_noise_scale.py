"""The noise scale and the cosines that follow from it, against gradients whose noise scale is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from bs_study.analysis.cosines import drawn_cosine, expected_cosine, mean_cosine, pairs_after
from bs_study.analysis.noise_scale import Interval, noise_scale
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
    assert alike == pytest.approx(expected_cosine(phi, alone(batch_size)).value, abs=0.02)


def alone(batch_size):
    """Return a pair of independent batches."""
    return pairs_after([1], batch_size=batch_size, examples=np.nan)


@pytest.mark.parametrize("batch_size", [1, 10, 50, 100, 120, 150, 200])
def test_batches_as_epochs_draw_them_are_as_alike_as_is_said(batch_size):
    """Of 200 examples, by their own mean and covariance; the last batch of an epoch takes what is left over."""
    rng = np.random.default_rng(7)
    examples = ALIKE.batch_gradients(rng, batch_size=1, batches=200)
    mean = examples.mean(axis=0)
    phi = float(np.sum(examples.var(axis=0)) / np.sum(mean**2))
    for iteration in (1, -(-200 // batch_size)):  # within an epoch, and over its end
        products = []
        for _ in range(1500):
            order = np.concatenate([rng.permutation(200), rng.permutation(200)])
            per_epoch = -(-200 // batch_size)
            starts = [place // per_epoch * 200 + place % per_epoch * batch_size for place in (iteration - 1, iteration)]
            ends = [min(start + batch_size, (start // 200 + 1) * 200) for start in starts]
            one, other = (examples[order[a:b]].mean(axis=0) for a, b in zip(starts, ends, strict=True))
            products.append([one @ other, one @ one, other @ other])
        both, first, second = np.mean(products, axis=0)
        pairs = pairs_after([iteration], batch_size=batch_size, examples=200)
        found = drawn_cosine(Interval(phi, phi / 2, np.inf), pairs, examples=200)
        assert found.value == pytest.approx(both / np.sqrt(first * second), abs=0.03)
        assert found.low <= found.value <= found.high


def test_of_a_training_set_of_unknown_size_nothing_is_said_of_its_epochs():
    assert_same(drawn_cosine(Interval(10.0, 5.0, np.inf), alone(10), examples=np.nan), NOTHING)


def test_a_noise_scale_that_is_at_least_something_bounds_the_cosine_from_above():
    found = expected_cosine(Interval(np.nan, 300.0, np.inf), alone(100))
    assert np.isnan(found.value)
    assert (found.low, found.high) == (pytest.approx(0, abs=1e-9), 0.25)


def test_the_mean_of_cosines_has_students_interval_within_minus_one_and_one():
    values = [0.1, 0.3, 0.2, 0.25]
    expected = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert_same(mean_cosine([*values, np.nan]), (0.2125, *expected))
    assert_same(mean_cosine([0.9, -0.9]), (0.0, -1.0, 1.0))
    assert_same(mean_cosine([0.5]), (0.5, np.nan, np.nan))
    assert_same(mean_cosine([1 + 1e-7, 1 + 1e-7]), (1.0, 1.0, 1.0))
    assert_same(mean_cosine([]), NOTHING)
