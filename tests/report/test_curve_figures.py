"""Curves of the loss and of the held-out metric: every seed is there, and extremes do not hide the rest."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from bs_study.report import figures
from bs_study.report.figures.losses import loss_limit
from bs_study.report.style import as_png, as_svg, batch_colours
from bs_study.target import Target


def first_losses(count: int = 1000) -> pd.DataFrame:
    iteration = np.arange(1, count + 1)
    curves = [
        pd.DataFrame({"batch_size": size, "lr": 0.1, "seed": seed, "iteration": iteration, "loss": 2 / iteration})
        for size in (8, 16)
        for seed in (0, 1)
    ]
    return pd.concat(curves, ignore_index=True)


def test_every_seed_has_a_line_and_a_dot_where_it_meets_the_target() -> None:
    rows = [(8, 0.1, seed, k, 8 * k, 0.1 * k, 0.5 + 0.1 * k + 0.05 * seed) for seed in (0, 1) for k in range(1, 5)]
    names = ["batch_size", "lr", "seed", "iteration", "examples", "train_seconds", "accuracy"]
    figure = figures.metric_progress(
        pd.DataFrame(rows, columns=names), clock="iteration", target=Target("accuracy", 0.85)
    )
    dots = [drawn for drawn in figure.axes[0].lines if drawn.get_marker() == "o"]
    # Seed 0 has 0.9 at iteration 4, seed 1 has 0.85 at iteration 3.
    assert sorted(float(np.asarray(dot.get_xdata())[0]) for dot in dots) == [3, 4]
    np.testing.assert_allclose(
        sorted(float(np.asarray(dot.get_ydata())[0]) for dot in dots), [0.1, 0.15]
    )  # 1 - accuracy


@pytest.mark.parametrize("values", [[1.0, 1.0, 1.0, 1.0], [0.0, 0.0, 0.0, 0.0], [-3.0, -2.0, 5.0, 9.0]])
def test_a_metric_of_any_range_is_drawn(values: list[float]) -> None:
    table = pd.DataFrame({"batch_size": 8, "lr": 0.1, "seed": 0, "train_seconds": [1.0, 2, 3, 4], "score": values})
    for direction in ("max", "min"):
        as_png(figures.metric_progress(table, clock="train_seconds", target=Target("score", 0.5, direction)))


def test_a_loss_that_turned_nan_ends_in_a_cross() -> None:
    table = first_losses(100)
    table.loc[(table["iteration"] > 50) & (table["batch_size"] == 8), "loss"] = np.nan
    markers = {drawn.get_marker() for drawn in figures.first_losses(table).axes[0].lines}
    assert "X" in markers


def test_a_diverging_loss_does_not_flatten_the_others() -> None:
    table = first_losses(100)
    table.loc[table["iteration"] == 100, "loss"] = 1e9
    assert loss_limit(table) == pytest.approx(1.6 * 2)


def test_there_is_a_panel_for_each_batch_size_with_every_seed_in_it() -> None:
    panels = [axes for axes in figures.first_loss_panels(first_losses()).axes if axes.get_visible()]
    assert [len(axes.lines) for axes in panels] == [2, 2]


def test_many_iterations_do_not_make_a_large_svg() -> None:
    many = pd.concat([first_losses().assign(batch_size=2**k) for k in range(15)])
    assert len(as_svg(figures.first_losses(many))) < 1_000_000


def test_the_loss_figures_use_the_colours_that_they_are_given() -> None:
    colours = batch_colours([8, 16, 32])
    drawn = figures.first_losses(first_losses(), colours=colours)
    assert {line.get_color() for line in drawn.axes[0].lines} == {colours[8], colours[16]}
