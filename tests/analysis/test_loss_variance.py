import numpy as np
import pytest

from bs_study.analysis.loss_variance import (
    STATISTICS,
    detrended_variance,
    finite_prefix,
    loss_noise,
    loss_variance,
    max_loss_ratio,
    rolling_median_residuals,
    window_statistics,
)

RNG = np.random.default_rng(0)


def statistics(loss, *, batch_size=256, fate=None):
    first = float(loss[0]) if len(loss) else np.nan
    return window_statistics(np.asarray(loss, float), first_loss=first, batch_size=batch_size, fate=fate)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_too_few_iterations_have_no_noise(count):
    found = statistics(np.ones(count))
    assert np.isnan(found["noise"])
    assert np.isnan(found["detrended_variance"])
    assert found["spikes"] == 0 or (count == 0 and np.isnan(found["spikes"]))


def test_no_loss_has_no_statistic():
    found = statistics([])
    assert tuple(found) == STATISTICS
    assert found["iterations"] == 0
    assert all(np.isnan(found[name]) for name in ("loss_variance", "max_loss_ratio", "noise", "spikes"))
    assert found["stability"] is None


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_follows_a_loss_that_is_not_finite_does_not_count(bad):
    clean = np.array([3.0, 2.0, 2.5, 1.0])
    assert finite_prefix(np.append(clean, [bad, 100.0])).tolist() == clean.tolist()
    assert len(finite_prefix(np.array([bad, 1.0]))) == 0


def test_losses_that_alternate_have_the_noise_of_their_steps():
    loss = 1 + 0.1 * (-1.0) ** np.arange(1001)
    assert loss_variance(loss) == pytest.approx(0.01, rel=2e-3)
    assert loss_noise(loss) == pytest.approx(0.2 / np.sqrt(2), rel=2e-3)


def test_noise_is_that_of_independent_noise_whatever_line_it_lies_on():
    noise = RNG.normal(0, 0.3, 20_000)
    line = np.linspace(5, 1, 20_000)
    assert loss_noise(line + noise) == pytest.approx(0.3, rel=0.02)
    assert detrended_variance(rolling_median_residuals(line + noise)) == pytest.approx(0.09, rel=0.04)
    assert loss_variance(line + noise) == pytest.approx(0.09 + 16 / 12, rel=0.02)


@pytest.mark.parametrize("count", [3, 10, 50, 51, 52, 53, 200])
def test_a_monotone_curve_has_no_variance_about_its_trend_and_no_spikes(count):
    found = statistics(2.3 * np.exp(-np.arange(count) / 20))
    assert (found["detrended_variance"], found["spikes"], found["stability"]) == (0, 0, "stable")


@pytest.mark.parametrize("count", [1, 2, 7, 49, 50, 51, 52, 75, 120])
def test_residuals_are_about_the_median_of_the_largest_centred_window_up_to_51(count):
    loss = RNG.normal(size=count)
    expected = []
    for i in range(count):
        half = min(25, i, count - 1 - i)
        expected.append(loss[i] - np.median(loss[i - half : i + half + 1]))
    assert rolling_median_residuals(loss) == pytest.approx(expected)


def test_the_statistics_of_a_window_are_those_of_its_losses_in_double_precision():
    loss = np.linspace(2, 1, 300) + RNG.normal(0, 0.1, 300)
    found = window_statistics(loss.astype(np.float32), first_loss=4.0, batch_size=8)
    single = loss.astype(np.float32).astype(float)
    assert found["iterations"] == 300
    assert found["loss_variance"] == loss_variance(single)
    assert found["detrended_variance"] == detrended_variance(rolling_median_residuals(single))
    assert found["noise"] == loss_noise(single)
    assert found["max_loss_ratio"] == single.max() / 4


def test_how_the_trial_ended_holds_for_its_windows_and_divergence_for_those_that_it_lacks():
    assert [statistics([2.0, 1.0], fate=fate)["stability"] for fate in ("diverged", "stuck")] == ["diverged", "stuck"]
    assert [statistics([], fate=fate)["stability"] for fate in ("diverged", "stuck")] == ["diverged", None]


def test_the_ratio_to_a_first_loss_of_zero_is_missing():
    assert np.isnan(max_loss_ratio(np.array([0.0, 1.0]), first_loss=0.0))
    assert max_loss_ratio(np.array([2.0, 1.0]), first_loss=2.0) == 1.0
