import numpy as np
import pandas as pd
import pytest

from bs_study import Target
from bs_study.analysis.best import best
from bs_study.analysis.cell_times import cell_times
from bs_study.analysis.convergence import time_to_target, trial_times
from tests.analysis.curves import ACCURACY, cells_from, cells_of, evaluations_of, one, trial_of


def test_the_first_evaluation_that_meets_the_target_gives_every_time():
    row = one(time_to_target(evaluations_of("a", [0.5, 0.9, 0.8, 0.95]), target=ACCURACY))
    assert row["iterations_to_target"] == 200
    assert row["examples_to_target"] == 2000
    assert row["epochs_to_target"] == 4
    assert row["train_seconds_to_target"] == pytest.approx(2.0)
    assert row["compute_seconds_to_target"] == pytest.approx(1.6)
    assert row["wall_seconds_to_target"] == pytest.approx(2.0 + 2 * 1.0)
    assert row["best_metric"] == 0.95


def test_a_target_that_was_never_met_is_missing():
    row = one(time_to_target(evaluations_of("a", [0.5, np.nan]), target=ACCURACY))
    assert row.filter(like="_to_target").isna().all()
    assert row["best_metric"] == 0.5


def test_a_metric_that_is_nan_never_meets_a_target_of_either_direction():
    for direction in ("max", "min"):
        times = time_to_target(evaluations_of("a", [np.nan, np.nan]), target=Target("accuracy", 0.0, direction))
        assert np.isnan(one(times)["iterations_to_target"])
        assert np.isnan(one(times)["best_metric"])


def test_a_loss_is_met_from_above_and_infinity_is_not_its_best():
    table = evaluations_of("a", [np.inf, 0.2, 0.1, 0.3], metric="loss")
    row = one(time_to_target(table, target=Target.parse("loss<=0.1")))
    assert (row["iterations_to_target"], row["best_metric"]) == (300, 0.1)


def test_evaluations_out_of_order_are_put_in_order():
    table = evaluations_of("a", [0.5, 0.9, 0.95]).iloc[::-1]
    assert one(time_to_target(table, target=ACCURACY))["wall_seconds_to_target"] == pytest.approx(4.0)


def test_an_unknown_metric_is_refused_by_name():
    with pytest.raises(ValueError, match=r"'recall'.*accuracy"):
        time_to_target(evaluations_of("a", [0.5]), target=Target("recall", 0.5))


def test_no_evaluations_give_no_rows():
    assert len(time_to_target(evaluations_of("a", []), target=ACCURACY)) == 0


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"optimizer": "sgd", "momentum": 0.9}, 1.0),
        ({"optimizer": "sgd", "momentum": 0.9, "nesterov": True}, 1.0),
        ({"optimizer": "adam", "momentum": 0.9}, 0.1),
        ({"optimizer": "adamw", "momentum": 0.5}, 0.1),
        ({"momentum": 0.5}, 0.2),
        ({}, 0.1),
    ],
)
def test_the_effective_lr_is_that_of_sgd_with_momentum_and_the_lr_itself_elsewhere(columns, expected):
    assert one(cells_of([trial_of("a", **columns)], {"a": [0.9]}))["effective_lr"] == pytest.approx(expected)


def test_the_median_counts_a_seed_that_missed_as_above_every_number():
    trials = [trial_of(f"s{k}", seed=k, stop_reason="max_epochs") for k in range(3)]
    two = one(cells_of(trials, {"s0": [0.9], "s1": [0.5, 0.9], "s2": [0.5, 0.5]}))
    assert (two["reached"], two["missed"], two["status"]) == (2, 1, "mixed")
    assert two["iterations_to_target"] == 200
    assert two["iterations_to_target_low"] == 100
    assert np.isnan(two["iterations_to_target_high"])
    assert two["censored_by"] == ""
    one_of_three = one(cells_of(trials, {"s0": [0.9], "s1": [0.5], "s2": [0.5]}))
    assert np.isnan(one_of_three["iterations_to_target"])
    assert one_of_three["censored_by"] == "max_epochs"


def test_of_two_seeds_one_that_missed_leaves_no_median():
    trials = [trial_of("s0"), trial_of("s1", seed=1)]
    assert np.isnan(one(cells_of(trials, {"s0": [0.9], "s1": [0.5]}))["iterations_to_target"])


