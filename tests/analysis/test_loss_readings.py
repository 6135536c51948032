"""The held-out loss of a trial after a budget: exact at a look, log-linear between two, and never beyond the last."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from bs_study.analysis.loss_readings import loss_readings
from tests.analysis.loss_rows import SECONDS, Looks, loss_rows

CURVE: Looks = {10: 2.0, 20: 1.0, 40: 0.25}


def reading(looks: Looks, value: float, *, clock: str = "iterations", status: str = "completed") -> pd.Series:
    rows = loss_rows({(8, 0.1): [(looks, status)]})
    clean = {8: SECONDS / 2}
    return loss_readings(rows.evaluations, rows.trials, clock=clock, value=value, clean=clean).iloc[0]


def test_at_a_look_the_loss_is_that_look() -> None:
    found = reading(CURVE, 20)
    assert (found["outcome"], found["loss"], found["least"]) == ("read", 1.0, 1.0)


def test_between_two_looks_the_log_of_the_loss_is_a_line() -> None:
    found = reading(CURVE, 30)
    assert found["loss"] == pytest.approx(0.5)  # halfway between log 1 and log 1/4
    assert found["least"] == 0.25


@pytest.mark.parametrize(
    ("clock", "value"),
    [("iterations", 30), ("examples", 240), ("train_seconds", 30 * SECONDS), ("clean_seconds", 15 * SECONDS)],
)
def test_each_clock_reads_the_same_place(clock: str, value: float) -> None:
    assert reading(CURVE, value, clock=clock)["loss"] == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("looks", "value", "status", "outcome"),
    [
        (CURVE, 41, "completed", "ended"),
        (CURVE, 9, "completed", "no_look"),
        (CURVE, 41, "diverged", "diverged"),
        (CURVE, 41, "out_of_memory", "out_of_memory"),
        (CURVE, 41, "failed", "failed"),
        ({}, 10, "diverged", "diverged"),
        ({10: 2.0, 20: None}, 15, "diverged", "diverged"),
    ],
)
def test_what_is_not_known_is_missing_and_says_why(looks: Looks, value: float, status: str, outcome: str) -> None:
    rows = loss_rows({(8, 0.1): [(looks, status), (CURVE, "completed")]})
    found = loss_readings(rows.evaluations, rows.trials, clock="iterations", value=value).iloc[0]
    assert found["outcome"] == outcome
    assert math.isnan(found["loss"])


def test_a_trial_that_diverged_or_failed_later_counts_as_it_was() -> None:
    assert reading(CURVE, 30, status="diverged")["loss"] == pytest.approx(0.5)
    assert reading(CURVE, 30, status="failed")["loss"] == pytest.approx(0.5)


def test_the_spread_of_the_timing_pass_widens_the_looks_around_a_reading() -> None:
    rows = loss_rows({(8, 0.1): [(CURVE, "completed")]})
    found = loss_readings(
        rows.evaluations,
        rows.trials,
        clock="clean_seconds",
        value=20 * SECONDS,
        clean={8: SECONDS},
        timing={8: (np.log(0.9), np.log(1.1))},
    ).iloc[0]
    assert found["loss"] == 1.0
    assert found["least"] == 0.25  # it may have been a few iterations more, up to the next look
