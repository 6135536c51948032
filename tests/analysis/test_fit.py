import numpy as np
import pytest
from scipy import stats

from bs_study.analysis.fit import line, log_line, mean_interval, ratio_interval


def test_a_line_and_its_interval_agree_with_scipy():
    x, y = np.array([1.0, 2.0, 4.0, 7.0]), np.array([2.0, 2.5, 5.0, 7.0])
    expected = stats.linregress(x, y)
    half = stats.t.ppf(0.975, 2) * expected.stderr
    fit = line(x, y)
    assert fit.slope == pytest.approx(expected.slope)
    assert fit.intercept == pytest.approx(expected.intercept)
    assert (fit.low, fit.high) == pytest.approx((expected.slope - half, expected.slope + half))


def test_two_distinct_x_have_a_slope_but_no_interval_however_many_points():
    fit = line([1, 1, 2, 2], [1, 1.2, 2, 2.2])
    assert fit.slope == pytest.approx(1.0)
    assert np.isnan([fit.low, fit.high]).all()


def test_values_that_are_not_finite_are_left_out():
    assert line([0, 1, 2, 3], [0, 2, np.nan, 6]).slope == pytest.approx(2.0)
    assert log_line([1, 10, 100, 0], [1, 10, 100, 5]).slope == pytest.approx(1.0)


def test_a_straight_line_of_readings_is_no_surer_than_their_resolution():
    fit = line([0, 1, 2], [0, 1, 2], resolution=1.0)
    assert fit.high - fit.slope == pytest.approx(1.959964 * np.sqrt(1 / 12 / 2))


def test_the_ratio_interval_is_welchs():
    slower, faster = np.array([4.0, 5.0, 4.5]), np.array([2.0, 2.2])
    ratio, low, high = ratio_interval(slower, faster)
    expected = stats.ttest_ind(np.log(slower), np.log(faster), equal_var=False).confidence_interval(0.95)
    assert ratio == pytest.approx(stats.gmean(slower) / stats.gmean(faster))
    assert (low, high) == pytest.approx(tuple(np.exp(expected)))


def test_one_seed_has_no_ratio_interval_and_equal_seeds_have_no_width():
    assert np.isnan(ratio_interval([4.0], [2.0, 2.0])[1:]).all()
    assert ratio_interval([4.0, 4.0], [2.0, 2.0]) == pytest.approx((2.0, 2.0, 2.0))


def test_a_mean_of_two_has_no_interval():
    assert mean_interval([1.0, 3.0])[0] == 2.0
    assert np.isnan(mean_interval([1.0, 3.0])[1])
    assert np.isnan(mean_interval([])[0])
