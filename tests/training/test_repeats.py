"""Repeats of one measurement: how many, whether they agree, and whether others disturbed them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import pytest

from bs_study.training.repeats import (
    Repeat,
    are_disturbed,
    iterations_of_repeat,
    time_of_repeats,
    timed_repeats,
    undisturbed_repeats,
)


def lasting(*seconds: float, cpu: Sequence[float] = (1.0,)) -> Callable[[], Repeat]:
    """Return repeats that last so long, one after another, the last for ever; a quarter of each is loading.

    Args:
        cpu: what each has of the processor while it loads and computes, the last for ever.
    """
    left, shares = list(seconds), list(cpu)

    def repeat() -> Repeat:
        each = left.pop(0) if len(left) > 1 else left[0]
        share = shares.pop(0) if len(shares) > 1 else shares[0]
        return Repeat(each, load_seconds=each / 4, compute_seconds=each / 2, cpu_seconds=share * each * 3 / 4)

    return repeat


def test_three_repeats_that_agree_are_enough() -> None:
    assert len(timed_repeats(lasting(0.1, 0.101, 0.1))) == 3


def test_repeats_go_on_until_the_last_three_agree() -> None:
    assert len(timed_repeats(lasting(0.2, 0.1, 0.14, 0.1, 0.1, 0.1))) == 6


def test_repeats_that_never_agree_end_after_a_second() -> None:
    endless = lasting(*[0.1, 0.15] * 50)
    assert len(timed_repeats(endless)) == 8  # 1.0 s


def test_a_slow_iteration_is_still_made_three_times() -> None:
    assert len(timed_repeats(lasting(30.0, 60.0, 30.0))) == 3


def tried(repeat: Callable[[], Repeat], *, threads: int = 1) -> tuple[list[float], bool, int]:
    """Return the seconds of the repeats that count, whether they were disturbed, and how often they were begun anew."""
    pauses: list[float] = []
    found, disturbed = undisturbed_repeats(repeat, threads=threads, pause=pauses.append)
    return [each.train_seconds for each in found], disturbed, len(pauses)


def test_repeats_that_agree_are_made_once() -> None:
    assert tried(lasting(0.1)) == ([0.1] * 3, False, 0)


def test_repeats_that_differ_by_30_percent_are_made_again_and_the_quiet_ones_count() -> None:
    assert tried(lasting(0.13, 0.1, 0.1, 0.1, 0.2)) == (
        [0.2] * 3,
        False,
        1,
    )  # 0.1 four times agrees, 0.13 was disturbed


def test_repeats_that_differ_each_time_are_disturbed_and_those_that_differ_least_count() -> None:
    passes = [[0.1, slow, slow, 0.1, 0.1, 0.1] for slow in (0.2, 0.13, 0.16, 0.2)]
    assert tried(lasting(*itertools.chain.from_iterable(passes))) == (passes[1], True, 3)


def test_one_of_five_that_was_interrupted_does_not_count() -> None:
    assert tried(lasting(0.1, 0.2, 0.1, 0.1, 0.1)) == ([0.1, 0.2, 0.1, 0.1, 0.1], False, 0)


def test_a_slow_iteration_is_not_timed_for_ever() -> None:
    assert tried(lasting(30.0, 60.0, 30.0, 30.0, 60.0, 30.0)) == ([30.0, 60.0, 30.0], True, 0)


@pytest.mark.parametrize(
    ("threads", "cpu", "disturbed"),
    [
        (1, [1.0], False),
        (1, [0.95], False),
        (1, [0.7], True),  # a steady neighbour: the repeats agree
        (1, [0.7, 1.0, 1.0], False),  # most of them were alone
        (4, [2.5], False),  # so many threads have what they can use
        (4, [3.8, 2.5, 2.5], True),
        (2, [0.5], True),  # a steady neighbour of all of them
        (2, [0.95], False),
    ],
)
def test_repeats_that_agree_are_disturbed_where_others_took_the_processor(
    threads: int, cpu: list[float], disturbed: bool
) -> None:
    assert tried(lasting(0.1, cpu=cpu * 4 if len(cpu) > 1 else cpu), threads=threads)[1] == disturbed


@pytest.mark.parametrize(
    ("repeat", "disturbed"),
    [
        (Repeat(0.2, 0.1, 0.1, 0.11), True),  # it had half a processor while it loaded and computed
        (Repeat(0.2, 0.1, 0.1, 0.2), False),
        (Repeat(0.2, 0.1, 0.1, 0.1, may_wait=True), False),  # it waited for a disk
        (Repeat(0.2, 0.1, 0.1, 0.055, may_wait=True), True),
    ],
)
def test_loading_counts_where_it_does_not_wait(repeat: Repeat, disturbed: bool) -> None:
    assert are_disturbed([repeat] * 3, threads=1) == disturbed


def test_a_gpu_computes_without_the_processor() -> None:
    assert undisturbed_repeats(lambda: Repeat(0.1, 0.0, 0.1), threads=1, pause=refuse_to_wait)[1] is False


def refuse_to_wait(_: float) -> None:
    raise AssertionError("a pause")


def test_the_row_has_the_median_of_all_repeats_and_how_far_they_differ() -> None:
    repeat = lasting(0.2, 0.1, 0.11)
    found = time_of_repeats([repeat() for _ in range(3)], iterations=10)
    assert found.iteration_seconds == pytest.approx(0.011)
    assert (found.iteration_seconds_low, found.iteration_seconds_high) == pytest.approx((0.01, 0.02))
    assert found.iteration_seconds_spread == pytest.approx(0.1 / 0.11)
    assert (found.load_seconds, found.compute_seconds) == pytest.approx((0.011 / 4, 0.011 / 2))


@pytest.mark.parametrize(
    ("one", "multiple_of", "expected"), [(0.001, 1, 100), (0.001, 30, 90), (2.0, 1, 1), (2.0, 3, 3)]
)
def test_a_repeat_takes_a_tenth_of_a_second_or_what_cannot_be_less(one: float, multiple_of: int, expected: int) -> None:
    assert iterations_of_repeat(lambda count: lasting(one * count)(), multiple_of=multiple_of) == expected
