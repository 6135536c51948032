"""The recommendation as a card: what it says of hard cases, and that it never says more than the record."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bs_study.analysis.rows import State
from bs_study.analysis.step import Step
from bs_study.analysis.study import Analysis
from bs_study.analysis.trials import Cell
from bs_study.analysis.unreached import Closest, Missed, Unanswered
from bs_study.analysis.verdict import Doubt
from bs_study.report.card import Card, Cost, card
from bs_study.report.next_step import NextStep
from bs_study.report.sentences.rivals import rivals
from tests.report.random_records import random_analysis
from tests.report.records import BEST, OTHER_LR, RIVAL, analysis, comparison, result, verdict
from tests.report.test_sentences import MOST_WORDS, sentences, words

NONE: dict[str, Any] = {"best": None, "comparisons": (), "by_clock": {}}
NO_END: dict[str, Any] = {"low": np.nan, "high": np.nan}


def texts(told: Card) -> list[str]:
    step = [told.step.text] if told.step else []
    each = (told.use, told.took, told.spread, told.why, told.left, *told.as_good, *told.unsure, *step)
    return [one for text in each for one in sentences(text)]


def doubted(*others: Cell, **changes: Any) -> Analysis:
    """Return an analysis whose best cell is compared with others that are not known to be slower."""
    doubts = tuple(Doubt("within_spread", *cell) for cell in others)
    compared = tuple(comparison(doubt_cell, doubt) for doubt_cell, doubt in zip(others, doubts, strict=True))
    return analysis(
        comparisons=(*compared, *changes.pop("more", ())), doubts=doubts, fastest=verdict(*doubts), **changes
    )


def test_a_card_says_what_to_use_what_it_took_and_by_how_many_seeds() -> None:
    told = card(analysis())
    assert told.use == "Train with batch size 64 at lr 0.2."
    assert told.took == "It met accuracy ≥ 0.9 after 2 s of training time on a laptop."
    assert told.spread == "A typical seed takes 1.8 to 2.4 s (95 %), by 3 seeds."
    assert (told.grade, told.why) == ("settled", "The other batch size is known to be slower.")
    assert (told.left, told.as_good, told.unsure, told.step) == ("", (), (), None)
    assert told.costs == (Cost("256", "1.4× (1.2 to 1.7)"),)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"fresh": (1.9, 2.0)}, "A typical seed takes 1.8 to 2.4 s (95 %), by 2 seeds that did not choose it."),
        ({"fresh": (1.9,), **NO_END}, "This is by 1 seed that did not choose it."),
        ({"seeds": 1, "times": (2.0,), **NO_END}, "This is by one seed, which shows no spread."),
        (
            {"high": np.inf, "seeds": 4},
            "A typical seed takes 1.8 s or more (95 %), by 4 seeds, of which 1 did not reach the target.",
        ),
        ({"low": 0.0, "is_at_most": True}, "A typical seed takes at most 2.4 s (95 %), by 3 seeds."),
        ({"low": 0.0, "high": np.inf, "is_at_most": True}, "This is by 3 seeds."),
    ],
)
def test_an_end_of_the_interval_that_is_not_known_is_not_told(changes: dict[str, Any], said: str) -> None:
    told = card(analysis(best=result(**changes)))
    assert told.spread == said
    assert ("after at most 2 s" in told.took) == ("is_at_most" in changes)


def test_a_grade_counts_what_it_is_given_by() -> None:
    slow, slower = (comparison(Cell("", size, 0.2)) for size in (16, 1024))
    assert card(doubted(RIVAL)).why == "The other batch size is not known to be slower."
    assert card(doubted(RIVAL, more=(slow,))).why == "1 of 2 other batch sizes is known to be slower."
    leaning = card(doubted(RIVAL, more=(slow, slower)))
    assert (leaning.grade, leaning.why) == ("leaning", "2 of 3 other batch sizes are known to be slower.")
    none = card(doubted(RIVAL, Cell("", 16, 0.2)))
    assert (none.grade, none.why) == ("open", "None of 2 other batch sizes are known to be slower.")


def test_what_is_open_beside_the_comparisons_is_told_to_be() -> None:
    edge = Doubt("lr_on_edge", *BEST)
    told = card(analysis(comparisons=(comparison(), comparison(Cell("", 16, 0.2))), doubts=(edge,)))
    assert told.grade == "leaning"
    assert told.why == "Every other batch size is known to be slower, yet something else is open."
    assert told.unsure == ("Not certain: the best lr of batch size 64 lies on the edge of those there are.",)


def test_one_batch_size_has_nothing_to_be_compared_with() -> None:
    alone = Doubt("alone")
    told = card(analysis(outcomes={BEST: {"reached": 3}}, comparisons=(), doubts=(alone,), fastest=verdict(alone)))
    assert (told.grade, told.why) == ("open", "There is no other batch size to compare it with.")
    assert (told.unsure, told.costs) == ((), ())


def test_of_batch_sizes_that_are_as_good_each_is_named_and_the_time_is_of_the_first() -> None:
    equal = comparison(RIVAL, Doubt("tie", *RIVAL), ratio=1.02, low=0.97, high=1.08, is_equal=True)
    told = card(analysis(comparisons=(equal, comparison(Cell("", 16, 0.2)))))
    assert told.use.startswith("Train with batch size 64 (lr 0.2) or 256 (lr 0.2): their times differ by at most 10 %")
    assert told.took.startswith("Batch size 64 at lr 0.2 met accuracy ≥ 0.9 after 2 s")
    assert told.why == "Every other batch size is known to be slower, or as good."
    assert told.as_good == ("As good, within 10 %: batch size 256, 1.02× (0.97 to 1.08) at its best lr.",)
    assert [cost.name for cost in told.costs] == ["16"]


def test_of_many_batch_sizes_that_are_as_good_the_best_is_named_and_how_many_there_are() -> None:
    cells = [Cell("", 2**k, 0.2) for k in range(5)]
    equal = [comparison(cell, Doubt("tie", *cell), ratio=1.02, low=0.97, high=1.08, is_equal=True) for cell in cells]
    told = card(analysis(comparisons=tuple(equal)))
    assert told.use == (
        "Train with batch size 64 at lr 0.2, or with 5 others as good: their times differ by at most 10 %."
    )
    assert told.took.startswith("The first met accuracy ≥ 0.9 after 2 s")
    assert told.why == "Every other batch size is as good, within 10 %."


def test_recipes_are_named_wherever_a_batch_size_is() -> None:
    cells = [Cell(recipe, 64, 0.2) for recipe in ("a", "b")]
    found = analysis(
        outcomes={cell: {"reached": 3} for cell in cells},
        best=result(cells[0]),
        comparisons=(comparison(cells[1], winner=cells[0]),),
    )
    told = card(found)
    assert told.use == "Train with batch size 64 at lr 0.2 with the recipe “a”."
    assert told.why == "The other batch size and recipe is known to be slower."
    assert told.costs == (Cost("64 of “b”", "1.4× (1.2 to 1.7)"),)


def test_costs_begin_with_what_is_known_and_end_with_what_did_not_reach_the_target() -> None:
    cut, ranked, hopeless, open_one = (Cell("", size, 0.2) for size in (1, 2, 4, 8))
    infinite: dict[str, Any] = {"ratio": np.inf, "low": np.inf, "high": np.inf}
    found = analysis(
        outcomes={BEST: {"reached": 3}, cut: {"missed": 3}, ranked: {"reached": 3}, hopeless: {"diverged": 3}},
        comparisons=(
            comparison(cut, ratio=1.3, low=1.1, high=np.inf),
            comparison(ranked, ratio=2.8, low=1.5, high=5.5),
            comparison(hopeless, **infinite),
            comparison(open_one, Doubt("missed_earlier", *open_one), ratio=1.3, low=0.9, high=np.inf),
        ),
        missed=(
            Missed("", 1, {"missed": 3}, 3.0),
            Missed("", 4, {"diverged": 3}, np.nan),
            Missed("", 8, {"missed": 2, "outrun": 1}, 3.0),
            Missed("", 16, {"reached": 1, "missed": 2}, 3.0),
            Missed("", 32, {"failed": 2, "not_evaluated": 1}, np.nan),
        ),
    )
    assert card(found).costs == (
        Cost("2", "2.8× (1.5 to 5.5)"),
        Cost("1", "at least 1.1×"),
        Cost("4", "can't reach the target", is_known=False),
        Cost("8", "did not reach the target", is_known=False),
        Cost("16", "reached it in 1 of 3 trials", is_known=False),
        Cost("32", "gave no answer", is_known=False),
    )


def test_a_batch_size_that_diverged_and_is_not_known_to_be_slower_says_only_that_it_diverged() -> None:
    found = doubted(RIVAL, missed=(Missed("", 256, {"diverged": 1, "out_of_memory": 1}, np.nan),))
    assert card(found).costs == (Cost("256", "diverged or ran out of memory", is_known=False),)


def test_an_lr_is_no_cost_and_one_that_is_open_is_as_good() -> None:
    doubt = Doubt("one_seed", *OTHER_LR)
    told = card(analysis(comparisons=(comparison(), comparison(OTHER_LR, doubt, ratio=3.2, **NO_END))))
    assert told.as_good == ("Not known to be slower at batch size 64: lr 0.1, 3.2×.",)
    assert [cost.name for cost in told.costs] == ["256"]


@pytest.mark.parametrize(
    ("changes", "use"),
    [
        ({"state": State(4, 0, 2, 2)}, "No trial has ended yet, so there is no answer so far."),
        ({"unanswered": Unanswered({"failed": 3})}, "All 3 trials failed, so there is no answer."),
        ({"target": None}, "The study has no target, so its cells can't be ranked."),
        ({"closest": Closest(BEST, 0.85)}, "The closest came batch size 64 at lr 0.2, with accuracy 0.85."),
    ],
)
def test_without_a_recommendation_it_is_said_why_and_nothing_is_graded(changes: dict[str, Any], use: str) -> None:
    nothing = Doubt("nothing_reached")
    found = analysis(outcomes={BEST: {"missed": 3}}, doubts=(nothing,), fastest=verdict(nothing), **NONE | changes)
    told = card(found)
    assert use in told.use
    assert (told.took, told.spread, told.grade, told.why, told.as_good, told.costs) == ("", "", "", "", (), ())
    assert told.left == ("4 of 4 trials have not ended." if "state" in changes else "")
    assert told.left not in told.unsure


def test_a_study_that_still_runs_may_change_its_answer() -> None:
    open_end = Doubt("not_ended")
    told = card(analysis(state=State(12, 9, 2, 1), doubts=(open_end,), fastest=verdict(open_end)))
    assert told.left == "3 of 12 trials have not ended: the answer may change."
    assert told.unsure == ()  # it is told


def test_the_first_step_is_the_next_and_one_that_cannot_be_typed_has_no_command() -> None:
    two = (Step("timing"), Step("seeds", seeds=(3,), trials=4))
    told = card(analysis(steps=two), start="bs-study run --local").step
    assert told is not None
    assert told.command == "bs-study run --local --resume results/digits --timing"
    assert told.trials == 0
    harder = card(analysis(steps=(Step("harder_target"),))).step
    assert harder is not None
    assert harder.command == ""
    assert harder.lasts == ""


def with_trials(step: Step) -> Analysis:
    """Return an analysis of three trials, of 10 s each at 16, and of 40 s at 64, where it ran out of budget."""
    found = analysis(steps=(step,))
    trials = pd.DataFrame({"trial_id": list("abc"), "batch_size": [16, 16, 64], "train_seconds": [10.0, 10.0, 40.0]})
    times = pd.DataFrame({"trial_id": list("abc"), "outcome": ["reached", "reached", "missed"]})
    return dataclasses.replace(found, tables=dataclasses.replace(found.tables, trials=trials, times=times))


@pytest.mark.parametrize(
    ("step", "seconds"),
    [
        (Step("seeds", seeds=(3,), trials=6), 6 * 20),
        (Step("finish", trials=2), 2 * 20),
        (Step("lrs", lrs=(0.4,), at=(64,), trials=6), 6 * 20),  # of every batch size: 64 is only why
        (Step("batch_sizes", batch_sizes=(128,), trials=2), 2 * 40),
        (Step("batch_sizes", batch_sizes=(8, 128), trials=4), 4 * 20),
        (Step("budget", at=(64,), trials=3), 10 + 10 + 4 * 40),
        (Step("timing"), np.nan),
    ],
)
def test_a_step_lasts_as_long_as_its_trials_did_so_far(step: Step, seconds: float) -> None:
    told = card(with_trials(step)).step
    assert told is not None
    assert told.seconds == pytest.approx(seconds, nan_ok=True)


def test_how_long_a_step_lasts_is_told_in_two_digits() -> None:
    assert NextStep("", "", 3, 123.4).lasts == "about 2 min of training on one device"
    assert NextStep("", "", 3, 18.72).lasts == "about 19 s of training on one device"
    assert NextStep("", "", 3, np.nan).lasts == ""


def test_of_any_record_no_sentence_is_long_or_shows_what_is_missing() -> None:
    for found in map(random_analysis, range(200)):
        told = card(found)
        for one in [*texts(told), *(f"{cost.name} {cost.ratio}" for cost in told.costs)]:
            assert words(one) <= MOST_WORDS, one
            assert not re.search(r"\bnan\b|\binf\b|None\b(?! of)|  |–", one), one


def test_of_any_record_an_order_comes_with_its_grade_and_only_where_it_is_known() -> None:
    for found in map(random_analysis, range(200)):
        told, record = card(found), found.recommendation
        assert told.grade == (record.grade if record.best else "")
        slower = {str(one.rival.batch_size) for one in rivals(record.slower).others}
        assert {cost.name.partition(" of ")[0] for cost in told.costs if cost.is_known} <= slower
        if not record.best:
            assert "slower" not in " ".join(texts(told))
