"""The report on disk: everything is there, it works on any state of a study, and the page is safe to send."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from bs_study import Target, open_study
from bs_study.report.page import write_report
from tests.report.conftest import HOSTILE
from tests.report.demo_store import write_demo_study

FIGURES = {
    "time_to_target",
    "iterations_to_target",
    "best_lr",
    "metric_by_train_seconds",
    "metric_by_iteration",
    "metric_by_examples",
    "first_losses",
    "first_losses_panels",
    "loss_noise",
    "epoch_time",
    "iteration_time",
}
TABLES = {
    "throughput",
    "clean_throughput",
    "throughput_fit",
    "smoothness",
    "noise_slope",
    "convergence",
    "best",
    "scaling",
    "lr_fit",
}
SMALL: dict[str, Any] = {"batch_sizes": (64, 256), "lrs": (0.04, 0.16), "seeds": (0,), "max_epochs": 10}


def page_of(folder: Path) -> str:
    return (folder / "report/report.html").read_text()


def test_a_report_has_every_figure_as_svg_and_where_asked_as_png(reported: Path) -> None:
    files = {file.name for file in (reported / "report/figures").iterdir()}
    assert files == {f"{name}.{kind}" for name in FIGURES for kind in ("svg", "png")}


def test_a_report_has_every_table_as_csv_and_the_findings_as_json(reported: Path) -> None:
    files = {file.name for file in (reported / "report/tables").iterdir()}
    assert files == {f"{name}.csv" for name in TABLES} | {"findings.json"}
    findings = json.loads((reported / "report/tables/findings.json").read_text())
    assert {"claim", "verdict", "evidence", "how"} <= set(findings[0])


def test_the_csv_of_cells_has_a_row_for_each_cell_of_the_grid(reported: Path) -> None:
    cells = pd.read_csv(reported / "report/tables/convergence.csv")
    assert len(cells) == 3 * 4
    assert (cells["seeds"] == 2).all()


def test_a_cell_that_missed_is_empty_in_the_csv(reported: Path) -> None:
    cells = pd.read_csv(reported / "report/tables/convergence.csv")
    missed = cells[cells["reached"] == 0]
    assert len(missed) > 0
    assert missed["train_seconds_to_target"].isna().all()


def test_the_page_embeds_every_figure_and_refers_to_nothing_outside(reported: Path) -> None:
    page = page_of(reported)
    sources = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert sum(source.startswith("data:image/svg+xml;base64,") for source in sources) == len(FIGURES)
    assert all(source.startswith(("data:", "#")) for source in sources)
    assert "@import" not in page
    assert "url(" not in page


def test_text_from_the_study_is_escaped(reported: Path) -> None:
    page = page_of(reported)
    assert HOSTILE not in page
    assert "<script>alert" not in page
    assert "<img src=x" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "{{ 7 * 7 }}" in page


def test_the_policy_lets_no_other_script_run_and_nothing_load(reported: Path) -> None:
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', page_of(reported))
    assert "default-src &#39;none&#39;" in policy or "default-src 'none'" in policy
    assert "unsafe" not in policy


def test_the_page_answers_before_it_shows_anything_else(reported: Path) -> None:
    page = page_of(reported)
    assert page.index("Train with batch size") < page.index('id="findings"') < page.index('id="figures"')


def test_a_finished_study_says_so(reported: Path) -> None:
    assert "All 24 trials have ended." in page_of(reported)


def test_a_study_that_still_runs_says_how_much_is_missing(tmp_path: Path) -> None:
    write_demo_study(
        str(tmp_path / "s"),
        **SMALL,
        is_begun=lambda trial: trial.lr < 0.1,
        is_ended=lambda trial: trial.batch_size == 64,
    )
    write_report(open_study(tmp_path / "s"))
    assert "Not finished: 1 of 4 trials have ended, 1 are running and 2 are missing" in page_of(tmp_path / "s")


def test_a_study_that_has_not_begun_has_a_page_without_figures(tmp_path: Path) -> None:
    write_demo_study(str(tmp_path / "s"), **SMALL, is_begun=lambda trial: False)
    write_report(open_study(tmp_path / "s"))
    page = page_of(tmp_path / "s")
    assert "No trial has ended yet" in page
    assert "<img" not in page


@pytest.mark.parametrize(
    "changes",
    [
        {"batch_sizes": (64,), "lrs": (0.04,)},
        {"batch_sizes": (64,)},
        {"lrs": (0.04,)},
        {"lrs": (0.6, 0.64), "batch_sizes": (16, 64)},
        {"target": "loss<=0.2"},
        {"target": "accuracy>=0.9999", "max_epochs": 1},
        {"batch_sizes": (12_000,), "max_epochs": 1},
    ],
    ids=["one cell", "one batch size", "one lr", "all diverged", "a loss target", "nothing reached", "one iteration"],
)
def test_a_study_of_any_shape_has_a_report(tmp_path: Path, changes: dict[str, Any]) -> None:
    write_demo_study(str(tmp_path / "s"), **(SMALL | changes))
    assert write_report(open_study(tmp_path / "s")) == str(tmp_path / "s/report/report.html")


def test_another_target_asks_the_same_store_another_question(tmp_path: Path) -> None:
    write_demo_study(str(tmp_path / "s"), **SMALL)
    write_report(open_study(tmp_path / "s"), target=Target("accuracy", 0.5))
    assert "accuracy ≥ 0.5 after" in page_of(tmp_path / "s")


def test_a_study_that_was_timed_alone_shows_its_clean_times_and_says_so(tmp_path: Path) -> None:
    write_demo_study(str(tmp_path / "s"), **SMALL, is_timed=True)
    write_report(open_study(tmp_path / "s"))
    page = page_of(tmp_path / "s")
    assert "Times: measured alone, in the timing pass" in page
    assert "shared the machine with up to 7 others" in page
    figures = {file.stem for file in (tmp_path / "s/report/figures").iterdir()}
    assert figures == FIGURES - {"metric_by_train_seconds"} | {"metric_by_clean_seconds"}


def test_a_new_report_leaves_nothing_of_an_earlier_one(tmp_path: Path) -> None:
    write_demo_study(str(tmp_path / "s"), **SMALL)
    stale = tmp_path / "s/report/figures/gone.svg"
    stale.parent.mkdir(parents=True)
    stale.touch()
    write_report(open_study(tmp_path / "s"))
    assert not stale.exists()


def test_a_report_without_png_leaves_none_of_an_earlier_one(tmp_path: Path) -> None:
    write_demo_study(str(tmp_path / "s"), **SMALL | {"lrs": (0.1,)})
    write_report(open_study(tmp_path / "s"), png=True)
    assert any((tmp_path / "s/report/figures").glob("*.png"))
    write_report(open_study(tmp_path / "s"))
    assert {file.suffix for file in (tmp_path / "s/report/figures").iterdir()} == {".svg"}


def test_a_report_changes_no_table_of_the_store(tmp_path: Path) -> None:
    write_demo_study(str(tmp_path / "s"), **SMALL)
    before = {file: file.stat().st_mtime_ns for file in (tmp_path / "s").rglob("*.parquet")}
    write_report(open_study(tmp_path / "s"))
    assert {file: file.stat().st_mtime_ns for file in (tmp_path / "s").rglob("*.parquet")} == before
