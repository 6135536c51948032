"""The tables of the page: which columns are shown, and how their values read."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from bs_study import open_study
from bs_study.analysis.study import analyse_rows
from bs_study.answer import analyse
from bs_study.report.page_tables import page_tables, recipes_view
from bs_study.report.sentences.columns import heading
from bs_study.report.shown_tables import TABLES
from bs_study.report.table_view import MOST_ROWS, Column, TableView, table_view
from tests.analysis.hand_rows import TARGET, hand_rows, joined
from tests.analysis.probed import keys, probes


@pytest.fixture(scope="module")
def views(reported: Path) -> dict[str, TableView]:
    return page_tables(analyse(open_study(reported)))


UNASKED = {
    *("dollars", "joules", "within deadline", "gpus", "batch size per gpu", "gpu (s)", "is modelled"),
    *("rank by dollars", "rank by joules"),
}
"""Headings of costs that say nothing without a price, energy, a deadline or several GPUs."""


def headings(view: TableView) -> list[str]:
    return [heading.text for heading in view.headings]


def test_every_table_with_rows_is_shown_with_the_columns_that_are_named(views: dict[str, TableView]) -> None:
    named = {table.name: [heading(column.name) for column in table.columns] for table in TABLES}
    assert set(views) == set(named) - {
        "clean_throughput",
        "versions",
        "pareto",
        "loss_at",
        "noise_scale",
        "sharpness",
        "minima",
    }  # not timed, nor its gradients probed, its workload not edited, and nothing asked of costs or of a budget's loss
    for name, view in views.items():
        hidden = [text for text in named[name] if text not in headings(view)]
        assert all(text in ("recipe", "outrun", *UNASKED) or "timed alone" in text for text in hidden), name
        assert [text for text in named[name] if text not in hidden] == headings(view)


def test_the_spread_over_seeds_is_shown_target_by_target_where_cells_have_two(views: dict[str, TableView]) -> None:
    view = views["target_spread"]
    assert (view.title, headings(view)) == (
        "How much seeds differ, by target",
        ["target", "spread (%)", "cells", "seeds"],
    )
    assert view.rows[0][0].text == "accuracy>=0.97"
    assert all(float(row[1].text) > 0 for row in view.rows)
    once = analyse_rows(hand_rows({(8, 0.1): [2.0], (16, 0.1): [3.0]}), target=TARGET)
    assert "target_spread" not in page_tables(once)


def test_times_that_were_not_measured_have_no_column(views: dict[str, TableView]) -> None:
    assert not any("timed alone" in text for view in views.values() for text in headings(view))


def test_a_noise_scale_without_an_upper_end_stands_beside_its_lower_end() -> None:
    """And with a column for adam's metric only where that is known."""
    rows, one = hand_rows({(64, 0.1): [2.0]}), keys(64, 0.1)
    of_sgd = probes(one, [1, 2, 3, 150, 160]).assign(g2=[1.0, -1.0, 1.0, 50.0, 55.0], tr_sigma=900.0)
    of_adam = of_sgd.assign(g2_scaled=1.0, tr_sigma_scaled=4.0)
    views = [page_tables(analyse_rows(replace(rows, gradients=of), target=TARGET)) for of in (of_sgd, of_adam)]
    early, late, _ = views[0]["noise_scale"].rows
    place = headings(views[0]["noise_scale"]).index("noise scale")
    assert (early[place].text, early[place].spread) == ("2,700", "")
    assert early[place + 1].text == "281.1"  # 900 over 1/3 + 4.303 × 2/3, the upper end of the mean of G2
    assert " to " in late[place].spread
    assert ["noise scale scaled" in headings(view["noise_scale"]) for view in views] == [False, True]


def test_a_study_of_several_recipes_shows_which_row_is_of_which() -> None:
    rows = joined(hand_rows({(8, 0.1): [2.0]}, recipe="a"), hand_rows({(8, 0.1): [4.0]}, recipe="b"))
    found = analyse_rows(rows, target=TARGET)
    cells = page_tables(found)["cells"]
    assert headings(cells)[0] == "recipe"
    assert [row[0].text for row in cells.rows] == ["a", "b"]
    assert [[value.text for value in row[:4]] for row in recipes_view(found).rows] == [
        ["8", "a", "1", "0.1"],
        ["8", "b", "2", "0.1"],
    ]


def test_a_setting_is_shown_as_it_was_typed_and_a_measurement_in_four_digits() -> None:
    table = pd.DataFrame({"batch_size": [60000], "lr": [0.012345], "examples": [60000], "noise": [0.0123456]})
    columns = [
        Column("batch_size", is_setting=True),
        Column("lr", is_setting=True),
        Column("examples"),
        Column("noise"),
    ]
    (row,) = table_view("t", table, columns, title="T").rows
    assert [value.text for value in row] == ["60000", "0.012345", "60,000", "0.01235"]


def test_the_ends_of_an_interval_stand_beside_its_middle_and_have_no_column() -> None:
    table = pd.DataFrame(
        {"time": [2.0, math.nan, 1.0], "time_low": [1.0, math.nan, math.nan], "time_high": [3.0, 5.0, 2.0]}
    )
    view = table_view("t", table, [Column("time", "how long")], title="T")
    assert [heading.text for heading in view.headings] == ["time"]
    assert view.headings[0].meaning == "how long"
    assert [(row[0].text, row[0].spread, row[0].key) for row in view.rows] == [
        ("2", "1 to 3", "2.0"), ("–", "", ""), ("1", "", "1.0")
    ]  # fmt: skip


def test_a_long_table_is_cut_and_says_so() -> None:
    view = table_view("t", pd.DataFrame({"x": range(MOST_ROWS + 1)}), [Column("x")], title="T")
    assert (len(view.rows), view.total, view.is_cut) == (MOST_ROWS, MOST_ROWS + 1, True)


def test_a_time_that_was_not_reached_is_shown_as_missing_and_sorts_last() -> None:
    found = analyse_rows(hand_rows({(8, 0.1): ["missed"], (16, 0.1): [3.0]}), target=TARGET)
    cells = page_tables(found)["cells"]
    place = headings(cells).index("training time to the target (s)")
    assert [(row[place].text, row[place].key) for row in cells.rows] == [("–", ""), ("3", "3.0")]
