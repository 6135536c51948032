"""Looks: how far apart they are, and what they cost where an update takes as long as it is counted to."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from bs_study.training.looks import Looks, least_stretch


def looks(until: int, *, spacing: float = 1.05, stretch: int) -> list[int]:
    def walk() -> Iterator[int]:
        rule, look = Looks(spacing, stretch=stretch), 0
        while True:
            look = rule.after(look)
            yield look

    return list(itertools.takewhile(lambda look: look <= until, walk()))


@pytest.mark.parametrize(
    ("batch_size", "evaluated", "share", "expected"),
    [
        (4, 360, 0.25, 30),  # forward 360 / 3, three times as long to train, 12 examples' time an update
        (4, 360, 0.1, 90),
        (52, 360, 0.25, 6),
        (53, 360, 0.25, 6),  # 5.9
        (1437, 360, 0.25, 1),
        (4, 360, 1, 1),
        (1, 1, 0.25, 1),
    ],
)
def test_the_stretch_between_looks_is_what_the_share_of_evaluations_allows(
    batch_size: int, evaluated: int, share: float, expected: int
) -> None:
    assert least_stretch(batch_size=batch_size, evaluated_examples=evaluated, max_share=share) == expected


def test_the_first_looks_are_a_stretch_apart() -> None:
    assert looks(500, stretch=100) == [100, 200, 300, 400, 500]


def test_factors_are_the_decimals_that_were_typed() -> None:
    # In binary, 1.05 times 20 is a little more than 21.
    assert Looks(1.05, stretch=1).after(20) == 21


@pytest.mark.parametrize("stretch", [1, 7, 100, 1000])
def test_from_five_stretches_on_looks_are_at_most_twice_as_far_apart_as_the_spacing_asks(stretch: int) -> None:
    found = [look for look in looks(100 * stretch, stretch=stretch) if look >= 5 * stretch]
    assert all(after - look <= max(1, 0.1 * look) for look, after in itertools.pairwise(found))
    assert all(0.05 * look <= after - look for look, after in itertools.pairwise(found))


@pytest.mark.parametrize("stretch", [1, 7, 100, 1000])
def test_from_twenty_stretches_on_looks_are_as_far_apart_as_the_spacing_asks(stretch: int) -> None:
    found = [look for look in looks(400 * stretch, stretch=stretch) if look >= 20 * stretch]
    assert [after - look for look, after in itertools.pairwise(found)] == [-(-look // 20) for look in found[:-1]]


@pytest.mark.parametrize("spacing", [1.01, 1.05, 1.2])
def test_evaluations_never_cost_much_more_than_the_stretch_is_made_for(spacing: float) -> None:
    # After n looks a stretch for each would have taken n * stretch iterations.
    for count, look in enumerate(looks(10**6, spacing=spacing, stretch=1000), start=1):
        assert count * 1000 <= 1.25 * look


def test_the_looks_are_right_from_wherever_they_are_asked_for() -> None:
    found = looks(20_000, stretch=37)
    for iteration in (12_345, 0, 36, 37, 999):  # each of a rule that was asked nothing before
        assert Looks(1.05, stretch=37).after(iteration) == next(look for look in found if look > iteration)
