"""Each figure shows what its table says, in the same colour for a batch size, without touching matplotlib's state."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import same_color, to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text

from bs_study.analysis.study import analyse_rows
from bs_study.analysis.tables import Tables
from bs_study.report import figures
from bs_study.report.colours import contrast
from bs_study.report.style import as_svg, batch_colours
from tests.analysis.hand_rows import TARGET, Outcome, hand_rows, joined
from tests.report.gradient_tables import SIZES, minima, noise_scale, stable

Cells = Mapping[tuple[int, float], Sequence[Outcome]]
MISSED = ["missed", "missed"]
NAMED = {"recipe": "", "trial_id": ["a", "b"], "seed": 0}
THREE: Cells = {(32, 0.1): [40.0, 41.0], (64, 0.1): [20.0, 22.0], (128, 0.1): MISSED, (128, 0.2): [16.0, 15.0]}


def tables_of(cells: Cells) -> Tables:
    return analyse_rows(hand_rows(cells), target=TARGET).tables


def texts(figure: Figure) -> list[str]:
    axes = figure.axes[0]
    return [text.get_text() for text in axes.texts if text.get_text()]


def lines(figure: Figure) -> list[Line2D]:
    """Return the lines but those that stand beside labels."""
    return [drawn for drawn in figure.axes[0].lines if drawn.get_label() != "_key"]


def line(figure: Figure, style: str) -> np.ndarray:
    """Return x and y of the first line of a style, shape (2, points)."""
    return next(np.array(drawn.get_data()) for drawn in lines(figure) if drawn.get_linestyle() == style)


def line_named(figure: Figure, label: str) -> tuple[np.ndarray, np.ndarray]:
    """Return x and y of the line that looks like the piece beside a label."""
    axes = figure.axes[0]
    names = [text.get_text() for text in axes.texts if text.get_text() != "batch size"]
    pieces = [drawn for drawn in axes.lines if drawn.get_label() == "_key"]
    piece = pieces[names.index(label)]
    (found,) = [
        drawn
        for drawn in lines(figure)
        if same_color(drawn.get_color(), piece.get_color()) and drawn.get_linestyle() == piece.get_linestyle()
    ]
    return np.array(found.get_xdata(), float), np.array(found.get_ydata(), float)


def points(figure: Figure) -> list[tuple[float, float]]:
    """Return where the marks are that are points, in order."""
    drawn = [found for found in lines(figure) if found.get_gid() and len(found.get_xydata()) == 1]
    return [(float(x), float(y)) for found in drawn for x, y in found.get_xydata()]


def colours_of(figure: Figure) -> list[str]:
    return [to_hex(found.get_color()) for found in lines(figure) if found.get_gid()]


def test_each_recipe_has_a_line_to_its_own_times_and_a_cross_where_it_missed() -> None:
    slower: Cells = {(32, 0.1): [80.0, 82.0], (64, 0.1): MISSED}
    rows = joined(hand_rows(THREE, recipe="one"), hand_rows(slower, recipe="other"))
    tables = analyse_rows(rows, target=TARGET).tables
    drawn = figures.target_by_recipe(tables.best, tables.convergence, clock="iterations").axes[0]
    one, other = (next(line for line in drawn.lines if line.get_label() == name) for name in ("one", "other"))
    assert list(one.get_ydata()) == [4050, 2100, 1550]
    assert list(other.get_ydata()) == pytest.approx([8100, math.nan], nan_ok=True)
    crosses = [line.get_xdata() for line in drawn.lines if line.get_marker() == "x" and len(line.get_xdata())]
    assert [x.round(-1).tolist() for x in crosses] == [[70]]  # beside 64, not on it


def throughput_table() -> pd.DataFrame:
    sizes = np.array([1, 10, 100])
    table = pd.DataFrame({"batch_size": sizes, "trials": 1})
    for name, value in {
        "epoch_seconds": 100 / sizes,
        "load_seconds": 10 / sizes,
        "compute_seconds": 90 / sizes,
    }.items():
        table[name] = table[f"{name}_low"] = table[f"{name}_high"] = value
    return table.assign(iteration_seconds=0.1 + 0.01 * sizes, examples_per_iteration=sizes.astype(float))


def test_perfect_scaling_halves_the_iterations_when_the_batch_doubles() -> None:
    tables = tables_of(THREE)
    x, y = line(figures.iterations_to_target(tables.scaling_curve, tables.convergence), "--")
    assert (x[0], y[0]) == (32, 4050)
    np.testing.assert_allclose(x * y, 32 * 4050)


def test_a_batch_size_that_missed_is_named_and_has_no_point() -> None:
    tables = tables_of({**THREE, (128, 0.2): MISSED})
    figure = figures.iterations_to_target(tables.scaling_curve, tables.convergence)
    assert "× missed" in texts(figure)
    assert [x for x, _ in points(figure)] == [32, 64]


def test_the_fit_of_iteration_time_passes_through_points_on_a_line() -> None:
    table = throughput_table()
    fit = pd.DataFrame([{"a_seconds": 0.1, "b_seconds_per_example": 0.01, "half_limit_batch_size": 10.0}])
    x, y = line(figures.iteration_time(table, fit), "--")
    np.testing.assert_allclose(y, 0.1 + 0.01 * x)


def test_a_batch_size_with_a_short_last_batch_lies_at_the_examples_that_its_iterations_had() -> None:
    table = throughput_table().assign(examples_per_iteration=[1.0, 10.0, 71.5])
    assert [x for x, _ in points(figures.iteration_time(table, pd.DataFrame()))] == [1, 10, 71.5]


def test_an_epoch_without_loading_draws_no_load_line() -> None:
    figure = figures.epoch_time(throughput_table().assign(load_seconds=0.0))
    assert texts(figure) == ["epoch", "compute"]


def test_the_noise_reference_falls_with_the_square_root_of_the_batch_size() -> None:
    table = pd.DataFrame(
        {"batch_size": [1, 100], "lr": 0.1, "window": "first_1000", "noise": [1.0, 0.1], "stability": "stable"} | NAMED
    )
    x, y = line(figures.loss_noise(table), "--")
    assert math.log(y[1] / y[0]) / math.log(x[1] / x[0]) == pytest.approx(-0.5)
    np.testing.assert_allclose(y, [1.0, 0.1])  # this noise is independent: the reference runs through both points


def test_diverged_trials_have_no_noise_point() -> None:
    table = pd.DataFrame(
        {
            "batch_size": [1, 4],
            "lr": 0.1,
            "window": "first_1000",
            "noise": [1.0, 9.0],
            "stability": ["stable", "diverged"],
        }
        | NAMED
    )
    assert points(figures.loss_noise(table))[-1:] == [(1, 1.0)]


def test_the_linear_rule_doubles_the_lr_when_the_batch_doubles() -> None:
    tables = tables_of({**THREE, (64, 0.2): [10.0, 10.0]})
    x, y = line(figures.best_lr(tables.scaling, tables.lr_fit), ":")
    np.testing.assert_allclose(y[1] / y[0], x[1] / x[0])


def lr_fit_of(**row: float) -> pd.DataFrame:
    names = [f"{name}{end}" for name in ("exponent", "exponent_below") for end in ("", "_low", "_high")]
    names += ["log_lr_at_one", "saturates_at", "saturated_lr"]
    return pd.DataFrame([dict.fromkeys(names, math.nan) | row])


def best_lrs(sizes: list[int], lrs: list[float]) -> pd.DataFrame:
    table = pd.DataFrame({"batch_size": sizes, "best_lr": lrs, "best_lr_on_edge": ""})
    table["examples_per_iteration"] = table["batch_size"].astype(float)
    return table.assign(largest_stable_lr=lrs, band_low_lr=lrs, band_high_lr=lrs)


def test_the_fit_of_the_best_lr_is_the_power_law_that_it_says() -> None:
    fit = lr_fit_of(exponent=0.5, log_lr_at_one=math.log(0.01))
    drawn = figures.best_lr(best_lrs([16, 64, 256], [0.04, 0.08, 0.16]), fit)
    x, y = (np.array(values) for values in line_named(drawn, "fit: power 0.5"))
    np.testing.assert_allclose(y, 0.01 * np.sqrt(x))


def test_a_best_lr_that_saturates_is_drawn_flat_beyond_the_knee() -> None:
    fit = lr_fit_of(exponent=0.4, log_lr_at_one=-3, saturates_at=128, exponent_below=0.5, saturated_lr=0.2)
    drawn = figures.best_lr(best_lrs([32, 128, 512], [0.1, 0.2, 0.2]), fit)
    _, y = line_named(drawn, "fit: power 0.5,\nthen flat")
    np.testing.assert_allclose(y, [0.1, 0.2, 0.2])


def test_a_batch_size_has_one_colour_in_all_figures() -> None:
    colours = batch_colours([8, 16, 32, 64, 128])
    tables = tables_of(THREE)
    drawn = figures.iterations_to_target(tables.scaling_curve, tables.convergence, colours=colours)
    assert colours_of(drawn) == [colours[32], colours[64], colours[128]]
    speed = figures.epoch_time(throughput_table(), colours={1: "#ff0000", 10: "#00ff00", 100: "#0000ff"})
    assert colours_of(speed) == ["#ff0000", "#00ff00", "#0000ff"]


def test_all_words_are_legible_and_all_marks_seen_in_every_figure(drawn_figures: list[Figure]) -> None:
    for figure in drawn_figures:
        words = [text for text in figure.findobj(Text) if text.get_text() and text.get_bbox_patch() is None]
        assert min(contrast(to_hex(text.get_color()), "#ffffff") for text in words) >= 4.5
        marks = figure.findobj(lambda artist: isinstance(artist, Line2D) and bool(artist.get_gid()))
        assert min(contrast(to_hex(line.get_color(), keep_alpha=False), "#ffffff") for line in marks) >= 3
        assert all((line.get_alpha() or 1) == 1 for line in marks)


def test_every_mark_says_a_value_and_has_a_name_of_its_own(drawn_figures: list[Figure]) -> None:
    for figure in drawn_figures:
        marks = figure.findobj(lambda artist: bool(artist.get_gid()))
        names = [artist.get_gid() for artist in marks]
        assert len(names) == len(set(names)) > 0
        assert all(any(letter.isdigit() for letter in artist.get_label()) for artist in marks)


def test_nothing_in_a_figure_is_red(drawn_figures: list[Figure]) -> None:
    for figure in drawn_figures:
        assert "#b3261e" not in as_svg(figure).decode()


@pytest.fixture(scope="module")
def drawn_figures() -> list[Figure]:
    tables = tables_of({**THREE, (256, 0.1): MISSED, (64, 0.2): [10.0, 10.0]})
    fit = pd.DataFrame([{"a_seconds": 0.1, "b_seconds_per_example": 0.01, "half_limit_batch_size": 10.0}])
    noise = pd.DataFrame({"batch_size": [1, 4], "lr": 0.1, "window": "first_1000", "noise": [1.0, 0.1]} | NAMED)
    many = tables_of({(size, 0.1): [4 * (1 + 50 / size)] for size in (4, 16, 64, 256, 1024)})
    return [
        *(figures.iterations_to_target(some.scaling_curve, some.convergence) for some in (tables, many)),
        figures.examples_by_iterations(many.scaling_curve),
        figures.critical_by_target(many.critical_batch.assign(target="accuracy>=0.9", value=0.9)),
        figures.best_lr(tables.scaling, lr_fit_of(exponent=0.5, log_lr_at_one=math.log(0.01))),
        figures.target_by_recipe(tables.best.assign(recipe="one"), tables.convergence.assign(recipe="one")),
        figures.epoch_time(throughput_table()),
        figures.iteration_time(throughput_table(), fit),
        figures.loss_noise(noise.assign(stability="stable")),
        figures.gradient_agreement(noise_scale(), lrs=dict.fromkeys(SIZES, 0.1)),
        figures.minima(minima(), target=TARGET),
        figures.stable_lr(stable()),
    ]


def test_the_recipes_of_a_study_have_colours_that_are_seen() -> None:
    rows = joined(*(hand_rows(THREE, recipe=f"recipe {k}") for k in range(8)))
    tables = analyse_rows(rows, target=TARGET).tables
    drawn = figures.target_by_recipe(tables.best, tables.convergence)
    assert min(contrast(colour, "#ffffff") for colour in colours_of(drawn)) >= 3


def test_drawing_leaves_the_users_settings_alone() -> None:
    before = dict(mpl.rcParams)
    tables = tables_of(THREE)
    as_svg(figures.best_lr(tables.scaling, tables.lr_fit))
    assert dict(mpl.rcParams) == before


def test_one_cell_is_drawn_where_it_lies_in_every_figure_of_the_target() -> None:
    tables = tables_of({(32, 0.1): [2.0]})
    assert texts(figures.target_heatmap(tables.convergence, tables.best)) == ["2 s"]
    for drawn, y in (
        (figures.iterations_to_target(tables.scaling_curve, tables.convergence), 200),
        (figures.best_lr(tables.scaling, tables.lr_fit), 0.1),
    ):
        axes = drawn.axes[0]
        assert points(drawn) == [(32, y)]
        assert axes.get_xlim()[0] < 32 < axes.get_xlim()[1]
        assert axes.get_ylim()[0] < y < axes.get_ylim()[1]
