from __future__ import annotations

import itertools
import math
import statistics

import pytest

from bs_study import Target
from bs_study.target import is_met_by_window


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("accuracy>=0.98", Target("accuracy", 0.98, "max")),
        (" accuracy >= .98 ", Target("accuracy", 0.98, "max")),
        ("loss<=1e-1", Target("loss", 0.1, "min")),
        ("accuracy=0.98", Target("accuracy", 0.98, "max")),
        ("loss=0.1", Target("loss", 0.1, "min")),
        ("log_density>=-3", Target("log_density", -3.0, "max")),
    ],
)
def test_a_target_reads_as_it_is_written(text: str, target: Target) -> None:
    assert Target.parse(text) == target


@pytest.mark.parametrize("text", ["", "accuracy", "accuracy>0.98", "0.98", "accuracy>=many", "accuracy>=nan", "a>=inf"])
def test_what_is_no_target_is_refused_in_words_that_name_it(text: str) -> None:
    with pytest.raises(ValueError, match=r"target|number"):
        Target.parse(text)


@pytest.mark.parametrize("target", [Target("accuracy", 1 / 3), Target("loss", 0.1, "min"), Target("loss", 5)])
def test_a_target_survives_being_written_as_text(target: Target) -> None:
    assert Target.parse(str(target)) == target


def test_a_value_exactly_at_the_target_meets_it_and_nan_never_does() -> None:
    most, least = Target("accuracy", 0.98), Target("loss", 0.1, "min")
    assert [most.is_met(v) for v in (0.97, 0.98, 0.99, math.nan)] == [False, True, True, False]
    assert [least.is_met(v) for v in (0.09, 0.1, 0.11, math.nan)] == [True, True, False, False]


def test_an_unknown_direction_is_refused() -> None:
    with pytest.raises(ValueError, match="'up'"):
        Target("accuracy", 0.98, "up")  # type: ignore[arg-type]


@pytest.mark.parametrize("window", [1, 3, 5])
def test_a_window_meets_the_target_where_the_median_of_its_values_does(window: int) -> None:
    target = Target("accuracy", 0.5)
    for values in itertools.product((0.0, 0.5, 1.0, math.nan), repeat=5):
        median = statistics.median([-1.0 if math.isnan(value) else value for value in values[-window:]])
        assert is_met_by_window([target.is_met(v) for v in values], window=window) == (median >= 0.5)


def test_fewer_values_than_the_window_has_are_not_enough() -> None:
    assert not is_met_by_window([True, True], window=3)
    assert is_met_by_window([True, True], window=1)
    assert not is_met_by_window([], window=1)
