"""The last lines of a study: the recommendation as a card, of at most twelve lines, with what to type next."""

from __future__ import annotations

import dataclasses
import os
import re
import shlex
import sys
from typing import NamedTuple

import numpy as np
import pytest

from bs_study.analysis.rows import State
from bs_study.analysis.step import Step
from bs_study.analysis.study import Analysis
from bs_study.analysis.trials import Cell
from bs_study.analysis.verdict import Doubt
from bs_study.analysis.warnings import Warning
from bs_study.report.sentences.rivals import how_much, rivals
from bs_study.report.sentences.steps import command
from bs_study.report.sentences.times import interval, took
from bs_study.report.terminal import WIDTH, closing, page_at, terminal_width
from bs_study.target import Target
from bs_study.words import setting
from tests.report.random_records import random_analysis
from tests.report.records import BEST, RIVAL, analysis, comparison, verdict

NARROW = 46


class World(NamedTuple):
    """An analysis, and the lines that are printed of it."""

    found: Analysis
    wide: list[str]
    narrow: list[str]


@pytest.fixture(scope="module")
def worlds() -> list[World]:
    found = (equal_at_times(random_analysis(seed), seed) for seed in range(200))
    return [World(one, closing(one), closing(one, width=NARROW)) for one in found]


def equal_at_times(found: Analysis, seed: int) -> Analysis:
    """Return the analysis, in every third of which the rivals that are not known to be slower are as good."""
    told = found.recommendation
    equal = [dataclasses.replace(one, is_equal=not one.is_slower and not seed % 3) for one in told.comparisons]
    return dataclasses.replace(found, recommendation=dataclasses.replace(told, comparisons=tuple(equal)))


def text_of(lines: list[str]) -> str:
    return " ".join(" ".join(lines).split())


def split(lines: list[str]) -> tuple[list[str], list[str]]:
    """Return the lines of alarms, and the others."""
    first = next((n for n, line in enumerate(lines) if not line.startswith(("warning: ", "  "))), len(lines))
    return lines[:first], lines[first:]


def test_the_card_tells_cell_time_interval_grade_cost_step_and_command_in_this_order() -> None:
    lines = closing(analysis(steps=(Step("seeds", seeds=(3, 4), trials=12),)))
    assert lines == [
        "Train with batch size 64 at lr 0.2. It met accuracy ≥ 0.9 after 2 s of training",
        "  time on a laptop. A typical seed takes 1.8 to 2.4 s (95 %), by 3 seeds.",
        "Settled: the other batch size is known to be slower.",
        "Others take longer: 1.4× (1.2 to 1.7) at batch size 256.",
        "Next: Add seeds 3 and 4: 12 trials.",
        "  bs-study run --resume results/digits --seeds 3 4",
    ]


def test_what_is_as_good_and_why_stand_before_what_others_cost() -> None:
    within = Doubt("within_spread", *RIVAL)
    found = analysis(
        comparisons=(comparison(RIVAL, within, low=0.9), comparison(Cell("", 16, 0.1), ratio=3.0, low=2.0, high=4.5)),
        doubts=(within,),
        fastest=verdict(within),
    )
    told = text_of(closing(found))
    assert "Open: 1 of 2 other batch sizes is known to be slower. Not known to be slower: batch size 256, " in told
    assert told.index("Not known to be slower") < told.index("Not certain: ") < told.index("Others take longer")
    assert "Others take longer: 3× (2 to 4.5) at batch size 16." in told


def test_at_80_columns_a_card_and_its_page_take_12_lines_and_alarms_before_it_take_3(worlds: list[World]) -> None:
    for found, wide, _ in worlds:
        alarms, lines = split(wide)
        assert len(alarms) <= 3
        assert len([*lines, *page_at(f"{found.uri}/report/report.html")]) <= 12


def test_no_line_is_wider_than_the_terminal_but_for_a_word_that_is(worlds: list[World]) -> None:
    for world in worlds:
        for lines, width in ((world.wide, WIDTH), (world.narrow, NARROW)):
            assert all(len(line) <= width or len(line.removesuffix(" \\").split()) == 1 for line in lines)


