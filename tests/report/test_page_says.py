"""The page says the analysis: its answer, verdicts, steps and comparisons, in that order and whole."""

from __future__ import annotations

import html
import re
from pathlib import Path

from bs_study import open_study
from bs_study.answer import analyse
from bs_study.report.answer_tables import rival_rows
from bs_study.report.questions import QUESTIONS
from bs_study.report.sentences import steps, verdicts
from bs_study.report.sentences.answer import answer
from bs_study.report.sentences.doubts import edges_of
from bs_study.words import CLOCK_WORDS, amount, setting
from tests.report.test_page import page_of, text_of, words


def test_the_page_answers_before_it_shows_anything_else(reported: Path) -> None:
    page = page_of(reported)
    places = [page.index(f'id="{name}"') for name in ("answer", *(one.name for one in QUESTIONS if not one.needs))]
    assert places == sorted(places)
    assert places[0] < page.index("Train with batch size") < places[1]


def test_the_page_says_all_of_the_answer_and_every_verdict_with_its_outcome(reported: Path) -> None:
    found, text = analyse(open_study(reported)), text_of(page_of(reported))
    said = answer(found)
    for part in (said.use, said.times, said.clocks, said.cost, said.sure):
        assert words(part) in text
    for verdict in found.verdicts:
        why = verdicts.why(verdict, edges=edges_of(found))
        assert words(f"{verdict.outcome} {verdicts.claim(verdict)} {why}") in text
    assert {verdict.outcome for verdict in found.verdicts} >= {"supported", "undecided"}


def test_every_step_stands_with_its_command_as_it_is_typed(reported: Path) -> None:
    found, page = analyse(open_study(reported)), page_of(reported)
    codes = [html.unescape(re.sub("<[^>]*>", "", code)) for code in re.findall(r"<code>(.*?)</code>", page)]
    assert found.recommendation.steps
    for record in found.recommendation.steps:
        assert words(steps.step(record, found)) in text_of(page)
        assert steps.command(record, found) in codes


def test_every_other_batch_size_has_a_row_with_its_ratio_or_why_it_is_open(reported: Path) -> None:
    found, text = analyse(open_study(reported)), text_of(page_of(reported))
    others = [c for c in found.recommendation.comparisons if c.rival.batch_size != c.winner.batch_size]
    assert len(others) == 2
    for comparison in others:
        (row,) = rival_rows(found, [comparison])
        assert (
            words(f"{row.batch_size} {row.lr} {row.ratio} {'yes' if comparison.is_slower else 'no'} {row.why}") in text
        )
        assert bool(row.why) is not comparison.is_slower


def test_the_best_cell_by_each_clock_is_shown_with_what_it_took(reported: Path) -> None:
    found, text = analyse(open_study(reported)), text_of(page_of(reported))
    for clock, best in found.recommendation.by_clock.items():
        took = amount(best.value, clock=clock)
        assert words(f"{CLOCK_WORDS[clock]} {best.cell.batch_size} {setting(best.cell.lr)} {took}") in text
