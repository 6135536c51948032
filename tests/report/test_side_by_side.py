"""Two studies side by side in words: what is known, what is open and why, in a terminal of any width."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from bs_study.analysis.differences import Fingerprint, differences
from bs_study.analysis.side_by_side import SideBySide, side_by_side
from bs_study.analysis.study import Analysis, analyse_rows
from bs_study.report.side_by_side import comparison_json, lines
from tests.analysis.hand_rows import TARGET, hand_rows

SPREAD = (0.97, 1.0, 1.03)


def study(cells: Mapping[tuple[int, float], Any], *, device: str | None = "a laptop", **options: Any) -> Analysis:
    rows = hand_rows(cells, **options)
    rows.trials["device_name"] = device
    return analyse_rows(rows, target=TARGET, name="study")


def seeds(seconds: float) -> list[float]:
    return [seconds * factor for factor in SPREAD]


def compared(a: Analysis, b: Analysis, *, fingerprints: tuple[Fingerprint, Fingerprint] = ({}, {})) -> SideBySide:
    assert a.rows is not None
    assert b.rows is not None
    named = replace(a, name="first"), replace(b, name="second")
    return side_by_side(*named, differences(a.rows, b.rows, fingerprints=fingerprints))


def text(found: SideBySide) -> str:
    return " ".join(" ".join(lines(found, width=80)).split())


FAST = {(10, 0.1): seeds(1.0), (2000, 0.1): seeds(4.0)}
SLOW = {(10, 0.1): seeds(7801.0), (2000, 0.1): seeds(9302.0), (4000, 0.1): ["missed"] * 3}


@pytest.mark.parametrize("width", [46, 80])
def test_lines_fit_the_terminal_but_for_a_word_that_does_not(width: int) -> None:
    b = study(SLOW, device="a card with a name that is as long as they come", budget=10_000.0)
    for found in (compared(study(FAST), b), compared(study(FAST), study(SLOW, budget=10_000.0))):
        assert max(map(len, lines(found, width=width))) <= width


def test_what_is_known_is_said_with_its_ratio_and_how_sure_it_is() -> None:
    said = text(compared(study(FAST), study({(10, 0.1): seeds(2.0)})))
    assert "A is first. B is second." in said
    assert "A/B 0.5 (0.4" in said
    assert "With its recommended cell A reaches the target sooner than B, by training time: A/B is 0.5" in said
    assert "holds together at 95 %" in said
    assert "2000 A lr 0.1: 4 s" in said
    assert "B not tried" in said


def test_what_is_open_is_never_called_sooner_and_has_its_reason() -> None:
    for cells, why in (
        ({(10, 0.1): [1.2]}, "one seed shows no spread"),
        ({(10, 0.1): [0.6, 1.2, 2.4]}, "within the spread over seeds"),
        ({(10, 0.1): ["failed"] * 3}, "recommends no cell"),
    ):
        said = text(compared(study(FAST), study(cells)))
        assert "is open" in said
        assert why in said
        assert "sooner than" not in said


def test_a_study_that_missed_the_target_is_slower_by_a_bound() -> None:
    said = text(compared(study(FAST), study({(10, 0.1): ["missed"] * 3})))
    assert "B no lr reached it in most of its seeds A/B at most 0.0" in said
    assert "B recommends no cell" in said


@pytest.mark.parametrize(
    ("device", "fingerprints", "why"),
    [
        ("a card", ({}, {}), "The devices differ: A on a laptop and B on a card."),
        (None, ({}, {}), "The device of a study is not known."),
        (
            "a laptop",
            ({"data": {"train": {"examples": 4}}}, {"data": {"train": {"examples": 8}}}),
            "Workload or data differ, from A to B: the training set has 8 examples, not 4.",
        ),
    ],
)
def test_where_seconds_do_not_compare_it_says_why_and_has_iterations(
    device: str | None, fingerprints: tuple[Fingerprint, Fingerprint], why: str
) -> None:
    said = text(compared(study(FAST), study(FAST, device=device), fingerprints=fingerprints))
    assert f"{why} Seconds do not compare then, so only iterations are compared." in said
    assert "By training time" not in said
    assert "By iterations" in said


def test_json_has_no_number_that_json_lacks() -> None:
    found = comparison_json(compared(study(FAST), study({(10, 0.1): ["diverged"] * 3})))
    pair = found["by_size"]["train_seconds"]["10"]
    assert (pair["a"]["lr"], pair["b"], pair["sooner"]) == (0.1, None, "A")
    assert not [value for value in pair.values() if isinstance(value, float) and not math.isfinite(value)]
    assert found["recommended"] is None
