"""The best lr of each batch size, by every clock."""

import numpy as np
import pandas as pd

from bs_study.analysis.best import best
from tests.analysis.curves import cells_from, cells_of, evaluations_of, one, trial_of


def grid(curves, **columns):
    """Cells of curves by (batch size, lr); None is a trial that diverged."""
    trials = [
        trial_of(f"b{size}-{lr}", batch_size=size, lr=lr, status="completed" if metrics else "diverged", **columns)
        for (size, lr), metrics in curves.items()
    ]
    return cells_of(trials, {f"b{size}-{lr}": metrics or [] for (size, lr), metrics in curves.items()})


def test_the_best_lr_has_the_smallest_time_and_missed_or_diverged_cells_have_no_rank():
    table = best(grid({(10, 0.1): [0.5, 0.9], (10, 0.2): [0.9], (10, 0.4): [0.5], (10, 0.8): None, (20, 0.1): [0.5]}))
    row = table.set_index("batch_size").loc[10]
    assert row["best_lr_by_iterations"] == 0.2
    assert row["iterations_to_target"] == 100
    assert bool(row["is_best_by_iterations"])
    other = table.set_index("batch_size").loc[20]
    assert np.isnan(other["best_lr_by_iterations"])
    assert not other["is_best_by_iterations"]


def test_of_lrs_that_tie_the_smallest_is_named_and_the_tie_counted():
    row = one(best(grid({(10, 0.4): [0.9], (10, 0.1): [0.9], (10, 0.2): [0.5, 0.9]})))
    assert (row["best_lr_by_iterations"], row["tied_by_iterations"]) == (0.1, 2)


def test_batch_sizes_that_tie_are_both_best():
    table = best(grid({(10, 0.1): [0.9], (20, 0.1): [0.9]}))
    assert table["is_best_by_iterations"].tolist() == [True, True]
    assert table["is_best_by_examples"].tolist() == [True, False]


def test_the_winner_differs_by_the_clock():
    slow = evaluations_of("slow", [0.9], lr=0.1, slow=5.0)
    fast = evaluations_of("fast", [0.5, 0.9], lr=0.2)
    trials = pd.DataFrame([trial_of("slow", lr=0.1), trial_of("fast", lr=0.2)])
    row = one(best(cells_from(pd.concat([slow, fast]), trials)))
    assert (row["best_lr_by_iterations"], row["best_lr_by_train_seconds"]) == (0.1, 0.2)


def test_a_cell_that_missed_earlier_than_the_best_time_is_a_censored_rival():
    curves = {(10, 0.1): [0.5] * 4 + [0.9], (10, 0.2): [0.5]}
    assert one(best(grid(curves)))["censored_rivals_by_iterations"] == 1
    curves[(10, 0.1)] = [0.5, 0.9]
    assert one(best(grid(curves)))["censored_rivals_by_iterations"] == 0


def test_a_target_met_at_once_costs_nothing_and_is_best():
    table = evaluations_of("a", [0.9], every=0)
    row = one(best(cells_from(table, pd.DataFrame([trial_of("a")]))))
    assert row["iterations_to_target"] == 0
    assert bool(row["is_best_by_iterations"])
