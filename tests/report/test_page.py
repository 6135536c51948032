"""The report on disk: everything is there, it works on any state of a study, and the page is safe to send."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from bs_study import Target, open_study
from bs_study.answer import analyse
from bs_study.report.page import publish, write_report
from bs_study.report.sentences.answer import answer
from tests.faults.small_studies import set_column
from tests.report.conftest import HOSTILE
from tests.report.demo_store import write_demo_study

FIGURES = {
    "time_to_target",
    "iterations_to_target",
    "best_lr",
    "examples_by_iterations",
    "metric_by_train_seconds",
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
    "times",
    "target_spread",
    "scaling_curve",
    "critical_batch",
}
SMALL: dict[str, Any] = {"batch_sizes": (64, 256), "lrs": (0.04, 0.16), "seeds": (0,), "max_epochs": 10}


def page_of(folder: Path) -> str:
    return (folder / "report/report.html").read_text()


def text_of(page: str) -> str:
    """Return what a reader sees: text without tags, blanks as one."""
    return words(html.unescape(re.sub(r"<[^>]*>", " ", page.partition("<body>")[2])))


def words(text: str) -> str:
    return " ".join(text.split())


def figures_of(folder: Path) -> set[str]:
    """Return the figures of each recipe, without those of single trials."""
    of_all = re.compile(r"time_by_batch_size(-\d+)?|against_best|(time|critical)_by_target|(.*-)?curves-b\d+")
    names = {file.stem for file in (folder / "report/figures").iterdir()}
    return {name for name in names if not of_all.fullmatch(name)}


def test_a_report_has_every_figure_as_svg_and_where_asked_as_png(reported: Path) -> None:
    files = {file.name for file in (reported / "report/figures").iterdir()}
    assert figures_of(reported) == FIGURES
    whole = {"time_by_batch_size", "against_best", "time_by_target", "curves-b64", "curves-b256", "curves-b1024"}
    assert files >= {f"{name}.{kind}" for name in FIGURES | whole for kind in ("svg", "png")}


def test_a_report_has_every_table_as_csv(reported: Path) -> None:
    files = {file.name for file in (reported / "report/tables").iterdir()}
    of_targets = {"targets", "critical_by_target"}  # there are several
    assert files == {f"{name}.csv" for name in TABLES | of_targets}


def test_a_csv_has_all_columns_of_its_table(reported: Path) -> None:
    tables = analyse(open_study(reported)).tables
    for name in TABLES:
        columns = pd.read_csv(reported / f"report/tables/{name}.csv").columns
        assert list(columns) == list(getattr(tables, name).columns)


def test_the_answer_lies_beside_the_page_as_json_that_any_program_reads(reported: Path) -> None:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    said = json.loads((reported / "report/answer.json").read_text(), parse_constant=refuse)
    found = analyse(open_study(reported))
    assert said["version"] == 1
    assert [verdict["claim"] for verdict in said["verdicts"]] == [verdict.claim for verdict in found.verdicts]


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
    shown = set(re.findall(r'<figure id="([^"]*)">', page))
    assert shown == {file.stem for file in (reported / "report/figures").iterdir()}
    assert page.count("<svg ") == len(shown)
    assert all(source.startswith(("data:,", "#")) for source in sources)
    ids = re.findall(r' id="([^"]*)"', page)
    assert len(set(ids)) == len(ids)
    assert "@import" not in page
    assert all(inside.startswith("#") for inside in re.findall(r"url\(([^)]*)\)", page))
    assert " style=" not in page  # which the policy refuses


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


def test_a_finished_study_says_so(reported: Path) -> None:
    assert "All 24 trials have ended." in page_of(reported)


NOT_REACHED = {"iterations_to_target", "best_lr"}
WARM_UP_ONLY = {"loss_noise", "epoch_time", "iteration_time"}


@pytest.mark.parametrize(
    ("changes", "lacking", "reason"),
    [
        ({"batch_sizes": (64,), "lrs": (0.04,)}, set(), "alone"),
        ({"batch_sizes": (64,)}, set(), "alone"),
        ({"lrs": (0.04,)}, set(), "one_seed"),
        ({"lrs": (0.6, 0.64), "batch_sizes": (16, 64)}, NOT_REACHED | {"loss_noise"}, "nothing_reached"),
        ({"target": "loss<=0.2"}, set(), "one_seed"),
        ({"target": "accuracy>=0.9999", "max_epochs": 1}, NOT_REACHED, "nothing_reached"),
        ({"batch_sizes": (12_000,), "max_epochs": 1}, NOT_REACHED | WARM_UP_ONLY, "nothing_reached"),
    ],
    ids=["one cell", "one batch size", "one lr", "all diverged", "a loss target", "nothing reached", "one iteration"],
)
def test_a_study_of_any_shape_has_a_report_of_what_it_has(
    tmp_path: Path, changes: dict[str, Any], lacking: set[str], reason: str
) -> None:
    write_demo_study(str(tmp_path / "s"), **(SMALL | changes))
    study = open_study(tmp_path / "s")
    found = analyse(study)
    assert publish(study, found) == str(tmp_path / "s/report/report.html")
    of_curve = {"iterations_to_target", "examples_by_iterations"}
    assert figures_of(tmp_path / "s") == FIGURES - lacking - (of_curve if lacking & of_curve else set())
    assert reason in {doubt.reason for doubt in found.recommendation.doubts}
    assert words(answer(found).use) in text_of(page_of(tmp_path / "s"))


def test_recipes_are_compared_and_that_of_the_best_cell_is_open(tmp_path: Path) -> None:
    recipes = ({"momentum": 0.5}, {"momentum": 0.9})
    write_demo_study(str(tmp_path / "s"), **SMALL | {"recipes": recipes, "max_epochs": 20})
    study = open_study(tmp_path / "s")
    found = analyse(study)
    publish(study, found)
    comparing = {"recipes_by_train_seconds", "recipes_by_iterations"}
    names = {f"{recipe}-{name}" for recipe in ("momentum_0.5", "momentum_0.9") for name in FIGURES}
    assert figures_of(tmp_path / "s") == comparing | names
    compared = pd.read_csv(tmp_path / "s/report/tables/recipes.csv")
    assert compared[["batch_size", "recipe"]].to_numpy().tolist() == [
        [size, recipe] for size in (64, 256) for recipe in ("momentum 0.5", "momentum 0.9")
    ]
    best = found.best_cell
    assert best is not None
    first = found.recommendation.by_clock["iterations"].cell
    assert f"iterations {first.batch_size} of “{first.recipe}” {first.lr:g}" in text_of(page_of(tmp_path / "s"))
    folded = re.findall(r'<details class="recipe"[^>]*>\s*<summary>(.*?)</summary>', page_of(tmp_path / "s"))
    assert set(folded) == {recipe for recipe in found.recipes if recipe != best.recipe}


def test_another_target_asks_the_same_store_another_question(tmp_path: Path) -> None:
    write_demo_study(str(tmp_path / "s"), **SMALL)
    place = write_report(open_study(tmp_path / "s"), target=Target("accuracy", 0.5))
    assert place == str(tmp_path / "s/report-accuracy-at-least-0.5/report.html")
    assert "accuracy ≥ 0.5 after" in Path(place).read_text()


def test_a_study_that_was_timed_alone_shows_its_clean_times_and_says_so(tmp_path: Path) -> None:
    write_demo_study(str(tmp_path / "s"), **SMALL, is_timed=True)
    write_report(open_study(tmp_path / "s"))
    text = text_of(page_of(tmp_path / "s"))
    assert "measured alone in the timing pass" in text
    assert "shared the machine with up to 7 others" in text
    assert "clean seconds" not in text  # a heading is the same in every study
    assert "training time, timed alone to the target (s)" in text
    assert "of clean training time" in text
    for file in (tmp_path / "s/timings").iterdir():
        set_column(file, "disturbed", [True])
    write_report(open_study(tmp_path / "s"))
    text = text_of(page_of(tmp_path / "s")).replace("so no time is clean", "")
    assert "clean" not in text.replace("clean_seconds", "").replace("clean_throughput", "")
    assert figures_of(tmp_path / "s") == FIGURES - {"metric_by_train_seconds"} | {"metric_by_clean_seconds"}


def test_a_report_without_png_leaves_none_of_an_earlier_one(tmp_path: Path) -> None:
    write_demo_study(str(tmp_path / "s"), **SMALL | {"lrs": (0.1,)})
    write_report(open_study(tmp_path / "s"), png=True)
    assert any((tmp_path / "s/report/figures").glob("*.png"))
    write_report(open_study(tmp_path / "s"))
    assert {file.suffix for file in (tmp_path / "s/report/figures").iterdir()} == {".svg"}


def test_a_report_changes_no_table_of_the_store(tmp_path: Path) -> None:
    write_demo_study(str(tmp_path / "s"), **SMALL)
    before = {file: file.stat().st_mtime_ns for file in (tmp_path / "s").glob("*/*.parquet")}
    write_report(open_study(tmp_path / "s"))
    after = {file: file.stat().st_mtime_ns for file in (tmp_path / "s").glob("*/*.parquet")}
    kept = {tmp_path / "s/report/aggregates.parquet"}
    assert after == before | {file: after[file] for file in kept}
