"""What a study with gradients has on its page and in answer.json, and that one without reads as it did."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from bs_study import open_study
from bs_study.analysis.verdict import CLAIMS, GRADIENT_CLAIMS
from bs_study.report.page import write_report
from tests.report.browser import CHROMIUM, observe
from tests.report.demo_store import write_demo_study


@pytest.fixture(scope="module")
def probed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a study with gradients and a report; 3 batch sizes, 4 lrs, 2 seeds."""
    folder = tmp_path_factory.mktemp("store") / "probed"
    sizes, lrs = (64, 256, 1024), (0.02, 0.08, 0.32, 0.64)
    write_demo_study(str(folder), batch_sizes=sizes, lrs=lrs, seeds=(0, 1), max_epochs=20, has_gradients=True)
    write_report(open_study(folder))
    return folder


def answer(folder: Path) -> dict[str, Any]:
    told: dict[str, Any] = json.loads((folder / "report/answer.json").read_text())
    return told


def section(folder: Path) -> str:
    """Return the text of the question on gradients; empty where it is not asked."""
    page = (folder / "report/report.html").read_text()
    found = re.search(r'<section class="question" id="gradients">.*?</section>', page, re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", found[0])).split()) if found else ""


def test_the_page_has_the_figures_the_claims_and_the_tables_of_gradients(probed: Path) -> None:
    page = (probed / "report/report.html").read_text()
    for name in ("gradient_agreement", "minima", "stable_lr", "table-noise_scale", "table-minima", "table-sharpness"):
        assert f'id="{name}' in page
    assert {one["claim"] for one in answer(probed)["verdicts"]} == {*CLAIMS, *GRADIENT_CLAIMS}
    assert "so their ends are not compared" in section(probed)  # at the target


def test_its_answer_has_the_rows_of_the_tables(probed: Path) -> None:
    told = answer(probed)
    for name in ("noise_scale", "sharpness", "minima"):
        written = pd.read_csv(probed / f"report/tables/{name}.csv")
        assert len(told[name]) == len(written) > 0


def test_a_study_without_gradients_says_nothing_of_them(reported: Path) -> None:
    told = answer(reported)
    assert section(reported) == ""
    assert [one["claim"] for one in told["verdicts"]] == list(CLAIMS)
    assert {one["evidence"]["confidence"] for one in told["verdicts"] if one["claim"] == "noise"} == {1 - 0.025 / 8}
    assert told["noise_scale"] == told["sharpness"] == told["minima"] == []
    assert not (reported / "report/tables/minima.csv").exists()


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium here: apt-get install chromium")
def test_at_most_600_words_are_unfolded_with_gradients_too(probed: Path, tmp_path: Path) -> None:
    script = "return page.body.innerText.split(/\\s+/).length;"
    words, _ = observe(probed / "report/report.html", script, tmp_path)
    assert words <= 600