def test_the_median_of_two_seeds_is_between_them():
    trials = [trial_of("s0"), trial_of("s1", seed=1)]
    row = one(cells_of(trials, {"s0": [0.9], "s1": [0.5, 0.5, 0.5, 0.9]}))
    assert row["iterations_to_target"] == 250
    assert row["status"] == "reached"
    assert row["best_metric"] == 0.9


def test_a_failed_seed_is_no_answer_but_a_diverged_one_missed_for_good():
    reached = {"s0": [0.9], "s1": [0.5]}
    failed = one(cells_of([trial_of("s0"), trial_of("s1", seed=1, status="failed")], reached))
    assert (failed["iterations_to_target"], failed["failed"], failed["seeds"]) == (100, 1, 2)
    diverged = one(cells_of([trial_of("s0"), trial_of("s1", seed=1, status="diverged")], reached))
    assert np.isnan(diverged["iterations_to_target"])
    assert diverged["diverged"] == 1


@pytest.mark.parametrize("status", ["diverged", "out_of_memory", "failed"])
def test_a_cell_has_the_status_of_all_its_trials(status):
    row = one(cells_of([trial_of("a", status=status)], {}))
    assert row["status"] == status
    assert row["censored_by"] == ""
    assert np.isnan(row["iterations_to_target"])


def test_a_trial_that_was_never_evaluated_did_not_miss():
    row = one(cells_of([trial_of("a")], {}))
    assert (row["status"], row["missed"]) == ("not_evaluated", 0)


def test_a_trial_whose_metric_was_never_a_number_missed():
    assert one(cells_of([trial_of("a")], {"a": [np.nan]}))["status"] == "missed"


def test_without_a_target_nobody_missed():
    row = one(cells_of([trial_of("a")], {"a": [0.9]}, target=None))
    assert (row["status"], row["reached"], row["missed"]) == ("completed", 0, 0)


@pytest.mark.parametrize("reason", ["max_iterations", "max_epochs", "max_train_seconds"])
def test_a_cell_that_missed_says_by_which_budget_and_where(reason):
    row = one(cells_of([trial_of("a", max_epochs=2.5, stop_reason=reason)], {"a": [0.5]}))
    assert (row["status"], row["censored_by"], row["max_epochs"]) == ("missed", reason, 2.5)
    assert np.isnan(row["max_examples"])
    assert row["censored_iterations"] == 400
    assert row["censored_wall_seconds"] == 8.0


def test_budgets_and_reasons_that_differ_within_a_cell_are_none_and_mixed():
    trials = [
        trial_of("s0", max_epochs=2.5, stop_reason="max_epochs"),
        trial_of("s1", seed=1, max_epochs=5.0, stop_reason="max_iterations"),
    ]
    row = one(cells_of(trials, {"s0": [0.5], "s1": [0.5]}))
    assert (row["censored_by"], np.isnan(row["max_epochs"])) == ("mixed", True)


def test_a_trial_that_ended_at_an_easier_target_of_its_own_was_not_tried_at_this_one_and_did_not_miss():
    row = one(cells_of([trial_of("a", stop_reason="target", target="accuracy >= 0.4")], {"a": [0.5]}))
    assert (row["status"], row["missed"], row["not_tried"]) == ("not_tried", 0, 1)
    assert row["censored_iterations"] == 400


def test_a_time_is_known_to_lie_after_the_last_look_that_did_not_meet_the_target():
    row = one(time_to_target(evaluations_of("a", [0.5, 0.6, 0.9, 0.5]), target=ACCURACY))
    assert (row["iterations_before_target"], row["iterations_to_target"]) == (200, 300)
    assert row["wall_seconds_before_target"] == pytest.approx(2.0 + 2 * 1.0)
    first = one(time_to_target(evaluations_of("a", [0.9, 0.5]), target=ACCURACY))
    assert (first["iterations_before_target"], first["iterations_to_target"]) == (0, 100)


