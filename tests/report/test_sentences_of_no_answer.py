"""Why no cell is recommended, in words: on the page, in the terminal and in answer.json it is the same record."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bs_study import Target
from bs_study.analysis.study import Analysis, analyse_rows
from bs_study.analysis.unreached import Unanswered
from bs_study.report.answer_json import answer_json
from bs_study.report.sentences.answer import answer
from bs_study.report.sentences.no_answer import unanswered
from bs_study.report.terminal import closing
from tests.analysis.hand_rows import TARGET, hand_rows
from tests.analysis.test_open_anyway import FAST, first_looks, started_with, two_sizes, within_warm_up


def terminal(found: Analysis) -> str:
    return " ".join(" ".join(closing(found)).split())


@pytest.mark.parametrize(
    ("why", "said"),
    [
        (Unanswered({"failed": 1}, "ValueError: no", 1), "The only trial failed, so there is no answer."),
        (Unanswered({"failed": 1}, "ValueError: no", 1), "It says: “ValueError: no”."),
        (Unanswered({"diverged": 12}), "All 12 trials diverged, so there is no answer."),
        (
            Unanswered({"failed": 8, "diverged": 3, "out_of_memory": 1}, "KeyError: 'x'", 5),
            "None of 12 trials could be judged: 8 failed, 3 diverged and 1 ran out of memory, so there is no answer. "
            "5 of them say: “KeyError: 'x'”.",
        ),
        (Unanswered({"failed": 2}, "x" * 300, 1), f"1 of them says: “{'x' * 199}…”."),
    ],
)
def test_a_study_without_a_judged_trial_says_how_they_ended_and_what_most_said(why: Unanswered, said: str) -> None:
    assert said in " ".join(unanswered(why))


def test_where_all_failed_it_is_not_said_that_none_reached_the_target_and_what_to_do_is() -> None:
    rows = hand_rows({(10, 0.1): ["failed"] * 2, (20, 0.1): ["failed"]})
    rows = replace(rows, trials=rows.trials.assign(message="ValueError: no\nTraceback"))
    found = analyse_rows(rows, target=TARGET)
    for said in (" ".join(answer(found).sentences), terminal(found)):
        assert "All 3 trials failed, so there is no answer. 3 of them say: “ValueError: no”." in said
        assert "--check" in said
        assert "reached" not in said
    assert answer_json(found)["unanswered"] == {"why": {"failed": 3}, "message": "ValueError: no", "messages": 3}


def test_a_target_that_the_initial_weights_meet_is_warned_of_and_no_time_is_told() -> None:
    found = analyse_rows(started_with(two_sizes(), 0.93), target=TARGET)
    said = "The initial weights meet accuracy ≥ 0.9 already, with accuracy 0.93, so the study recommends no batch size."
    assert answer(found).use == said
    assert said in terminal(found)
    assert terminal(found).startswith("warning: The initial weights meet accuracy ≥ 0.9 already")
    assert "Ask for a harder target than accuracy ≥ 0.9" in terminal(found)
    assert "Train with" not in terminal(found)
    assert answer_json(found)["recommendation"] is None


def test_a_fraction_is_at_most_1() -> None:
    found = analyse_rows(two_sizes(), target=Target("accuracy", 90.0))
    assert "No trial can reach accuracy ≥ 90.0, since accuracy is a fraction, at most 1" in answer(found).use
    assert "Ask for another target, accuracy ≥ 0.9." in terminal(found)
    assert "budget" not in terminal(found)


def test_times_within_warm_up_are_told_to_be_unknown() -> None:
    rows = within_warm_up(within_warm_up(two_sizes(), 10, np.nan), FAST, np.nan)
    found = analyse_rows(rows, target=TARGET)
    assert answer(found).use.startswith("18 trials reached accuracy ≥ 0.9 at times that no clock covers")
    assert "Time each batch size alone" in answer(found).next


def test_a_rival_whose_time_is_not_known_reached_the_target_all_the_same() -> None:
    said = answer(analyse_rows(within_warm_up(two_sizes(), FAST, np.nan), target=TARGET))
    assert "Of 1 other batch size that reached the target no time is known by this clock." in said.clocks
    assert "the time of 3 cells of batch size 100 is not known by this clock" in said.sure


def test_the_time_of_a_cell_that_met_the_target_at_its_first_look_is_told_as_at_most() -> None:
    found = analyse_rows(first_looks(two_sizes(), FAST), target=TARGET)
    assert "accuracy ≥ 0.9 after at most 3 s of training time" in answer(found).use
    assert "A typical seed takes at most" in answer(found).clocks
    assert "met the target at the first evaluation, so its time is known only to be no more" in answer(found).sure
    assert "met accuracy ≥ 0.9 after at most 3 s of training time" in terminal(found)
    assert "A typical seed takes at most" in terminal(found)
    assert answer_json(found)["recommendation"]["is_at_most"] is True
    assert answer_json(found)["by_clock"]["iterations"]["is_at_most"] is True
