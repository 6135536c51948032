"""The page of a study that has not begun, or still runs."""

from __future__ import annotations

import re
from pathlib import Path

from bs_study import open_study
from bs_study.answer import analyse
from bs_study.report.page import publish, write_report
from tests.report.demo_store import write_demo_study
from tests.report.test_page import SMALL, page_of


def test_a_study_that_still_runs_says_how_much_is_missing(tmp_path: Path) -> None:
    write_demo_study(
        str(tmp_path / "s"),
        **SMALL,
        is_begun=lambda trial: trial.lr < 0.1,
        is_ended=lambda trial: trial.batch_size == 64,
    )
    write_report(open_study(tmp_path / "s"))
    assert "Not finished: 1 of 4 trials has ended, 1 is running and 2 are missing" in page_of(tmp_path / "s")


def test_a_page_that_is_written_again_loads_itself_again_and_says_so(tmp_path: Path) -> None:
    write_demo_study(str(tmp_path / "s"), **SMALL, is_ended=lambda trial: trial.batch_size == 64)
    study = open_study(tmp_path / "s")
    for again, reloads in ((30.0, ["30"]), (None, [])):
        publish(study, analyse(study), again_seconds=again)
        page = page_of(tmp_path / "s")
        assert re.findall(r'http-equiv="refresh" content="(\d+)"', page) == reloads
        assert ("is written again about every 30 s" in page) == bool(reloads)


def test_a_study_that_has_not_begun_has_a_page_without_figures(tmp_path: Path) -> None:
    write_demo_study(str(tmp_path / "s"), **SMALL, is_begun=lambda trial: False)
    write_report(open_study(tmp_path / "s"))
    page = page_of(tmp_path / "s")
    assert "No trial has ended yet" in page
    assert "<svg" not in page