@pytest.mark.parametrize(
    ("metrics", "window", "iterations"),
    [
        ([0.5, 0.9, 0.5, 0.9, 0.9], 1, 200),
        ([0.5, 0.9, 0.5, 0.9, 0.9], 3, 400),
        ([0.9, 0.9, 0.5], 3, 300),
        ([0.9, 0.9], 3, np.nan),
        ([0.9, np.nan, 0.5, 0.9], 3, np.nan),
        ([0.9, np.nan, 0.9], 3, 300),
    ],
)
def test_with_a_window_the_median_of_the_last_looks_must_meet_the_target(metrics, window, iterations):
    row = one(time_to_target(evaluations_of("a", metrics), target=ACCURACY, window=window))
    assert row["iterations_to_target"] == pytest.approx(iterations, nan_ok=True)


def test_a_window_does_not_reach_from_one_trial_into_the_next():
    both = pd.concat([evaluations_of("a", [0.5, 0.9, 0.9]), evaluations_of("b", [0.9, 0.5, 0.5], seed=1)])
    times = time_to_target(both, target=ACCURACY, window=3).set_index("trial_id")["iterations_to_target"]
    assert times["a"] == 300
    assert np.isnan(times["b"])


def test_running_trials_do_not_count():
    table = pd.concat([evaluations_of("a", [0.5]), evaluations_of("live", [0.9], seed=1)])
    row = one(cells_from(table, pd.DataFrame([trial_of("a")])))
    assert (row["seeds"], row["reached"]) == (1, 0)


def test_no_trials_give_no_cells_and_no_best():
    cells = cells_of([trial_of("a")], {"a": [0.5]})
    none = cells_from(evaluations_of("a", []), pd.DataFrame([trial_of("a")])[:0])
    assert list(none.columns) == list(cells.columns)
    assert len(none) == len(best(none)) == 0


def test_lrs_that_differ_in_the_last_digit_are_different_cells():
    near = 0.1 + 1e-16 * 2
    assert near != 0.1
    assert len(cells_of([trial_of("a"), trial_of("b", lr=near)], {"a": [0.9], "b": [0.9]})) == 2


def warm_times(*, timed, recorded, **columns):
    """Times of a trial looked at each iteration, with clocks of 10 ms for each timed one, that met the target last."""
    looks = evaluations_of("a", [0.5] * (len(timed) - 1) + [0.95], every=1)
    seconds = [0.01 * count or np.nan for count in timed]
    looks = looks.assign(train_seconds=seconds, compute_seconds=seconds, eval_seconds=1.0)
    looks = looks.assign(timed_iterations=timed) if recorded else looks
    end = {"iterations": len(timed), "train_seconds": seconds[-1], "warmup_iterations": 3, "target": "accuracy>=0.9"}
    trials = pd.DataFrame([trial_of("a", stop_reason="target", **end, **columns)])
    return trial_times(looks, trials, target=ACCURACY)


@pytest.mark.parametrize("recorded", [True, False])
def test_a_time_by_a_training_clock_has_the_warm_up_iterations_at_the_mean_of_the_others(recorded):
    row = one(warm_times(timed=[0, 0, 0, 1, 2, 3], recorded=recorded))
    assert row["train_seconds_to_target"] == pytest.approx(0.06)
    assert row["wall_seconds_to_target"] == pytest.approx(0.06 + 6)
    assert row["train_seconds_before_target"] == pytest.approx(0.05)
    assert row["train_seconds_at_end"] == pytest.approx(0.06)


def test_each_attempt_warms_up_and_the_clock_says_how_many_it_covers():
    row = one(warm_times(timed=[0, 0, 0, 1, 2, 2, 2, 2, 3], recorded=True, timed_iterations=3))
    assert row["train_seconds_to_target"] == pytest.approx(0.09)
    assert row["train_seconds_at_end"] == pytest.approx(0.09)


def test_a_look_before_within_the_warm_up_was_a_look():
    times = warm_times(timed=[0, 0, 0, 1], recorded=True)
    row = one(times)
    assert row["train_seconds_before_target"] == pytest.approx(0.03)
    assert row["wall_seconds_before_target"] == pytest.approx(0.03 + 3)
    found = cell_times(times, clocks=["train_seconds", "wall_seconds"], open_cells=times.head(0))
    assert [cell.is_at_most for cells in found.values() for cell in cells.values()] == [False, False]


def test_a_target_that_is_met_within_the_warm_up_has_no_time():
    row = one(warm_times(timed=[0, 0], recorded=True))
    assert row["iterations_to_target"] == 2
    assert np.isnan(row["train_seconds_to_target"])
