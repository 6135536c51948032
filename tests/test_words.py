"""Numbers as people read them: what the examples in `words.py` leave open."""

from __future__ import annotations

import math

import pytest

from bs_study.words import cell, count, counted, duration, number, one_line, setting, shown, times, typed


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (1e-7, "0.1 µs"),
        (0.00099951, "1 ms"),  # rounded up, it is in the next unit
        (0.99951, "1 s"),
        (99.4, "99.4 s"),
        (100, "1 min 40 s"),
        (3599, "59 min 59 s"),
        (3599.6, "1 h"),
        (7300, "2 h 2 min"),
        (90 * 3600, "90 h"),
        (math.nan, "–"),
    ],
)
def test_a_duration_is_told_in_its_largest_units(seconds: float, words: str) -> None:
    assert duration(seconds) == words


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (-0.5, "-0.5"),
        (999.6, "1,000"),
        (0.099951, "0.1"),
        (0.000099951, "0.0001"),
        (0.0000123456, "1.23e-5"),
        (9_999_999_999, "1e10"),
        (-123456, "-123,000"),
        (math.inf, "–"),
    ],
)
def test_a_measured_number_has_three_digits_and_an_exponent_only_where_zeros_would_hide_it(
    value: float, text: str
) -> None:
    assert number(value) == text


def test_a_number_may_have_more_digits() -> None:
    assert number(0.98765, digits=4) == "0.9877"
    assert number(12345.6, digits=4) == "12,350"


def test_no_digit_of_a_count_is_rounded_away() -> None:
    assert count(123456789) == "123,456,789"
    assert count(10_000.5) == "10,000.5"  # the median of two


@pytest.mark.parametrize(
    ("value", "words"), [(0, "0 trials"), (1, "1 trial"), (1.5, "1.5 trials"), (1e4, "10,000 trials")]
)
def test_only_one_is_singular(value: float, words: str) -> None:
    assert counted(value, "trial") == words


@pytest.mark.parametrize("value", [0.1, 0.123456789012, 1e-5, 1.5e-7, 123456.789, 3, 2**62, -0.02, 2.5e20, 1e-300])
def test_what_is_typed_reads_back_as_the_same_number(value: float) -> None:
    text = typed(value)
    assert float(text) == value
    assert "," not in text


def test_a_lr_shows_as_it_was_typed_and_one_that_was_computed_in_four_digits() -> None:
    assert setting(0.123456) == "0.123456"
    assert setting(0.1 / 3) == "0.03333"
    assert setting(1e-5 / 3) == "3.333e-6"
    assert setting(2**40) == "1099511627776"
    assert cell(64, 0.1 * 3) == "batch size 64 at lr 0.3"


def test_how_many_times_as_much_is_never_without_its_sign() -> None:
    assert [times(ratio) for ratio in (1, 0.0123, 12345)] == ["1×", "0.0123×", "12,300×"]


@pytest.mark.parametrize("value", ["9" * 5_000, "two words " * 500, "it's one " * 500, list(range(5_000))])
def test_a_long_value_is_shown_with_both_its_ends(value: object) -> None:
    assert len(shown(value)) <= 200
    assert len(one_line(f"target: {shown(value)} is no target, and can't be one")) < 260


def test_an_integer_that_python_does_not_write_is_told_all_the_same() -> None:
    assert shown([10**5_000]) == "a number of thousands of digits"


def test_a_message_keeps_its_own_words_and_loses_the_middle_of_a_long_value() -> None:
    own = "name: can't be so. " + "Use letters and digits, and isn't that enough? " * 10
    assert one_line(own) == own.strip()
    for long in ("x" * 500, "'" + "a b " * 100 + "'", '"' + "it's " * 100 + '"'):
        told = one_line(f"name: {long}\n is wrong")
        assert told.startswith(f"name: {long[:100]}")
        assert told.endswith(f"{long[-70:]} is wrong")
        assert len(told) < 230
