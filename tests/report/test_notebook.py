"""A notebook shows the card of a study and its main figure."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bs_study import analyse, open_study
from tests.report.demo_store import write_demo_study


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_demo_study(str(tmp_path / "small"), batch_sizes=(64, 256), lrs=(0.04, 0.16), seeds=(0,), max_epochs=10)
    return tmp_path / "small"


def test_a_study_and_its_analysis_show_the_card_and_the_main_figure(folder: Path) -> None:
    study = open_study(folder)
    found = analyse(study)
    best = found.best_cell
    assert best is not None
    for shown in (study._repr_html_(), found._repr_html_()):
        assert f"<strong>Train with batch size {best.batch_size} at lr {best.lr:g}.</strong>" in shown
        assert f'<span class="grade {found.recommendation.grade}">' in shown
        assert shown.count("<svg ") == 1
        assert "<script" not in shown
        assert 'href="#curves' not in shown  # the curves are on the page alone
        assert shown.count("<title>") == shown.count('class="mark"') == 4


def test_two_targets_of_a_study_share_no_id_and_each_has_colours_of_its_own(folder: Path) -> None:
    study = open_study(folder)
    shown = [analyse(study, target)._repr_html_() for target in ("accuracy>=0.9", "accuracy>=0.8")]
    ids = [set(re.findall(r' id="([^"]*)"', text)) for text in shown]
    assert ids[0]
    assert not ids[0] & ids[1]
    for text in shown:
        used, known = (set(re.findall(pattern, text)) for pattern in (r"var\((--[\w-]+)\)", r"(--[\w-]+): #"))
        assert used <= known
        assert ":root" not in text


def test_a_study_in_which_nothing_has_ended_shows_its_card_alone(tmp_path: Path) -> None:
    write_demo_study(str(tmp_path / "s"), batch_sizes=(64,), lrs=(0.1,), max_epochs=1, is_begun=lambda trial: False)
    shown = open_study(tmp_path / "s")._repr_html_()
    assert "No trial has ended yet" in shown
    assert "<svg" not in shown
