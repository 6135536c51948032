"""Curves of the loss and of the held-out metric: every seed is there, and extremes do not hide the rest."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from bs_study.report import figures
from bs_study.report.figures.losses import loss_limit
from bs_study.report.style import as_svg, batch_colours
from bs_study.target import Target


def first_losses(count: int = 1000) -> pd.DataFrame:
    iteration = np.arange(1, count + 1)
    curves = [
        pd.DataFrame({"batch_size": size, "lr": 0.1, "seed": seed, "iteration": iteration, "loss": 2 / iteration})
        for size in (8, 16)
        for seed in (0, 1)
    ]
    return pd.concat(curves, ignore_index=True)


def evaluations(metric: list[list[float]]) -> pd.DataFrame:
    """Return the looks of trials of one cell, each at iterations 1, 2, ...: the metric of each seed."""
    rows = [
        (f"s{seed}", 8, 0.1, seed, k, 8 * k, 0.1 * k, value)
        for seed, values in enumerate(metric)
        for k, value in enumerate(values, start=1)
    ]
    names = ["trial_id", "batch_size", "lr", "seed", "iteration", "examples", "train_seconds", "score"]
    return pd.DataFrame(rows, columns=names)


def times_of(reached: list[float]) -> pd.DataFrame:
    seeds = range(len(reached))
    table = pd.DataFrame({"trial_id": [f"s{k}" for k in seeds], "seed": seeds, "iterations_to_target": reached})
    outcome = np.where(table["iterations_to_target"].isna(), "missed", "reached")
    ends = {"iterations_at_end": 4.0, "outcome": outcome, "stop_reason": "max_epochs"}
    return table.assign(lr=0.1, **ends, train_seconds_to_target=np.nan)


def progress(metric: list[list[float]], *, reached: list[float], target: Target, clock: str = "examples") -> Axes:
    return figures.metric_progress(evaluations(metric), times_of(reached), clock=clock, target=target).axes[0]


def marks(axes: Axes) -> list[Line2D]:
    return [line for line in axes.lines if line.get_gid()]


def marked(line: Line2D) -> list[tuple[float, float]]:
    """Return where a line has its marker."""
    return [(float(x), float(y)) for x, y in np.asarray(line.get_xydata())[line.get_markevery()]]


def test_every_seed_has_a_line_and_a_dot_where_it_reached_the_target() -> None:
    # The first look that meets it is iteration 2; by a median of three looks it is reached at 4.
    metric = [[0.6, 0.9, 0.7, 0.9], [0.6, 0.7, 0.85, 0.9]]
    axes = progress(metric, reached=[4, 3], target=Target("score", 0.85, "max"))
    assert [len(line.get_xdata()) for line in marks(axes)] == [4, 4]  # type: ignore[arg-type]
    dots = [dot for line in marks(axes) for dot in marked(line)]
    np.testing.assert_allclose(dots, [(32, 0.1), (24, 0.15)])  # 1 - score


def test_a_trial_that_missed_has_a_line_and_no_dot() -> None:
    axes = progress([[0.6, 0.7], [0.6, 0.9]], reached=[np.nan, 2], target=Target("score", 0.85, "max"))
    assert [len(marked(line)) for line in marks(axes)] == [0, 1]
    assert [str(line.get_label()) for line in marks(axes)] == [
        "_batch size 8, lr 0.1, seed 0: ran out of budget at iteration 4",
        "_batch size 8, lr 0.1, seed 1: reached the target at iteration 2",
    ]
    assert {line.get_url() for line in marks(axes)} == {"#curves-b8"}


@pytest.mark.parametrize("direction", ["max", "min"])
@pytest.mark.parametrize("values", [[1.0, 1.0, 1.0, 1.0], [0.0, 0.0, 0.0, 0.0], [-3.0, -2.0, 5.0, 9.0]])
def test_a_metric_of_any_range_lies_within_its_axes(values: list[float], direction: Literal["min", "max"]) -> None:
    axes = progress([values], reached=[np.nan], target=Target("score", 0.5, direction), clock="train_seconds")
    heights = np.asarray(marks(axes)[0].get_ydata())
    low, high = sorted(axes.get_ylim())
    assert ((low <= heights) & (heights <= high)).all()
    (target,) = [line for line in axes.lines if line.get_linestyle() == "--"]
    assert low <= float(np.asarray(target.get_ydata())[0]) <= high


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
    assert [len([line for line in axes.lines if not line.get_gid()]) for axes in panels] == [2, 2]
    assert str(marks(panels[0])[1].get_label()) == (
        "_batch size 8, lr 0.1, seed 1: loss 2 at iteration 1, 0.002 at iteration 1,000"
    )


def test_many_iterations_do_not_make_a_large_svg() -> None:
    many = pd.concat([first_losses().assign(batch_size=2**k) for k in range(15)])
    assert len(as_svg(figures.first_losses(many))) < 1_000_000


def test_the_loss_figures_use_the_colours_that_they_are_given() -> None:
    colours = batch_colours([8, 16, 32])
    drawn = figures.first_losses(first_losses(), colours=colours)
    assert {line.get_color() for line in drawn.axes[0].lines} == {colours[8], colours[16]}
