"""The main figure: every cell lies at its time or at the least that it takes, and says so in words."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence

import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bs_study import Study, open_study
from bs_study.analysis.best import best_cells
from bs_study.analysis.study import Analysis, analyse_rows
from bs_study.answer import analyse
from bs_study.report import figures
from bs_study.report.cell_points import CellPoint, cell_points
from bs_study.report.curves import Source
from bs_study.report.inline import inline_svg
from tests.analysis.hand_rows import TARGET, Outcome, hand_rows, joined
from tests.report.demo_store import write_demo_study

Cells = Mapping[tuple[int, float], Sequence[Outcome]]
GRID: Cells = {
    (32, 0.1): [4.0, 5.0],
    (32, 0.2): [8.0, 9.0],
    (32, 0.4): ["diverged", "diverged"],
    (64, 0.1): [2.0, 3.0],
    (64, 0.2): ["outrun", "outrun"],
    (128, 0.1): ["missed"],
    (256, 0.1): ["failed"],
}


def analysed(cells: Cells = GRID) -> Analysis:
    return analyse_rows(hand_rows(cells, budget=6.0), target=TARGET)


def points(found: Analysis, recipe: str = "") -> dict[tuple[str, int, float], CellPoint]:
    tables = found.tables
    best, told = best_cells(tables.best, tables.clock), found.recommendation.best
    drawn = cell_points(tables.convergence, best, clock=tables.clock, recipe=recipe, recommended=told)
    return {tuple(point.cell): point for point in drawn}


def figure(found: Analysis) -> Figure:
    tables, told = found.tables, found.recommendation.best
    best = best_cells(tables.best, tables.clock)
    return figures.time_by_batch_size(tables.convergence, best, clock=tables.clock, recommended=told)


def marks(drawn: Figure) -> dict[str, Line2D]:
    return {str(line.get_gid()): line for line in drawn.axes[0].lines if line.get_gid()}


def at(line: Line2D) -> tuple[float, float]:
    ((x, y),) = zip(line.get_xdata(), line.get_ydata(), strict=True)  # type: ignore[arg-type]
    return float(x), float(y)


def test_each_cell_that_answered_is_a_mark_at_its_batch_size_and_leads_to_its_curves() -> None:
    drawn = marks(figure(analysed()))
    assert at(drawn["b32-lr0.1"]) == (32, 4.5)
    assert at(drawn["b32-lr0.2"]) == (32, 8.5)
    assert at(drawn["b64-lr0.2"]) == (64, 6.0)
    assert {name: line.get_url() for name, line in drawn.items()}["b32-lr0.2"] == "#curves-b32"
    assert "b256-lr0.1" not in drawn  # it failed


def test_a_cell_says_its_time_and_how_many_seeds_reached_the_target() -> None:
    told = points(analysed())
    assert told["", 32, 0.2].text == (
        "batch size 32, lr 0.2: 8.5 s (2 of 2 seeds reached the target; its seeds took 8 to 9 s)"
    )
    assert told["", 64, 0.2].text == (
        "batch size 64, lr 0.2: 0 of 2 seeds reached the target, 2 outrun, the first after 6 s, > 2.4× the best"
    )
    assert told["", 128, 0.1].text == "batch size 128, lr 0.1: ran out of budget after 6 s"
    assert told["", 32, 0.4].text == "batch size 32, lr 0.4: 0 of 2 seeds reached the target, 2 diverged"


def test_the_recommended_cell_has_its_interval_a_ring_and_its_name() -> None:
    found = analysed()
    best = found.recommendation.best
    assert best is not None
    point = points(found)["", 64, 0.1]
    assert (point.value, point.low, point.high) == (2.5, best.low, best.high)
    assert "recommended" in point.text
    drawn = figure(found)
    assert [text.get_text() for text in drawn.axes[0].texts] == ["64, lr 0.1"]
    rings = [line for line in drawn.axes[0].lines if line.get_markersize() == 14]
    assert [at(ring) for ring in rings] == [(64, 2.5)]


def test_what_ended_before_the_target_is_open_and_what_reached_it_is_filled() -> None:
    fills = {name: line.get_fillstyle() for name, line in marks(figure(analysed())).items()}
    assert {name for name, fill in fills.items() if fill == "full"} == {"b32-lr0.1", "b32-lr0.2", "b64-lr0.1"}
    assert {name for name, fill in fills.items() if fill == "none"} == {"b32-lr0.4", "b64-lr0.2", "b128-lr0.1"}


def test_a_diverged_cell_lies_at_the_top_with_a_marker_of_its_own() -> None:
    drawn = marks(figure(analysed()))
    assert at(drawn["b32-lr0.4"])[1] == 0.97  # of the height
    assert drawn["b32-lr0.4"].get_marker() not in {drawn[other].get_marker() for other in ("b64-lr0.2", "b32-lr0.1")}


def test_a_cell_of_which_half_reached_the_target_takes_at_least_the_time_of_the_first() -> None:
    point = points(analysed({(32, 0.1): [1.0, 1.1], (64, 0.1): [3.0, "missed"]}))["", 64, 0.1]
    assert (point.kind, point.value) == ("cut", 3.0)
    assert point.text.endswith("1 of 2 seeds reached the target, 1 ran out of budget, the first after 3 s")


def test_cells_of_one_time_do_not_cover_each_other() -> None:
    drawn = figure(
        analysed({(32, 0.1): [2.0, 2.0], (64, 0.1): ["outrun"], (64, 0.2): ["outrun"], (64, 0.4): ["outrun"]})
    )
    drawn.draw_without_rendering()
    places = [
        line.get_transform().transform(line.get_xydata())[0] for name, line in marks(drawn).items() if "b64" in name
    ]
    xs = sorted(float(x) for x, _ in places)
    assert min(b - a for a, b in itertools.pairwise(xs)) > 5 * drawn.dpi / 72
    assert xs[-1] < drawn.axes[0].get_window_extent().x1


def test_where_nothing_reached_the_target_all_marks_are_open() -> None:
    found = analysed({(32, 0.1): ["missed"], (64, 0.1): ["missed", "missed"], (64, 0.2): ["diverged"]})
    drawn = marks(figure(found))
    assert {line.get_fillstyle() for line in drawn.values()} == {"none"}
    assert len(drawn) == 3


def test_only_diverged_cells_make_a_figure_without_times() -> None:
    drawn = figure(analysed({(32, 0.1): ["diverged"], (64, 0.1): ["diverged"]}))
    assert list(drawn.axes[0].get_yticks()) == []


def test_of_other_recipes_the_best_cells_are_drawn_faint_with_the_name() -> None:
    rows = joined(
        hand_rows(GRID, recipe="one"), hand_rows({(32, 0.1): [7.0, 8.0], (32, 0.2): [9.0, 9.0]}, recipe="two")
    )
    found = points(analyse_rows(rows, target=TARGET), recipe="one")
    others = {cell: point for cell, point in found.items() if cell[0] == "two"}
    assert list(others) == [("two", 32, 0.1)]
    assert others["two", 32, 0.1].kind == "recipe"
    assert "lr 0.1, “two”: 7.5 s" in others["two", 32, 0.1].text


def test_the_time_axis_has_units_and_grows_by_factors() -> None:
    axes = figure(analysed({(32, 0.1): [0.02, 0.03], (64, 0.1): [200.0, 200.0]})).axes[0]
    assert axes.get_yscale() == axes.get_xscale() == "log"
    ticks = [tick.get_text() for tick in axes.get_yticklabels()]
    assert "100 ms" in ticks
    assert "10 s" in ticks
    assert all(text.split()[-1] in ("ms", "s", "min") for text in ticks)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Study:
    folder = tmp_path_factory.mktemp("store") / "running"
    cells = {"batch_sizes": (64, 256), "lrs": (0.08,), "seeds": (0,), "max_epochs": 2}
    write_demo_study(str(folder), **cells, is_ended=lambda trial: False)  # type: ignore[arg-type]
    return open_study(folder)


def test_a_study_of_which_nothing_has_ended_has_no_main_figure(running: Study) -> None:
    assert not figures.CHOICE.has_rows(Source(running, analyse(running)))


def test_a_study_has_a_main_figure_with_a_caption_of_its_target_and_clock(running: Study) -> None:
    source = Source(running, analysed())
    assert figures.CHOICE.has_rows(source)
    assert "Median training time to accuracy ≥ 0.9." in figures.CHOICE.caption(source)
    assert max(len(part.split()) for part in figures.CHOICE.caption(source).split(". ")) <= 25
    svg = inline_svg(figures.CHOICE.draw(source), figures.CHOICE.name, label=figures.CHOICE.title).svg
    assert 'id="time_by_batch_size-b64-lr0.1"' in svg
    assert 'href="#curves-b64"' in svg


def test_no_mark_of_the_main_figure_is_red_and_the_recommended_one_is_blue() -> None:
    colours = {to_hex(line.get_color()) for line in marks(figure(analysed())).values()}
    assert to_hex(marks(figure(analysed()))["b64-lr0.1"].get_color()) == "#0b57a4"
    assert all(int(colour[1:3], 16) <= int(colour[5:7], 16) for colour in colours)


def test_a_time_that_is_not_known_has_no_number() -> None:
    assert math.isnan(points(analysed())["", 32, 0.4].value)