def test_no_line_ends_between_a_number_and_its_unit(worlds: list[World]) -> None:
    lines = [line for world in worlds for line in (*world.wide, *world.narrow)]
    assert [line for line in lines if re.search(r"(?:\blr|[≤≥])$", line) or re.match(r" *(?:ms|s|%)(?!\w)", line)] == []


def test_a_narrow_terminal_has_the_same_words_as_a_wide_one(worlds: list[World]) -> None:
    for _, *each in worlds:
        narrow, wide = ([word for line in lines for word in line.removesuffix(" \\").split()] for lines in each)
        assert narrow == wide


def test_where_a_batch_size_is_recommended_its_cell_time_interval_and_grade_are_told(worlds: list[World]) -> None:
    recommended = 0
    for found, _, narrow in worlds:
        told, best = text_of(narrow), found.recommendation.best
        assert ("Train with batch size" in told) == (best is not None)
        graded = re.findall(r"(Settled|Leaning|Open): (?:the|every|none|there|\d+ of)", told)
        if best is None:
            assert graded == []
            continue
        recommended += 1
        assert graded == [found.recommendation.grade.capitalize()]
        assert f"batch size {setting(best.batch_size)} " in told.lower()
        assert {f"lr {setting(best.lr)}", f"(lr {setting(best.lr)}"} & set(re.findall(r"\(?lr [\d.]*\d", told))
        assert f"after {took(best)} of training time" in told
        assert interval(best) in told
    assert recommended > 150


def test_each_ratio_is_one_of_a_rival_that_is_known_to_be_slower(worlds: list[World]) -> None:
    ratios = 0
    for found, wide, _ in worlds:
        told = text_of(wide)
        (said,) = re.findall(r"Others take longer: (.*?)(?:(?<!\d)\.|\.(?= |$))", told) or [""]
        known = {
            f"{how_much(one, found)} at {setting(one.rival.batch_size)}"
            + (f" of “{one.rival.recipe}”" * bool(one.rival.recipe))
            for one in rivals(found.recommendation.slower).others
        }
        for one in re.split(r", (?=at least|[\d.]+×)", said) if said else []:
            ratios += 1
            assert one.replace("at batch size", "at") in known
    assert ratios > 150


def test_what_is_cut_short_is_told_to_be_in_the_report() -> None:
    others = [Cell("", 2**k, 0.2) for k in (0, 1, 2, 3, 4, 5, 7, 8, 9, 10)]
    told = text_of(closing(analysis(comparisons=tuple(comparison(cell) for cell in others))))
    assert told.startswith("Train with batch size 64 at lr 0.2.")
    named = told.count("1.4× (1.2 to 1.7)")
    assert 4 <= named < 10
    assert f"The report has {10 - named} more." in told


def test_an_alarm_of_the_clock_stands_before_any_ranking() -> None:
    alarm = Warning("clock_alarm", batch_sizes=(64,), names=("beyond_peak",), numbers={"ratio": 3.2})
    assert closing(analysis(warnings=(alarm,)))[0].startswith("warning: The clock can't be right")
    assert closing(analysis())[0].startswith("Train with")
    many = closing(analysis(warnings=(alarm, Warning("first_look"), Warning("out_of_range"))))
    assert many[2] == "warning: The report has 2 more warnings."


def test_how_long_the_trials_of_the_next_step_take_is_told_where_it_is_known() -> None:
    for trials, said in ((6, "6 trials. They take about 60 s of training on one device."), (1, "1 trial. It takes")):
        found = analysis(steps=(Step("seeds", seeds=(3,), trials=trials),))
        known = found.tables.trials.assign(train_seconds=10.0)
        found = dataclasses.replace(found, tables=dataclasses.replace(found.tables, trials=known))
        assert f"Next: Add seed 3: {said}" in text_of(closing(found))


def test_a_warning_that_is_no_alarm_is_left_to_the_report() -> None:
    assert closing(analysis(warnings=(Warning("untimed"),))) == closing(analysis())


