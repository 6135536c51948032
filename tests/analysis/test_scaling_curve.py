"""S(B) and E(B) of studies whose every number can be checked by hand."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from bs_study.analysis.study import Analysis, analyse_rows
from bs_study.analysis.trials import complete_trials
from tests.analysis.hand_rows import TARGET, Outcome, hand_rows, joined

LRS = (0.1, 0.2, 0.4)
LAW = {8: 10.0, 16: 5.5, 32: 3.25, 64: 2.125, 128: 1.5625}
"""Seconds of 100 iterations: S = 100 (1 + 72/B)."""


def study(times: Mapping[int, float], *, seeds: int = 2, spread: float = 0.02, **options: object) -> Analysis:
    """A study whose middle lr is the best, by the same factor on both sides."""
    rng = np.random.default_rng(0)
    cells: dict[tuple[int, float], Sequence[Outcome]] = {
        (size, lr): [took * far * float(np.exp(rng.normal(0, spread))) for _ in range(seeds)]
        for size, took in times.items()
        for lr, far in zip(LRS, (1.5, 1.0, 1.5), strict=True)
    }
    return analyse_rows(hand_rows(cells, **options), target=TARGET)  # type: ignore[arg-type]


def curve_of(found: Analysis) -> pd.DataFrame:
    return found.tables.scaling_curve.set_index("batch_size")


def test_each_batch_size_has_its_updates_its_examples_and_the_interval_of_both() -> None:
    curve = curve_of(study(LAW))
    assert list(curve["lr"]) == [0.2] * 5
    assert curve["iterations_to_target"].to_numpy() == pytest.approx(100 * np.array(list(LAW.values())), rel=0.05)
    assert curve["examples_to_target"].to_numpy() == pytest.approx(curve.index * curve["iterations_to_target"])
    assert (curve["iterations_to_target_low"] < curve["iterations_to_target"] / 1.05).all()  # the look before
    assert (curve["iterations_to_target_high"] > curve["iterations_to_target"]).all()
    reference = np.median(curve["examples_to_target"].iloc[:3])
    assert curve["overhead"].to_numpy() == pytest.approx(curve["examples_to_target"] / reference - 1)


def test_the_last_doubling_saves_and_costs_what_two_points_say() -> None:
    curve = curve_of(study({8: 10.0, 32: 5.0}, spread=0.0))
    assert np.isnan(curve.loc[8, "doubling_saves"])
    # Four times the batch size halves the updates: twice saves 1 - 1/sqrt(2) of them, and takes sqrt(2) the examples.
    assert curve.loc[32, "doubling_saves"] == pytest.approx(1 - 0.5**0.5)
    assert curve.loc[32, "doubling_costs"] == pytest.approx(2**0.5 - 1)


def test_the_batch_size_of_a_point_is_what_an_iteration_had_of_examples() -> None:
    rows = hand_rows({(size, 0.2): [took] for size, took in LAW.items()})
    short = rows.trials.assign(examples=rows.trials["examples"].where(rows.trials["batch_size"] < 100, 100 * 156.25))
    rows.evaluations.loc[rows.evaluations["batch_size"] == 128, "examples"] *= 100 / 128
    found = analyse_rows(replace(rows, trials=complete_trials(short)), target=TARGET)
    curve = curve_of(found)
    assert curve.loc[128, "examples_per_iteration"] == pytest.approx(100.16, abs=0.2)
    assert curve.loc[128, "examples_to_target"] == pytest.approx(15_650, rel=0.01)


def test_a_better_lr_between_those_tried_and_one_beyond_the_edge_leave_the_lower_end_open() -> None:
    slanted = {(16, 0.1): [6.0, 6.0], (16, 0.2): [5.0, 5.0], (16, 0.4): [5.2, 5.2]}
    edge = {(32, 0.1): [4.0, 4.0], (32, 0.2): [3.0, 3.0], (32, 0.4): [2.0, 2.0]}
    curve = curve_of(analyse_rows(hand_rows(slanted | edge), target=TARGET))
    y = np.log([6.0, 5.0, 5.2])
    vertex = y[1] - (y[2] - y[0]) ** 2 / (8 * (y[0] + y[2] - 2 * y[1]))
    assert curve.loc[16, "lr_gain"] == pytest.approx(1 - np.exp(vertex - y[1]))
    assert (curve.loc[32, "best_lr_on_edge"], curve.loc[32, "iterations_to_target_low"]) == ("high", 0)


def test_one_seed_shows_no_interval_and_its_batch_size_no_ends_of_the_rule() -> None:
    found = study(LAW, seeds=1)
    assert curve_of(found)["iterations_to_target_low"].isna().all()
    (critical,) = found.tables.critical_batch.to_dict("records")
    assert np.isnan(critical["rule_low"])
    assert critical["knee_low"] < 72 < critical["knee_high"]  # by how the points scatter about the curve


def test_the_definitions_of_one_study_name_what_they_rest_on() -> None:
    found = study(LAW | {256: 1.28125})
    (told,) = found.tables.critical_batch.to_dict("records")
    assert (told["batch_sizes"], told["left_out"], told["rule_is_at_least"]) == (6, 0, False)
    assert told["knee_low"] < told["knee_batch_size"] < told["knee_high"]
    assert told["knee_batch_size"] == pytest.approx(72, rel=0.2)
    assert told["rule_low"] < told["rule_batch_size"] < told["rule_high"]
    curve = curve_of(found)
    assert curve.loc[128, "regime"] == "diminishing"
    assert (curve["slope_low"] <= curve["slope_high"]).all()


def test_batch_sizes_that_missed_or_met_the_target_at_once_are_in_no_definition() -> None:
    cells: dict[tuple[int, float], Sequence[Outcome]] = {(size, 0.2): [took] for size, took in LAW.items()}
    rows = hand_rows(cells | {(256, 0.2): ["missed"], (4, 0.2): [0.01]})
    is_before = (rows.evaluations["batch_size"] == 4) & (rows.evaluations["accuracy"] < 0.9)
    found = analyse_rows(replace(rows, evaluations=rows.evaluations[~is_before]), target=TARGET)
    (told,) = found.tables.critical_batch.to_dict("records")
    assert (told["batch_sizes"], told["left_out"]) == (5, 2)
    assert told["knee_batch_size"] == pytest.approx(72, rel=0.05)
    assert curve_of(found).loc[4, "is_at_most"]


def test_three_batch_sizes_have_the_rule_alone_and_none_has_nothing() -> None:
    (told,) = study({8: 10.0, 16: 5.5, 32: 3.25}).tables.critical_batch.to_dict("records")
    assert told["rule_batch_size"] > 8
    assert np.isnan(told["knee_batch_size"])
    missed = analyse_rows(hand_rows({(size, 0.2): ["missed"] for size in LAW}), target=TARGET)
    (none,) = missed.tables.critical_batch.to_dict("records")
    assert (none["batch_sizes"], none["left_out"]) == (0, 5)
    assert np.isnan(none["rule_batch_size"])
    assert len(curve_of(missed)) == 5


def test_recipes_have_curves_of_their_own() -> None:
    one = {(size, 0.2): [took] for size, took in LAW.items()}
    two = {(size, 0.2): [2 * took] for size, took in LAW.items()}
    found = analyse_rows(joined(hand_rows(one, recipe="a"), hand_rows(two, recipe="b")), target=TARGET)
    knees = found.tables.critical_batch.set_index("recipe")
    assert knees.loc["b", "min_iterations"] == pytest.approx(2 * knees.loc["a", "min_iterations"], rel=0.02)
    assert len(found.tables.scaling_curve) == 10
