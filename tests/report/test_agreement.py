"""Page, terminal, answer.json and the verdicts say one thing: on small stores drawn at random."""

from __future__ import annotations

import html
import json
import random
import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bs_study import Study, Target, analyse, open_study
from bs_study.analysis.study import Analysis
from bs_study.report.page import publish
from bs_study.report.sentences.answer import answer
from bs_study.report.sentences.rivals import WITHIN
from bs_study.report.sentences.steps import step
from bs_study.report.sentences.times import interval
from bs_study.report.terminal import closing
from bs_study.words import counted, setting
from tests.report.demo_store import write_demo_study

TARGETS = ("accuracy>=0.5", "accuracy>=0.8", "accuracy>=0.9", "accuracy>=0.96", "accuracy>=0.999", "loss<=0.3")
RECIPES: tuple[tuple[dict[str, Any], ...], ...] = ((), ({}, {"momentum": 0.9}))


def random_study(folder: Path, seed: int) -> Study:
    """A study of a few cells: some trials missing, some running, with or without a timing pass and recipes."""
    draw = random.Random(seed)
    is_auto = seed % 3 == 2
    write_demo_study(
        str(folder),
        batch_sizes=tuple(sorted(draw.sample([64, 256, 1024, 4096], draw.randint(1, 3)))),
        lrs=tuple(sorted(draw.sample([0.02, 0.08, 0.32, 0.64], draw.randint(1, 3)))),
        seeds=tuple(range(draw.randint(1, 3) + 2 * is_auto)),
        is_auto=is_auto,
        target=draw.choice(TARGETS),
        max_epochs=draw.choice([1, 4, 12]),
        recipes=draw.choice(RECIPES),
        is_timed=draw.random() < 0.5,
        is_ended=lambda trial: draw.random() < 0.9,
        is_begun=lambda trial: draw.random() < 0.95,
    )
    return open_study(folder)


class Said:
    """An analysis, and all that is said of it."""

    def __init__(self, study: Study, found: Analysis) -> None:
        report = Path(publish(study, found)).parent
        self.found = found
        self.json: dict[str, Any] = json.loads((report / "answer.json").read_text())
        text = re.sub(r"<(style|script).*?</\1>", "", (report / "report.html").read_text(), flags=re.DOTALL)
        text = re.sub(r"<article[^>]* hidden>.*?</article>", "", text, flags=re.DOTALL)  # of other targets
        self.page = " ".join(html.unescape(re.sub(r"<[^>]+>", " ", text)).split())
        self.terminal = " ".join(" ".join(closing(found)).split())


@pytest.fixture(scope="module", params=range(10))
def said(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Said:
    study = random_study(tmp_path_factory.mktemp("drawn") / "study", request.param)
    asked = Target.parse(random.Random(request.param).choice(TARGETS)) if request.param % 2 else None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return Said(study, analyse(study, asked))


def told_grade(said: Said) -> str:
    return str(said.json["grade"]).capitalize()


def test_all_recommend_the_same_cell_or_none(said: Said) -> None:
    best = said.found.recommendation.best
    if best is None:
        assert said.json["recommendation"] is None
        assert "Train with" not in said.page + said.terminal
        return
    told = said.json["recommendation"]
    assert (told["recipe"], told["batch_size"], told["lr"]) == (best.recipe, best.batch_size, best.lr)
    assert told["value"] == pytest.approx(best.value)
    words = f"Train with batch size {setting(best.batch_size)} at lr {setting(best.lr)}"
    assert words in said.page
    assert words in said.terminal
    assert f" {told_grade(said)}: " in said.terminal
    assert re.findall(r"Train with batch size (\d+)", said.page + said.terminal) == [str(best.batch_size)] * len(
        re.findall("Train with", said.page + said.terminal)
    )


def test_a_time_by_seeds_that_did_not_choose_the_cell_is_the_same_everywhere(said: Said) -> None:
    best = said.found.recommendation.best
    if best is None:
        return
    told = said.json["recommendation"]
    assert told["fresh"] == pytest.approx(list(best.fresh))
    assert said.json["by_clock"][best.clock] == told
    words = f"by {counted(len(best.fresh), 'seed')} that did not choose it"
    assert (words in said.page) == (words in said.terminal) == bool(best.fresh)
    if best.fresh:
        assert told["value"] == pytest.approx(np.median(best.fresh))
        assert interval(best) in said.page
        assert interval(best) in said.terminal


def test_one_of_these_studies_has_such_seeds(tmp_path: Path) -> None:
    found = analyse(random_study(tmp_path / "auto", 8)).recommendation.best
    assert found is not None
    assert found.fresh


def test_the_page_has_each_sentence_of_the_answer(said: Said) -> None:
    told = answer(said.found)
    steps = [step(one, said.found) for one in said.found.recommendation.steps]
    assert told.next == " ".join(steps)
    for part in (told.use, told.times, told.clocks, told.cost, told.sure, *steps):
        assert " ".join(part.split()) in said.page


def test_an_order_is_known_to_all_or_to_none(said: Said) -> None:
    found = said.found.recommendation
    for name, comparisons in (("slower", found.slower), ("as_good", found.as_good)):
        told = {(one["recipe"], one["batch_size"], one["lr"]) for one in said.json[name]}
        assert told == {tuple(one.rival) for one in comparisons}
    others = [one for one in found.comparisons if found.best and one.rival[:2] != found.best.cell[:2]]
    is_open = any(not one.is_slower for one in others)
    named = "Not known to be slower: " in said.terminal or f"As good{WITHIN}: " in said.terminal
    assert is_open or not named
    assert named or not is_open or "The report says more." in said.terminal  # where lines are scarce
    if found.fastest.outcome == "supported":
        assert all(one.is_slower for one in others)
        assert not any(doubt.reason == "within_spread" for doubt in found.doubts)


def test_verdicts_are_the_same_everywhere_and_the_fastest_is_the_recommendations(said: Said) -> None:
    verdicts = said.found.verdicts
    assert [(one["claim"], one["recipe"], one["outcome"]) for one in said.json["verdicts"]] == [
        (one.claim, one.recipe, one.outcome) for one in verdicts
    ]
    assert sum(one is said.found.recommendation.fastest for one in verdicts) == 1
    assert said.json["grade"] == said.found.recommendation.grade
    assert (said.json["grade"] == "settled") <= (said.found.recommendation.fastest.outcome == "supported")
    for outcome in ("supported", "contradicted", "undecided"):
        assert said.page.count(f" {outcome} ") >= sum(one.outcome == outcome for one in verdicts)


def test_each_step_has_the_same_command_on_the_page_and_in_the_json(said: Said) -> None:
    for told in said.json["steps"]:
        assert told["command"] in said.page


def test_the_first_step_has_the_same_command_in_the_terminal_too(said: Said) -> None:
    for told in said.json["steps"][:1]:
        typed = said.terminal.replace(" \\ ", " ")
        assert told["command"] in typed or "The report has the command." in typed


def test_every_number_of_the_json_is_finite(said: Said) -> None:
    def numbers(value: Any) -> list[float]:
        parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
        return [value] if isinstance(value, float) else [number for part in parts for number in numbers(part)]

    assert np.isfinite(numbers(said.json)).all()
