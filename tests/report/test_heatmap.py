"""The heatmap: what missed, what was not tried, what diverged and what is best can't be mistaken."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.collections import PolyCollection
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure

from bs_study.analysis.study import analyse_rows
from bs_study.report import figures
from bs_study.report.style import as_svg
from tests.analysis.hand_rows import TARGET, Outcome, hand_rows

Cells = Mapping[tuple[int, float], Sequence[Outcome]]
MISSED = ["missed", "missed"]
THREE: Cells = {(32, 0.1): [40.0, 41.0], (64, 0.1): [20.0, 22.0], (128, 0.1): MISSED, (128, 0.2): [16.0, 15.0]}


def heatmap(cells: Cells) -> Figure:
    tables = analyse_rows(hand_rows(cells), target=TARGET).tables
    return figures.target_heatmap(tables.convergence, tables.best)


def squares(figure: Figure) -> dict[str, list[str]]:
    """Return the colours of a heatmap's cells by their hatch."""
    drawn = [found for found in figure.axes[0].collections if isinstance(found, PolyCollection)]
    return {found.get_hatch() or "": [to_hex(face) for face in found.get_facecolor()] for found in drawn}


def texts(figure: Figure) -> list[str]:
    axes = figure.axes[0]
    return [text.get_text() for text in axes.texts if text.get_text()]


def test_the_heatmap_shows_no_time_for_a_cell_that_missed() -> None:
    assert sorted(texts(heatmap(THREE))) == ["15.5 s", "21 s", "40.5 s", "missed"]


def test_the_heatmap_marks_the_best_cell_of_all_once() -> None:
    borders = heatmap(THREE).axes[0].patches
    widest = max(border.get_linewidth() for border in borders)
    (best,) = [border for border in borders if border.get_linewidth() == widest]
    assert (round(best.get_x() + 0.46), round(best.get_y() + 0.46)) == (1, 2)  # the second lr, the third batch size


def test_a_diverged_cell_is_dark_and_says_so() -> None:
    figure = heatmap({(32, 0.1): ["diverged"], (64, 0.1): [2.0]})
    assert sorted(texts(figure)) == ["2 s", "div."]
    assert min(max(to_rgb(colour)) for colour in squares(figure)[""]) < 0.3


def test_a_cell_of_which_some_seeds_diverged_says_how_many() -> None:
    assert texts(heatmap({(32, 0.1): ["diverged", "missed"]})) == ["1 of 2\ndiv."]


def test_a_cell_that_ended_at_another_target_is_told_apart_from_one_that_missed() -> None:
    figure = heatmap({(32, 0.1): ["missed"], (32, 0.2): ["stopped"]})
    assert sorted(texts(figure)) == ["missed", "not\ntried"]
    assert len(squares(figure)) == 2  # two hatches
    assert any("not tried" in text.get_text() for text in figure.legends[0].get_texts())
    assert not any("not tried" in text.get_text() for text in heatmap(THREE).legends[0].get_texts())


def test_a_grid_of_twenty_lrs_has_no_room_for_text_and_still_hatches_what_missed() -> None:
    many: Cells = {(32, 0.001 * 2**k): [1.0 + k] for k in range(20)}
    figure = heatmap({**many, (64, 0.001): ["missed"]})
    assert texts(figure) == []
    assert {hatch: len(colours) for hatch, colours in squares(figure).items()} == {"": 20, "////": 1}


def test_the_same_table_gives_the_same_svg() -> None:
    first, second = (as_svg(heatmap(THREE)) for _ in range(2))
    assert first == second
