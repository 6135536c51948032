"""The page's first sentences: the cell to use, what it costs to choose otherwise, how sure, and what would help."""

from __future__ import annotations

import dataclasses

from bs_study.analysis.tables import joined_tables
from bs_study.report.answer import answer
from tests.report.hand_tables import hand_tables

CLEAR = {
    (32, 0.1): [4.0, 4.1, 4.2],
    (32, 0.2): [3.0, 3.1, 3.2],
    (32, 0.4): [5.0, 5.1, 5.2],
    (64, 0.1): [4.0, 4.1, 4.2],
    (64, 0.2): [2.0, 2.1, 2.2],
    (64, 0.4): [6.2, 6.3, 6.4],
    (128, 0.1): [9.0, 9.1, 9.2],
    (128, 0.2): [4.1, 4.2, 4.3],
    (128, 0.4): [8.0, 8.1, 8.2],
}


def test_the_answer_names_the_quickest_cell_its_median_and_the_hardware() -> None:
    said = answer(hand_tables(CLEAR))
    assert said.use == "Train with batch size 64 at lr 0.2: accuracy ≥ 0.9 after 2.1 s of training time on a laptop."
    assert "the median of 3 seeds (2 to 2.2 s)" in said.clocks
    assert "the least of 3 batch sizes" in said.clocks


def test_of_several_recipes_the_answer_names_the_soonest_and_what_the_others_cost() -> None:
    slower = {cell: [2 * value for value in seconds] for cell, seconds in CLEAR.items()}
    missed = {cell: [None, None] for cell in CLEAR}
    said = answer(joined_tables({name: hand_tables(c) for name, c in (("a", slower), ("b", CLEAR), ("c", missed))}))
    assert said.use.startswith("Train with batch size 64 at lr 0.2 with the recipe “b”: accuracy ≥ 0.9 after 2.1 s")
    assert "takes 2× (“a”) as long; “c” did not reach the target" in said.cost
    assert said.sure.startswith("At batch size 64 it is sooner than every other recipe")


def test_choosing_another_batch_size_costs_the_ratio_of_the_medians() -> None:
    # 3.1 / 2.1 = 1.476 and 4.2 / 2.1 = 2
    assert "1.48× (batch size 32) to 2× (batch size 128) as long" in answer(hand_tables(CLEAR)).cost


def test_choosing_another_lr_costs_the_ratio_to_the_slowest_of_them() -> None:
    assert "At batch size 64, lr 0.4 took 3× as long." in answer(hand_tables(CLEAR)).cost


def test_a_clear_winner_inside_the_grid_needs_nothing_more() -> None:
    said = answer(hand_tables(CLEAR))
    assert "slower by more than the spread over seeds" in said.sure
    assert said.next == ""


def test_a_clock_with_another_winner_is_named() -> None:
    # Ten iterations a second: by iterations 64 wins (21); examples are iterations × batch size: 32 × 31 < 64 × 21.
    assert "by examples batch size 32 at lr 0.2 (992 examples)" in answer(hand_tables(CLEAR)).clocks


def test_seeds_that_overlap_do_not_tell_the_runner_up_apart() -> None:
    said = answer(hand_tables(CLEAR | {(32, 0.2): [1.9, 2.2, 2.5]}))
    assert "can't be told apart" in said.sure
    assert "more seeds of batch sizes 64 and 32" in said.next


def test_one_seed_says_that_chance_is_unknown() -> None:
    said = answer(hand_tables({cell: seconds[:1] for cell, seconds in CLEAR.items()}))
    assert "how much chance is in it is unknown" in said.sure
    assert "at least 3 seeds" in said.next


def test_a_study_in_which_nothing_reached_the_target_recommends_nothing() -> None:
    said = answer(hand_tables({(32, 0.1): [None, None], (64, 0.1): [None, None]}))
    assert said.use.startswith("No trial reached accuracy ≥ 0.9, so the study recommends no batch size.")
    assert not any("Train with" in sentence for sentence in said.sentences)
    assert "cut off at 50 s of training time" in said.sure


def test_a_cell_that_most_seeds_missed_is_not_recommended_however_quick_the_others_were() -> None:
    said = answer(hand_tables(CLEAR | {(64, 0.2): [0.1, None, None]}))
    assert "batch size 64 at lr 0.2" not in said.use


def test_a_seed_that_missed_is_told_of() -> None:
    said = answer(hand_tables(CLEAR | {(64, 0.2): [1.0, 1.1, None]}))
    assert "the median of 3 seeds, of which 1 never got there" in said.clocks
    assert "their order is open" in said.sure


def test_a_cell_cut_off_before_the_winners_time_might_have_been_quicker() -> None:
    tables = hand_tables({(32, 0.1): [2.0, 2.1, 2.2], (64, 0.1): [None, None, None]}, budget=1.5)
    assert "1 cell that missed was cut off before that time" in answer(tables).sure


def test_a_cell_that_ran_longer_than_the_winner_could_not_have_won() -> None:
    tables = hand_tables({(32, 0.1): [2.0, 2.1, 2.2], (64, 0.1): [None, None, None]})
    assert "Every cell that missed had already run longer" in answer(tables).sure


def test_a_winner_on_the_edge_of_the_grid_names_the_lrs_to_add() -> None:
    said = answer(hand_tables({cell: seconds for cell, seconds in CLEAR.items() if cell[1] <= 0.2}))
    assert "the largest lr tried" in said.sure
    assert "lr 0.4, 0.8 at batch sizes 32, 64 and 128" in said.next


def test_trials_that_have_not_ended_may_change_the_answer() -> None:
    said = answer(hand_tables(CLEAR, expected_trials=30))
    assert "3 of 30 trials have not ended: the answer may change." in said.sure


def test_one_cell_is_not_called_the_best_of_anything() -> None:
    said = answer(hand_tables({(32, 0.1): [2.0]}))
    assert "at the only batch size" in said.clocks
    assert "least of" not in said.clocks
    assert said.cost == ""


def test_without_a_target_nothing_is_ranked() -> None:
    said = answer(dataclasses.replace(hand_tables(CLEAR), target=None))
    assert said.sentences == [said.use]
    assert "can't be ranked" in said.use
