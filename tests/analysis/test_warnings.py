"""What a reader must know before the numbers, and what a target that tells nothing leaves to say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from bs_study import Target
from bs_study.analysis.study import analyse_rows
from tests.analysis.hand_rows import TARGET, hand_rows
from tests.analysis.test_study import kinds, reasons, seeds, tuned


def test_a_target_that_every_cell_meets_at_its_first_look_tells_nothing():
    rows = hand_rows(tuned({10: 9.0, 100: 3.0}))
    first = rows.evaluations[rows.evaluations["accuracy"] >= 0.9]
    analysis = analyse_rows(replace(rows, evaluations=first), target=TARGET)
    assert analysis.recommendation.best is None
    assert reasons(analysis.recommendation.doubts) == {"first_look"}
    assert "first_look" in {warning.kind for warning in analysis.warnings}


def test_a_metric_that_leaves_its_natural_range_tells_nothing():
    rows = hand_rows(tuned({10: 9.0, 100: 3.0}))
    sums = rows.evaluations.assign(accuracy=rows.evaluations["accuracy"] * 100)
    analysis = analyse_rows(replace(rows, evaluations=sums), target=TARGET)
    assert analysis.recommendation.best is None
    assert reasons(analysis.recommendation.doubts) == {"out_of_range"}
    percent = analyse_rows(replace(rows, evaluations=sums), target=Target("accuracy", 90.0))
    assert percent.recommendation.best is not None


def test_without_a_target_nothing_is_ranked():
    rows = hand_rows(tuned({10: 9.0}))
    rows = replace(rows, trials=rows.trials.assign(target=""))
    analysis = analyse_rows(rows)
    assert analysis.recommendation.best is None
    assert reasons(analysis.recommendation.doubts) == {"no_target"}
    assert analysis.warnings[0].kind == "no_target"


def test_targets_budgets_and_settings_that_differ_are_warned_of():
    rows = hand_rows({(10, 0.1): seeds(3.0)})
    trials = rows.trials.assign(target=["accuracy >= 0.9", "accuracy >= 0.9", "accuracy >= 0.95"],
                                max_epochs=[1.0, 2.0, 2.0], momentum=[0.5, 0.9, 0.9])  # fmt: skip
    warned = {w.kind: w for w in analyse_rows(replace(rows, trials=trials)).warnings}
    assert warned["different_targets"].names == ("accuracy >= 0.9", "accuracy >= 0.95")
    assert warned["differing_budgets"].names == ("max_epochs",)
    assert warned["differing_settings"].names == ("momentum",)


def test_looks_that_are_not_alike_are_warned_of():
    coarse = hand_rows({(10, 0.1): seeds(3.0)}, step=1.5)
    fine = hand_rows({(20, 0.1): seeds(9.0)}, step=1.02)
    both = replace(coarse, **{n: pd.concat([getattr(r, n) for r in (coarse, fine)], ignore_index=True)
                                     for n in ("trials", "evaluations")})  # fmt: skip
    (warning,) = [w for w in analyse_rows(both, target=TARGET).warnings if w.kind == "looks_differ"]
    assert warning.batch_sizes == (20, 10)
    assert warning.numbers["largest"] == pytest.approx(1.5, rel=0.01)
    alike = analyse_rows(coarse, target=TARGET)
    assert "looks_differ" not in {w.kind for w in alike.warnings}


def test_a_target_within_the_noise_of_what_most_cells_reach_is_warned_of():
    """Of 100 examples the standard error at 0.9 is 0.03: the best of 0.85 to 0.95 may be luck."""
    rows = replace(hand_rows({(size, 0.1): ["missed"] * 3 for size in (10, 20)}), eval_examples=100.0)
    (warning,) = [w for w in analyse_rows(rows, target=TARGET).warnings if w.kind == "target_in_noise"]
    assert warning.numbers["step"] == 0.01
    assert warning.numbers["noise"] == pytest.approx(0.03)
    many = replace(rows, eval_examples=10_000.0)
    assert "target_in_noise" not in {w.kind for w in analyse_rows(many, target=TARGET).warnings}


def test_where_the_target_tells_nothing_no_verdict_on_it_says_another_reason_and_no_step_adds_to_the_grid():
    rows = hand_rows({(size, lr): seeds(3.0) for size in (10, 20, 40) for lr in (0.1, 0.2)})
    first = replace(rows, evaluations=rows.evaluations[rows.evaluations["accuracy"] >= 0.9])
    analysis = analyse_rows(first, target=TARGET)
    on_target = {"large_batch_lr", "middle_batch_size", "fastest_after_tuning", "updates_saturate"}
    assert {reason for v in analysis.verdicts if v.claim in on_target for reason in reasons(v.doubts)} == {"first_look"}
    assert kinds(analysis.recommendation) == ["harder_target"]
    assert "lr_on_edge" not in {warning.kind for warning in analysis.warnings}


def test_trials_on_several_kinds_of_device_are_not_ranked_by_their_clocks():
    rows = hand_rows(tuned({10: 9.0, 100: 3.0}))
    devices = np.where(rows.trials["batch_size"] == 10, "one", "another")
    found = analyse_rows(replace(rows, trials=rows.trials.assign(device_name=devices)), target=TARGET).recommendation
    assert reasons(found.doubts) == {"differing_devices"}
    assert found.grade == "open"
