"""The tables beneath the answer: who wins by each clock, and how every rival compares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from bs_study import StudyConfig
from bs_study.analysis.study import Analysis, analyse_rows
from bs_study.report.answer_tables import RivalRow, clock_rows, rival_rows
from bs_study.report.sentences.rivals import rivals
from tests.analysis.hand_rows import TARGET, Outcome, hand_rows

STEADY: Mapping[tuple[int, float], Sequence[Outcome]] = {
    (16, 0.1): [9.0, 9.2], (16, 0.2): [8.0, 8.1], (16, 0.4): [9.0, 9.1],
    (64, 0.1): [3.0, 3.1], (64, 0.2): [2.0, 2.1], (64, 0.4): ["diverged", "diverged"],
}  # fmt: skip


def found_of(cells: Mapping[tuple[int, float], Sequence[Outcome]]) -> Analysis:
    return analyse_rows(hand_rows(cells), target=TARGET)


def others(found: Analysis) -> list[RivalRow]:
    return rival_rows(found, rivals(found.recommendation.comparisons).others)


def test_the_studys_own_clock_comes_first_and_each_is_shown_in_its_unit() -> None:
    rows = clock_rows(found_of(STEADY))
    assert [row.clock for row in rows] == [
        "training time", "compute time", "wall time (with evaluation)", "iterations", "examples"
    ]  # fmt: skip
    assert [row.took for row in rows] == ["2.05 s", "2.05 s", "2.25 s", "205 iterations", "12,880 examples"]
    assert [row.batch_size for row in rows] == ["64", "64", "64", "64", "16"]
    assert {(row.lr, row.seeds) for row in rows} == {("0.2", "2 of 2")}
    assert all(" to " in row.interval for row in rows)


def test_a_cell_with_a_seed_that_missed_has_an_open_end() -> None:
    (first, *_) = clock_rows(found_of({(16, 0.1): [2.0, 2.1, "missed"]}))
    assert first.interval.endswith(" or more")
    assert first.seeds == "2 of 3"


def test_seeds_that_did_not_choose_the_cell_are_counted_apart() -> None:
    config = StudyConfig(workload="digits", max_epochs=1, batch_sizes=(16, 64), lrs=(0.1,), seeds="auto")
    cells: Mapping[tuple[int, float], Sequence[Outcome]] = {(16, 0.1): [2.0, 2.1, 2.3], (64, 0.1): [3.0, 3.1]}
    first, second, *_ = clock_rows(analyse_rows(hand_rows(cells, config=config), target=TARGET))
    assert (first.took, first.seeds) == ("2.2 s", "3 of 3, of which 2 did not choose it")
    assert (second.took, second.seeds) == ("2.1 s", "3 of 3")


def test_one_seed_has_no_interval() -> None:
    assert {row.interval for row in clock_rows(found_of({(16, 0.1): [2.0], (64, 0.1): [3.0]}))} == {""}


def test_a_rival_that_is_known_to_be_slower_has_its_ratio_and_no_doubt() -> None:
    (row,) = others(found_of(STEADY))
    assert (row.batch_size, row.lr, row.is_slower, row.why) == ("16", "0.2", True, "")
    assert row.ratio.startswith("3.9×")  # 8.05 / 2.05


def test_a_rival_that_diverged_can_not_reach_it() -> None:
    found = found_of(STEADY)
    lrs = rival_rows(found, rivals(found.recommendation.comparisons).lrs)
    assert [(row.lr, row.ratio) for row in lrs if row.is_slower][-1] == ("0.4", "can't reach it")


@pytest.mark.parametrize(
    ("outcomes", "why"),
    [([2.2, 2.0], "within the spread over seeds"), ([2.3], "one seed"), (["failed", "failed"], "gave no answer")],
)
def test_a_rival_that_is_open_says_why(outcomes: Sequence[Outcome], why: str) -> None:
    (row,) = others(found_of({**{cell: taken for cell, taken in STEADY.items() if cell[0] == 64}, (16, 0.2): outcomes}))
    assert not row.is_slower
    assert why in row.why


def test_without_an_answer_there_is_no_row() -> None:
    found = found_of({(16, 0.1): ["missed"], (64, 0.1): ["missed"]})
    assert (clock_rows(found), others(found)) == ([], [])
