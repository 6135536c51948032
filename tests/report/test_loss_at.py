"""A report that asks for the lowest held-out loss after a budget: all doors say the same, with or without a target."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from bs_study import analyse, open_study, report
from bs_study.analysis.rows import read_rows
from bs_study.analysis.study import Analysis, analyse_rows
from bs_study.budget import Budget
from bs_study.report.answer_json import answer_json
from bs_study.report.card import card
from bs_study.report.notebook import card_html
from bs_study.report.page import publish
from bs_study.report.terminal import closing
from bs_study.words import number
from tests.analysis.loss_rows import loss_rows
from tests.report.test_page import text_of, words

AT = "examples=30000"


@pytest.fixture(scope="module")
def study(reported: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = Path(shutil.copytree(reported, tmp_path_factory.mktemp("loss") / "small"))
    place = report(folder, question="loss-at", at=AT)
    assert place == str(folder / "report-loss-at-examples-30000/report.html")
    return folder


@pytest.fixture(scope="module")
def found(study: Path) -> Analysis:
    return analyse(study, question="loss-at", at=AT)


def test_terminal_page_notebook_and_json_say_the_same(study: Path, found: Analysis) -> None:
    told, best = card(found), found.loss_at and found.loss_at.best
    assert best is not None
    assert told.use == f"Train with batch size {best.batch_size} at lr {best.lr:g}."
    assert told.took == f"After 30,000 examples its held-out loss is {number(best.value)}, the lowest."
    folder = study / "report-loss-at-examples-30000"
    page, terminal = text_of((folder / "report.html").read_text()), words(" ".join(closing(found)))
    shown = words(re.sub(r"<[^>]*>", " ", card_html(found)))
    for text in (page, terminal, shown):
        assert told.use in text
        assert told.took in text
        assert told.spread in text
    said = json.loads((folder / "answer.json").read_text())["loss_at"]
    assert said["at"] == {"clock": "examples", "value": 30000}
    assert (said["recommendation"]["batch_size"], said["grade"]) == (best.batch_size, told.grade)
    assert said == answer_json(found)["loss_at"]


def test_the_main_figure_is_of_the_loss_and_says_how_it_was_read(study: Path) -> None:
    page = (study / "report-loss-at-examples-30000/report.html").read_text()
    first, rest = (page.index(f'<figure id="{name}"') for name in ("loss_by_batch_size", "time_by_batch_size"))
    assert first < rest
    assert "Held-out loss after 30,000 examples, read between the two evaluations around that" in page


def test_the_table_lies_beside_the_page(study: Path, found: Analysis) -> None:
    table = pd.read_csv(study / "report-loss-at-examples-30000/tables/loss_at.csv")
    assert list(table.columns) == list(found.tables.loss_at.columns)
    assert len(table) == 3 * 4


def test_the_report_of_the_target_has_nothing_of_it(study: Path) -> None:
    assert json.loads((study / "report/answer.json").read_text())["loss_at"] is None
    assert not (study / "report/tables/loss_at.csv").exists()
    assert not (study / "report/figures/loss_by_batch_size.svg").exists()


def test_a_study_without_a_target_has_a_page_of_it(study: Path) -> None:
    opened = open_study(study)
    rows = read_rows(opened)
    bare = replace(rows, config=None, trials=rows.trials.assign(target=""))
    found = analyse_rows(bare, at=Budget.parse(AT), name="bare", uri=str(study))
    assert found.recommendation.target is None
    page = text_of(Path(publish(opened, found)).read_text())
    assert card(found).use in page
    assert "Do large batches still save updates?" not in page


def test_where_nothing_got_so_far_the_answer_says_why() -> None:
    cells = {(size, 0.1): [({50: 1.0}, "completed"), ({20: 9.0}, "diverged")] for size in (8, 32)}
    found = analyse_rows(loss_rows(cells), at=Budget("iterations", 100))
    told = card(found)
    assert told.use == "No trial has a held-out loss after 100 iterations, so there is no answer."
    assert told.unsure == ("2 trials ended before that and 2 trials diverged.",)
    assert closing(found)
    assert answer_json(found)["loss_at"]["recommendation"] is None


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"question": "loss-at"}, "at: question loss-at needs a budget"),
        ({"question": "loss"}, "question: 'loss' is unknown. Ask time-to-target or loss-at"),
        ({"at": AT}, "at: 'examples=30000' is for question loss-at"),
        ({"question": "loss-at", "at": "epochs=1"}, "at: 'epochs=1' is no clock with its value"),
        ({"question": "loss-at", "at": AT, "target": "loss<=1"}, "target: question loss-at has none"),
    ],
)
def test_what_can_not_be_asked_is_refused(study: Path, asked: dict[str, str], told: str) -> None:
    with pytest.raises(ValueError, match=re.escape(told)):
        analyse(study, **asked)