def test_a_study_that_is_settled_can_be_asked_for_another_target() -> None:
    found = analysis()
    known = found.tables.convergence.assign(best_metric=[0.95, 0.93])
    found = dataclasses.replace(found, tables=dataclasses.replace(found.tables, convergence=known))
    *_, said, typed = closing(found)
    assert said == "Next: Open the report, or ask for another target."
    words = shlex.split(typed)
    assert words[:4] == ["bs-study", "report", "results/digits", "--target"]
    asked = Target.parse(words[4])
    assert asked.metric == "accuracy"
    assert asked.value == pytest.approx(0.94, abs=1e-3)


def test_a_command_is_the_first_steps_and_one_over_several_lines_is_the_same_to_a_shell(worlds: list[World]) -> None:
    printed = 0
    for found, *each in worlds:
        for printed_lines in each:
            lines = "\n".join(printed_lines).replace(" \\\n   ", "").splitlines()
            told = [shlex.split(line) for line in lines if line.startswith("  bs-study")]
            first = [command(one, found) for one in found.recommendation.steps[:1]]
            hidden = "The report has the command." in text_of(lines)
            assert told == [shlex.split(words) for words in first if words and not hidden]
            printed += len(told)
    assert printed > 150


def test_a_command_of_many_lines_is_left_to_the_report() -> None:
    lrs = tuple(0.001 * k for k in range(1, 60))
    lines = closing(analysis(steps=(Step("lrs", lrs=lrs, trials=59),)))
    assert text_of(lines).endswith("The report has the command.")
    assert not any("python" in line for line in lines)


def test_a_command_is_launched_as_the_study_was_and_a_step_without_one_is_told() -> None:
    found = analysis(steps=(Step("timing"), Step("seeds", seeds=(3,), trials=4)))
    lines = closing(found, start="bs-study run --local")
    assert lines[-2:] == [
        "Next: Time each batch size alone, in a timing pass. The report has 1 more step.",
        "  bs-study run --local --resume results/digits --timing",
    ]
    harder = closing(analysis(steps=(Step("harder_target"),)))
    assert harder[-1] == "Next: Ask for a harder target than accuracy ≥ 0.9, in a study of its own."


def test_a_study_of_which_nothing_has_ended_says_so_and_how_to_go_on() -> None:
    state = State(expected=12, ended=0, running=2, missing=10)
    steps = (Step("finish", trials=12),)
    found = analysis(outcomes={}, seconds={}, best=None, comparisons=(), by_clock={}, state=state, steps=steps)
    assert closing(found) == [
        "No trial has ended yet, so there is no answer so far.",
        "12 of 12 trials have not ended.",
        "Next: Finish the 12 trials that have not ended.",
        "  bs-study run --resume results/digits",
    ]


def test_of_a_study_that_still_runs_it_is_told_that_the_answer_may_change() -> None:
    found = analysis(outcomes={BEST: {"reached": 3}}, seconds={BEST: 2.0}, comparisons=(), state=State(12, 9, 2, 1))
    assert "3 of 12 trials have not ended: the answer may change." in text_of(closing(found))


def test_a_page_whose_place_is_long_has_a_line_of_its_own() -> None:
    assert page_at("results/digits/report/report.html") == ["Report: results/digits/report/report.html"]
    place = f"/home/{'a' * 60}/my study/report/report.html"
    assert page_at(place) == ["Report:", place]


def test_lines_are_as_wide_as_the_terminal_up_to_80_and_80_where_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    for is_terminal, columns, width in ((True, 46, 46), (True, 200, 80), (False, 46, 80)):
        monkeypatch.setattr(sys.stdout, "isatty", lambda told=is_terminal: told, raising=False)
        monkeypatch.setattr("shutil.get_terminal_size", lambda _, told=columns: os.terminal_size((told, 24)))
        assert terminal_width() == width


def test_a_batch_size_that_cannot_reach_the_target_or_missed_it_is_told_without_a_ratio() -> None:
    infinite = comparison(ratio=np.inf, low=np.inf, high=np.inf)
    found = analysis(outcomes={BEST: {"reached": 3}, RIVAL: {"diverged": 3}}, comparisons=(infinite,))
    assert "Batch size 256 can't reach the target." in closing(found)
