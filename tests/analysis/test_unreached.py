"""A study of which no trial could be judged: how they ended, what they said, and what to try."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bs_study.analysis.study import analyse_rows
from bs_study.analysis.unreached import Unanswered
from bs_study.report.sentences.no_answer import unanswered
from tests.analysis.hand_rows import TARGET, hand_rows
from tests.analysis.test_study import kinds


def found_of(cells, messages=()):
    rows = hand_rows(cells)
    told = [*messages, *[None] * (len(rows.trials) - len(messages))]
    return analyse_rows(replace(rows, trials=rows.trials.assign(message=told)), target=TARGET).recommendation


def test_all_failed_is_told_with_the_most_frequent_first_line():
    messages = ["KeyError: x\nTraceback", "ValueError: no\nTraceback (1)", "ValueError: no\nTraceback (2)"]
    found = found_of({(10, 0.1): ["failed"] * 2, (20, 0.1): ["failed"] * 2}, messages)
    assert found.unanswered == Unanswered({"failed": 4}, "ValueError: no", 2)
    assert found.best is None
    assert [(step.kind, step.trials) for step in found.steps] == [("finish", 4)]


def test_trials_that_ended_in_several_ways_are_counted():
    cells = {(10, 0.1): ["failed", "diverged"], (20, 0.1): ["diverged", "out_of_memory"]}
    assert found_of(cells).unanswered == Unanswered({"failed": 1, "diverged": 2, "out_of_memory": 1})


def test_trials_that_diverged_say_how():
    found = found_of({(10, 0.1): ["diverged"] * 3}, ["loss nan at iteration 3"] * 2 + ["loss inf at iteration 5"])
    assert found.unanswered == Unanswered({"diverged": 3}, "loss nan at iteration 3", 2)
    assert "2 of them say: “loss nan at iteration 3”." in unanswered(found.unanswered)


@pytest.mark.parametrize("judged", [3.0, "missed", "stopped"])
def test_one_trial_that_was_judged_is_an_answer(judged):
    assert found_of({(10, 0.1): ["failed", judged], (20, 0.1): ["failed"]}).unanswered is None


def test_a_study_without_an_ended_trial_has_none_that_failed():
    assert found_of({}).unanswered is None


def test_where_all_diverged_smaller_lrs_are_the_step():
    (step,) = found_of({(10, 0.1): ["diverged"] * 2, (10, 0.2): ["diverged"] * 2}).steps
    assert (step.kind, step.lrs, step.trials) == ("lrs", (0.001, 0.01), 4)


def test_where_memory_never_sufficed_a_smaller_batch_size_is_the_step():
    (step,) = found_of({(16, 0.1): ["out_of_memory"], (32, 0.1): ["out_of_memory"]}).steps
    assert (step.kind, step.batch_sizes, step.trials) == ("batch_sizes", (8,), 1)


def test_no_easier_target_is_told_of_trials_that_diverged():
    assert "target" not in kinds(found_of({(10, 0.1): ["diverged"] * 2}))
