"""Every trial has a line that says how it ended, and thousands of them stay small."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bs_study import open_study
from bs_study.answer import analyse
from bs_study.report import figures
from bs_study.report.curves import Source
from bs_study.report.inline import inline_svg
from bs_study.target import Target
from tests.report.demo_store import write_demo_study

TARGET = Target("accuracy", 0.9, "max")


def looks(lrs: list[float], seeds: int = 2, count: int = 10) -> pd.DataFrame:
    """Return trials that rise from 0 to 0.92 in some looks, at iterations 1, 2, ..."""
    rows = [
        (f"lr{lr:g}-s{seed}", lr, seed, k, 0.92 * k / count)
        for lr in lrs
        for seed in range(seeds)
        for k in range(1, count + 1)
    ]
    return pd.DataFrame(rows, columns=["trial_id", "lr", "seed", "iteration", "accuracy"])


def ends(evaluations: pd.DataFrame, *, outrun: str = "") -> pd.DataFrame:
    last = evaluations.groupby("trial_id").last().reset_index()
    was_outrun = last["trial_id"] == outrun
    last["outcome"] = np.where(was_outrun, "outrun", "reached")
    last["iterations_to_target"] = last["iteration"].where(~was_outrun).astype(float)
    return last.assign(iterations_at_end=last["iteration"].astype(float))


def marks(figure: Figure) -> dict[str, Line2D]:
    return {str(line.get_gid()): line for line in figure.axes[0].lines if line.get_gid()}


def test_each_trial_has_a_line_that_says_how_it_ended() -> None:
    table = looks([0.1, 0.2])
    found = marks(figures.trial_curves(table, ends(table, outrun="lr0.2-s1"), target=TARGET))
    assert {name: str(line.get_label()) for name, line in found.items()} == {
        "lr0.1-s0": "_lr 0.1, seed 0: reached the target at iteration 10",
        "lr0.1-s1": "_lr 0.1, seed 1: reached the target at iteration 10",
        "lr0.2-s0": "_lr 0.2, seed 0: reached the target at iteration 10",
        "lr0.2-s1": "_lr 0.2, seed 1: outrun before the target at iteration 10",
    }
    assert len(found["lr0.1-s0"].get_markevery()) == 1
    assert len(found["lr0.2-s1"].get_markevery()) == 0  # no dot


def test_the_lines_of_an_lr_share_colour_and_dashes_and_differ_from_the_next_in_both() -> None:
    table = looks([0.1, 0.2])
    drawn = figures.trial_curves(table, ends(table), target=TARGET)
    found = {name: (line.get_color(), line.get_linestyle()) for name, line in marks(drawn).items()}
    assert found["lr0.1-s0"] == found["lr0.1-s1"]
    assert found["lr0.1-s0"][0] != found["lr0.2-s0"][0]
    assert found["lr0.1-s0"][1] != found["lr0.2-s0"][1]
    assert {"0.1", "0.2"} <= {text.get_text() for text in drawn.axes[0].texts}


def test_of_many_looks_thirty_are_drawn_both_ends_and_the_one_that_reached() -> None:
    table = looks([0.1], seeds=1, count=5000)
    end = ends(table).assign(iterations_to_target=4321.0)
    (line,) = marks(figures.trial_curves(table, end, target=TARGET)).values()
    drawn = [int(x) for x in np.asarray(line.get_xdata())]
    assert len(drawn) <= 30
    assert {1, 4321, 5000} <= set(drawn)
    assert drawn == sorted(drawn)
    assert [drawn[place] for place in line.get_markevery()] == [4321]


def test_a_metric_that_turned_nan_ends_its_line() -> None:
    table = looks([0.1], seeds=1)
    table.loc[table["iteration"] > 6, "accuracy"] = np.nan
    (line,) = marks(figures.trial_curves(table, ends(table, outrun="lr0.1-s0"), target=TARGET)).values()
    assert max(np.asarray(line.get_xdata())) == 6


def test_two_thousand_trials_take_less_than_two_and_a_half_megabytes() -> None:
    table = looks([0.001 * 1.3**k for k in range(25)], seeds=4, count=300)
    table["accuracy"] *= np.random.default_rng(0).uniform(0.9, 1, len(table))  # digits that do not repeat
    svg = inline_svg(figures.trial_curves(table, ends(table), target=TARGET), "curves-b32", label="").svg
    assert svg.count('class="mark"') == 100
    assert len(svg) * 20 < 2_500_000


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Source:
    folder: Path = tmp_path_factory.mktemp("store") / "curves"
    write_demo_study(str(folder), batch_sizes=(256, 1024), lrs=(0.04, 0.16), seeds=(0, 1), max_epochs=3)
    study = open_study(folder)
    return Source(study, analyse(study))


def test_each_batch_size_has_a_figure_by_the_name_that_marks_lead_to(source: Source) -> None:
    drawn = figures.curve_figures(source)
    assert [one.name for one in drawn] == ["curves-b256", "curves-b1024"]
    names = {name for one in drawn for name in marks(one.draw(source))}
    assert names == set(source.table("trials")["trial_id"])


def test_all_trials_are_read_at_once(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    fresh = Source(source.study, source.found)
    reads: list[int] = []
    read = source.study.evaluations
    monkeypatch.setattr(type(source.study), "evaluations", lambda self, **f: (reads.append(1), read(**f))[1])
    for one in figures.curve_figures(fresh):
        one.draw(fresh)
    assert len(fresh.evaluations) > 0
    assert reads == [1]
