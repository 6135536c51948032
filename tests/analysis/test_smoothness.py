import numpy as np
import pytest

from bs_study.analysis.smoothness import (
    detrended_variance,
    loss_noise,
    loss_spikes,
    loss_variance,
    max_loss_ratio,
    rolling_median_residuals,
    stability_class,
)

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_too_few_iterations_have_no_noise(count):
    loss = np.ones(count)
    assert np.isnan(loss_noise(loss))
    assert np.isnan(detrended_variance(loss))
    assert loss_spikes(loss) == 0


def test_no_loss_has_no_statistic():
    empty = np.zeros(0)
    assert np.isnan(loss_variance(empty))
    assert np.isnan(max_loss_ratio(empty))
    assert stability_class(empty) is None


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_follows_a_loss_that_is_not_finite_does_not_count(bad):
    clean = np.array([3.0, 2.0, 2.5, 1.0])
    broken = np.append(clean, [bad, 100.0])
    for statistic in (loss_variance, detrended_variance, loss_noise, loss_spikes, max_loss_ratio):
        assert statistic(broken) == statistic(clean)
    assert stability_class(broken) == "diverged"
    assert stability_class(np.array([bad, 1.0])) == "diverged"


def test_losses_that_alternate_have_the_noise_of_their_steps():
    loss = 1 + 0.1 * (-1.0) ** np.arange(1001)
    assert loss_variance(loss) == pytest.approx(0.01, rel=2e-3)
    assert loss_noise(loss) == pytest.approx(0.2 / np.sqrt(2), rel=2e-3)


def test_noise_is_that_of_independent_noise_whatever_line_it_lies_on():
    noise = RNG.normal(0, 0.3, 20_000)
    line = np.linspace(5, 1, 20_000)
    assert loss_noise(line + noise) == pytest.approx(0.3, rel=0.02)
    assert detrended_variance(line + noise) == pytest.approx(0.09, rel=0.04)
    assert loss_variance(line + noise) == pytest.approx(0.09 + 16 / 12, rel=0.02)


@pytest.mark.parametrize("count", [3, 10, 50, 51, 52, 53, 200])
def test_a_monotone_curve_has_no_variance_about_its_trend(count):
    loss = 2.3 * np.exp(-np.arange(count) / 20)
    assert detrended_variance(loss) == 0
    assert loss_spikes(loss) == 0
    assert stability_class(loss) == "stable"


@pytest.mark.parametrize("count", [1, 2, 7, 50, 51, 52, 75, 120])
def test_residuals_are_about_the_median_of_the_largest_centred_window_up_to_51(count):
    loss = RNG.normal(size=count)
    expected = []
    for i in range(count):
        half = min(25, i, count - 1 - i)
        expected.append(loss[i] - np.median(loss[i - half : i + half + 1]))
    assert rolling_median_residuals(loss) == pytest.approx(expected)


def test_spikes_are_counted_one_by_one():
    loss = 1 + RNG.normal(0, 0.01, 1000)
    loss[[100, 400, 401, 900]] += 0.5
    assert loss_spikes(loss) == 4


def test_dips_are_no_spikes():
    loss = 1 + RNG.normal(0, 0.01, 1000)
    loss[[100, 400]] -= 0.5
    assert loss_spikes(loss) == 0


def test_noise_that_falls_with_the_loss_makes_no_spikes_at_the_beginning():
    trend = 2.3 / (1 + np.arange(1000) / 30)
    loss = trend * (1 + RNG.normal(0, 0.1, 1000))
    assert loss_spikes(loss) <= 2
    assert stability_class(loss) == "stable"


def test_a_spike_below_the_first_loss_is_not_unstable():
    loss = np.linspace(2, 1, 200)
    loss[150] = 1.9
    assert loss_spikes(loss) == 1
    assert stability_class(loss) == "stable"
    loss[150] = 2.1
    assert stability_class(loss) == "unstable"


def test_a_trial_that_diverged_by_its_loss_limit_is_diverged_with_finite_losses():
    assert stability_class(np.array([2.0, 30.0, 30.0]), status="diverged") == "diverged"


def test_the_ratio_to_a_first_loss_of_zero_is_missing():
    assert np.isnan(max_loss_ratio(np.array([0.0, 1.0])))
    assert max_loss_ratio(np.array([2.0, 1.0])) == 1.0
