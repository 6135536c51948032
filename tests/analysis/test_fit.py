import numpy as np
import pytest
from scipy import stats

from bs_study.analysis.fit import line, log_line


def test_a_line_and_its_interval_agree_with_the_closed_form():
    x, y = np.array([1.0, 2.0, 4.0, 7.0]), np.array([2.0, 2.5, 5.0, 7.0])
    off = x - x.mean()
    slope = off @ y / (off @ off)
    residuals = y - y.mean() - slope * off
    error = np.sqrt(residuals @ residuals / 2 / (off @ off))
    fit = line(x, y)
    assert fit.slope == pytest.approx(slope)
    assert fit.intercept == pytest.approx(y.mean() - slope * x.mean())
    half = 4.302653 * error  # Student's t on 2 degrees of freedom, 97.5 %
    assert (fit.low, fit.high) == pytest.approx((slope - half, slope + half))


def test_a_higher_confidence_widens_the_interval_as_students_t_does():
    x, y = [1.0, 2.0, 3.0, 4.0, 5.0], [1.0, 3.0, 2.0, 5.0, 4.0]
    common, strict = line(x, y), line(x, y, confidence=0.99375)
    ratio = stats.t.ppf(1 - 0.00625 / 2, 3) / stats.t.ppf(0.975, 3)
    assert (strict.high - strict.slope) / (common.high - common.slope) == pytest.approx(ratio)


def test_two_distinct_x_have_a_slope_but_no_interval_however_many_points():
    fit = line([1, 1, 2, 2], [1, 1.2, 2, 2.2])
    assert fit.slope == pytest.approx(1.0)
    assert np.isnan([fit.low, fit.high]).all()


def test_values_that_are_not_finite_are_left_out():
    assert line([0, 1, 2, 3], [0, 2, np.nan, 6]).slope == pytest.approx(2.0)
    assert log_line([1, 10, 100, 0], [1, 10, 100, 5]).slope == pytest.approx(1.0)


def test_a_level_line_has_an_interval_without_width():
    fit = line([1, 2, 3], [5, 5, 5])
    assert (fit.slope, fit.low, fit.high) == (0, 0, 0)


def test_a_straight_line_of_readings_is_no_surer_than_their_resolution():
    fit = line([0, 1, 2], [0, 1, 2], resolution=1.0)
    assert fit.high - fit.slope == pytest.approx(12.7062 * np.sqrt(1 / 12 / 2), rel=1e-4)  # t on 1 degree of freedom
    scattered = line([0, 1, 2, 3], [0, 9, 1, 8])
    assert line([0, 1, 2, 3], [0, 9, 1, 8], resolution=0.1) == scattered


@pytest.mark.parametrize("confidence", [0.95, 0.99375])
def test_intervals_hold_the_truth_as_often_as_they_say(confidence):
    rng = np.random.default_rng(0)
    x = np.arange(5.0)
    fits = [line(x, 2 * x + rng.normal(0, 1, 5), confidence=confidence) for _ in range(1000)]
    missed = np.mean([not fit.low <= 2 <= fit.high for fit in fits])
    assert missed == pytest.approx(1 - confidence, abs=2.5 * np.sqrt(confidence * (1 - confidence) / 1000))
