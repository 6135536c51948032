"""The answer in words: the cell to use, what it costs to choose otherwise, how sure, and what would help."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pandas as pd

from bs_study.analysis.rows import State
from bs_study.analysis.step import Step
from bs_study.analysis.trials import Cell
from bs_study.analysis.unreached import Closest, Missed
from bs_study.analysis.verdict import Doubt
from bs_study.analysis.warnings import Warning
from bs_study.report.sentences.answer import answer
from bs_study.report.sentences.doubts import doubts
from tests.report.records import BEST, CONFIG, OTHER_LR, RIVAL, analysis, comparison, result, verdict

NONE: dict[str, Any] = {"best": None, "comparisons": (), "by_clock": {}}


def test_the_answer_names_the_best_cell_its_time_its_clock_and_the_hardware() -> None:
    said = answer(analysis())
    assert said.use == "Train with batch size 64 at lr 0.2: accuracy ≥ 0.9 after 2 s of training time on a laptop."
    assert "Median of 3 seeds (1.9 to 2.1 s)." in said.clocks
    assert "It is the smallest of 2 batch sizes" in said.clocks


def test_the_best_of_several_recipes_is_named_with_its_recipe() -> None:
    cells = [Cell(recipe, 64, 0.2) for recipe in ("a", "b")]
    found = analysis(
        outcomes={cell: {"reached": 2} for cell in cells},
        best=result(cells[1]),
        comparisons=(comparison(cells[0], winner=cells[1]),),
    )
    said = answer(found)
    assert said.use.startswith("Train with batch size 64 at lr 0.2 with the recipe “b”: ")
    assert "Batch size 64 of “a” is slower, 1.4× (1.2 to 1.7)." in said.cost
    assert "Every other batch size and recipe is known to be slower." in said.sure


def test_an_interval_of_the_best_of_many_says_that_it_was_chosen() -> None:
    said = answer(analysis(best=result(chosen_from=18))).clocks
    assert "A typical seed takes 1.8 to 2.4 s (95 %), chosen from 18 cells; its upper end allows for that." in said
    assert "chosen" not in answer(analysis(best=result(chosen_from=1))).clocks
    assert "typical" not in answer(analysis(best=result(low=np.nan, high=np.nan))).clocks
    assert "at least 1.8 s (95 %)" in answer(analysis(best=result(high=np.inf))).clocks


def test_a_time_by_seeds_that_did_not_choose_the_cell_says_so_and_allows_for_no_choice() -> None:
    fresh = result(seeds=5, times=(1.9, 2.0, 2.1, 1.7, 1.8), fresh=(1.9, 2.0, 2.1))
    said = answer(analysis(best=fresh, config=CONFIG.model_copy(update={"seeds": "auto"})))
    assert said.use == (
        "Train with batch size 64 at lr 0.2: accuracy ≥ 0.9 after 2 s of training time on a laptop. "
        "This is by 3 seeds that did not choose it (a typical seed: 1.8 to 2.4 s)."
    )
    assert "Median of 3 seeds (1.9 to 2.1 s) that came when it was first already" in said.clocks
    assert "Cells are ranked by the median of all 5 seeds (1.7 to 2.1 s)." in said.clocks
    assert "A typical seed takes 1.8 to 2.4 s (95 %)." in said.clocks
    assert "Tables have medians of all seeds." in said.search
    unknown = answer(analysis(best=dataclasses.replace(fresh, low=np.nan, high=np.nan, fresh=(2.0,))))
    assert unknown.use.endswith("on a laptop. This is by 1 seed that did not choose it.")


def test_a_rival_that_is_not_known_to_be_slower_is_as_good_as_far_as_is_known() -> None:
    within = Doubt("within_spread", *RIVAL)
    found = analysis(comparisons=(comparison(RIVAL, within, low=0.9),), doubts=(within,), fastest=verdict(within))
    said = answer(found)
    assert "Not known to be slower: batch size 256, 1.4× (0.9 to 1.7) at its best lr." in said.sure
    assert "Not certain: the difference from batch size 256 at lr 0.2 lies within the spread over seeds." in said.sure
    assert said.cost == ""


def test_a_rival_whose_seeds_missed_takes_at_least_as_long_as_they_ran() -> None:
    found = analysis(
        outcomes={BEST: {"reached": 3}, RIVAL: {"reached": 2, "missed": 1}},
        comparisons=(comparison(ratio=2.1, low=1.4, high=np.inf),),
    )
    assert "Batch size 256 is slower, at least 1.4×." in answer(found).cost


def test_of_a_best_cell_whose_seeds_missed_a_rival_takes_at_most_as_long_as_the_upper_end() -> None:
    one = comparison(RIVAL, Doubt("missed_seeds", *BEST, count=1), ratio=2.1, low=0.0, high=2.4)
    found = analysis(outcomes={BEST: {"reached": 2, "missed": 1}, RIVAL: {"reached": 3}}, comparisons=(one,))
    assert "Not known to be slower: batch size 256, at most 2.4× at its best lr." in answer(found).sure


def test_of_one_seed_each_too_a_rival_with_a_seed_that_missed_takes_at_least_that() -> None:
    nothing: dict[str, Any] = {"low": np.nan, "high": np.nan}
    one = comparison(RIVAL, Doubt("one_seed", *BEST), ratio=2.1, **nothing)
    found = analysis(outcomes={BEST: {"reached": 1}, RIVAL: {"missed": 1}}, comparisons=(one,), best=result(seeds=1))
    assert "Not known to be slower: batch size 256." in answer(found).sure


def test_a_rival_that_diverged_cannot_reach_the_target() -> None:
    infinite: dict[str, Any] = {"ratio": np.inf, "low": np.inf, "high": np.inf}
    found = analysis(
        outcomes={BEST: {"reached": 3}, OTHER_LR: {"out_of_memory": 1, "diverged": 1}, RIVAL: {"diverged": 3}},
        comparisons=(comparison(**infinite), comparison(OTHER_LR, **infinite)),
        missed=(Missed("", 256, {"diverged": 3}, np.nan),),
    )
    said = answer(found).cost
    assert "Batch size 256 can't reach it: it diverged." in said
    assert "No trial" not in said
    assert "At batch size 64, lr 0.1 can't reach it: it diverged or ran out of memory." in said


def test_of_many_rivals_the_nearest_and_the_farthest_are_named() -> None:
    rivals = [comparison(Cell("", size, 0.2), ratio=ratio) for size, ratio in ((16, 1.5), (32, 2.0), (128, 4.2))]
    said = answer(analysis(comparisons=tuple(rivals))).cost
    assert said == "3 other batch sizes are slower: 1.5× (batch size 16) to 4.2× (batch size 128)."


def test_a_clock_by_which_another_cell_is_first_is_named_and_so_are_ties() -> None:
    by_clock = {
        "train_seconds": result(),
        "iterations": result(RIVAL, clock="iterations", value=107.0),
        "examples": result(clock="examples", tied=3),
    }
    said = answer(analysis(by_clock=by_clock, best=result(tied=2))).clocks
    assert "1 other cell has the same median." in said
    assert "It has the smallest median by examples too." in said
    assert "By examples, 2 other cells have the same median." in said
    assert "By iterations, batch size 256 at lr 0.2 has the smallest median (107 iterations)." in said


def test_a_batch_size_that_ran_out_of_budget_is_told_from_one_that_was_not_tried() -> None:
    missed = (
        Missed("", 16, {"missed": 4, "not_tried": 2}, 3.0),
        Missed("", 256, {"reached": 1, "missed": 5}, 3.0),
    )
    said = answer(analysis(missed=missed)).cost
    assert "No trial of batch size 16 reached the target." in said
    assert "Of these, 4 ran out of budget and 2 ended at another target." in said
    assert "Batch size 256 reached it in 1 of 6 trials, too few at each lr." in said


def test_where_no_trial_reached_the_target_the_closest_cell_is_named() -> None:
    closest = Closest(RIVAL, 0.87654)
    cells = {BEST: {"missed": 3}, RIVAL: {"missed": 3}}
    nothing = Doubt("nothing_reached")
    said = answer(analysis(outcomes=cells, closest=closest, doubts=(nothing,), fastest=verdict(nothing), **NONE))
    assert said.use.startswith("No trial reached accuracy ≥ 0.9, so the study recommends no batch size.")
    assert "The closest came batch size 256 at lr 0.2, with accuracy 0.8765." in said.use
    assert (said.times, said.clocks, said.cost) == ("", "", "")


def test_where_some_trials_reached_the_target_it_is_not_said_that_none_did() -> None:
    said = answer(analysis(outcomes={BEST: {"reached": 1, "missed": 2}}, doubts=(Doubt("nothing_reached"),), **NONE))
    assert said.use.startswith("No cell reached accuracy ≥ 0.9 with most of its seeds")
    assert "1 trial reached it." in said.use


def test_a_target_that_tells_nothing_recommends_nothing_and_says_why() -> None:
    said = answer(analysis(doubts=(Doubt("first_look", count=12),), **NONE))
    assert said.use == "The target tells nothing, so the study recommends no batch size."
    assert said.sure == "Why: every trial that reached the target met it at its first evaluation."


def test_without_a_target_or_an_ended_trial_nothing_is_ranked() -> None:
    said = answer(analysis(target=None, doubts=(Doubt("no_target"),), **NONE))
    assert "can't be ranked" in said.use
    assert said.sure == ""
    waiting = State(expected=30, ended=0, running=2, missing=28)
    said = answer(analysis(outcomes={}, seconds={}, state=waiting, **NONE))
    assert said.use == "No trial has ended yet, so there is no answer so far."
    assert said.sure == "30 of 30 trials have not ended."


def test_trials_that_have_not_ended_may_change_the_answer_and_are_told_of_once() -> None:
    state, left = State(expected=30, ended=27, running=0, missing=3), Doubt("not_ended", count=3)
    said = answer(analysis(state=state, doubts=(left,), fastest=verdict(left))).sure
    assert "3 of 30 trials have not ended: the answer may change." in said
    assert said.count("not ended") == 1


def test_a_study_that_leans_is_not_called_sure() -> None:
    edge = Doubt("lr_on_edge", *BEST)
    warned = Warning("lr_on_edge", cells=(BEST,), batch_sizes=(64,), names=("high",))
    said = answer(analysis(doubts=(edge,), warnings=(warned,))).sure
    assert "Every other batch size" not in said
    assert "Not certain: the best lr of batch size 64 is the largest tried." in said


def test_doubts_of_one_reason_are_said_once_for_all_batch_sizes() -> None:
    edges = [Doubt("lr_on_edge", "", size, 0.4) for size in (32, 64, 128)]
    high = {("", size): "high" for size in (32, 64, 128)}
    assert doubts(edges, edges=high) == ["the best lr of batch sizes 32, 64 and 128 is the largest tried"]
    assert doubts(edges, edges=high | {("", 32): "low"}) == [
        "the best lr of batch size 32 is the smallest tried",
        "the best lr of batch sizes 64 and 128 is the largest tried",
    ]
    cut = [Doubt("missed_earlier", "", 32, lr) for lr in (0.1, 0.2)]
    assert doubts(cut) == ["2 cells of batch size 32 ended too early to tell"]


def test_times_measured_alone_are_told_from_those_of_trials_that_shared_a_machine() -> None:
    clean = pd.DataFrame({"iteration_seconds_spread": [0.012], "neighbours": [0]})
    trials = pd.DataFrame({"device_name": ["a laptop"], "neighbours": [3]})
    found = analysis()
    of_trials = answer(dataclasses.replace(found, tables=dataclasses.replace(found.tables, trials=trials)))
    assert of_trials.times == "Times are by the clocks of the trials, which shared the machine with up to 3 others."
    alone = dataclasses.replace(found.tables, clean_throughput=clean, trials=trials)
    said = answer(dataclasses.replace(found, tables=alone)).times
    assert "measured alone in the timing pass. Its repeats differ by up to 1.2 %." in said
    assert "Training time is by the clocks of the trials, which shared" in said


def test_what_would_help_is_said_in_words() -> None:
    lrs = Step("lrs", lrs=(0.4,), at=(64,), trials=9)
    steps = (Step("finish", trials=3), Step("seeds", seeds=(3, 4), trials=12), lrs)
    state = State(expected=30, ended=27, running=0, missing=3)
    said = answer(analysis(steps=steps, state=state)).next
    assert said.startswith("Finish the 3 trials that have not ended. Add seeds 3 and 4: 12 trials.")
    assert said.endswith(" Add lr 0.4, because of batch size 64: 9 trials.")


def test_batch_sizes_that_are_equal_will_both_do_where_every_other_one_is_slower() -> None:
    within, slow = Doubt("within_spread", *RIVAL), Cell("", 16, 0.1)
    equal = comparison(RIVAL, within, ratio=1.02, low=0.97, high=1.08, is_equal=True)
    found = analysis(comparisons=(equal, comparison(slow)), doubts=(within,), fastest=verdict(within))
    said = answer(found)
    assert said.use.startswith(
        "Train with batch size 64 (lr 0.2) or 256 (lr 0.2): their times differ by at most 10 %. "
    )
    assert "Batch size 64 at lr 0.2 met accuracy ≥ 0.9 after 2 s" in said.use
    assert "As good, within 10 %: batch size 256, 1.02× (0.97 to 1.08) at its best lr." in said.sure
    assert "Not certain" not in said.sure
    unknown = comparison(slow, Doubt("one_seed", *slow))
    said = answer(analysis(comparisons=(equal, unknown), doubts=(within,), fastest=verdict(within)))
    assert said.use.startswith("Train with batch size 64 at lr 0.2: ")
