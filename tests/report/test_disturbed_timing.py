"""A timing pass that was disturbed ranks, with a doubt and a step to time again, and nothing says that it is clean."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bs_study.analysis.study import Analysis, analyse_rows
from bs_study.launch.trackers.answer import tracked_answer
from bs_study.report.answer_json import answer_json
from bs_study.report.answer_tables import clock_rows
from bs_study.report.page_tables import page_tables
from bs_study.report.sentences import verdicts
from bs_study.report.sentences.answer import answer
from bs_study.report.terminal import closing
from tests.analysis.hand_rows import TARGET
from tests.analysis.test_open_anyway import FAST, SLOW, two_sizes
from tests.analysis.test_timings import timing, timings


def timed(*, disturbed: bool) -> Analysis:
    own = {"device_name": "a laptop", "iteration_seconds_spread": 0.02}
    alone = timings(timing(SLOW, 0.01, disturbed=disturbed, **own), timing(FAST, 0.01, disturbed=False, **own))
    rows = two_sizes(timings=alone)
    return analyse_rows(replace(rows, trials=rows.trials.assign(threads=1)), target=TARGET)


def told(found: Analysis) -> str:
    words = [*answer(found).sentences, *closing(found), *(row.clock for row in clock_rows(found))]
    words += [text for one in found.verdicts for text in (verdicts.claim(one), *verdicts.numbers(one))]
    tables = page_tables(found).values()
    words += [text for table in tables for text in (table.title, table.note, *(str(head) for head in table.headings))]
    return " ".join(words)


def test_where_nothing_disturbed_the_pass_its_time_is_clean() -> None:
    assert "of clean training time" in answer(timed(disturbed=False)).use
    assert "disturbed timing" not in told(timed(disturbed=False))


def test_with_one_disturbed_batch_size_no_time_is_called_clean() -> None:
    found = timed(disturbed=True)
    assert found.recommendation.best is not None
    assert (found.recommendation.clock, found.recommendation.best.batch_size) == ("clean_seconds", FAST)
    assert "after 3 s of training time (disturbed timing)" in answer(found).use
    assert f"It was disturbed at batch size {SLOW}, so no time is clean." in answer(found).times
    assert "clean" not in told(found).replace("so no time is clean", "")


@pytest.mark.parametrize("disturbed", [False, True])
def test_trackers_are_told_the_time_as_the_answer_tells_it(disturbed: bool) -> None:
    found = timed(disturbed=disturbed)
    clock = "training time (disturbed timing)" if disturbed else "clean training time"
    assert tracked_answer(found)["time_to_target"] == f"3 s of {clock}"
    assert found.recommendation.best is not None
    at_most = replace(found.recommendation, best=replace(found.recommendation.best, is_at_most=True))
    assert tracked_answer(replace(found, recommendation=at_most))["time_to_target"] == f"at most 3 s of {clock}"


def test_a_disturbed_timing_keeps_the_order_open_and_the_step_times_again() -> None:
    found = timed(disturbed=True)
    doubts = [one for one in answer_json(found)["doubts"] if one["reason"] == "disturbed_timing"]
    assert [one["batch_size"] for one in doubts] == [SLOW]
    assert f"Not certain: the timing of batch size {SLOW} was disturbed." in answer(found).sure
    assert "timing" in {step.kind for step in found.recommendation.steps}


@pytest.mark.parametrize("claim", ["epoch_time", "iteration_time"])
def test_how_long_an_iteration_takes_is_open_too(claim: str) -> None:
    (verdict,) = [one for one in timed(disturbed=True).verdicts if one.claim == claim]
    assert "disturbed_timing" in {doubt.reason for doubt in verdict.doubts}
