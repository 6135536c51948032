"""The heatmap: what missed, what was not tried, what diverged and what is best can't be mistaken."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from bs_study.analysis.study import analyse_rows
from bs_study.report import figures
from bs_study.report.colours import contrast
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
    found: dict[str, list[str]] = {}
    for cell in cells_of(figure):
        found.setdefault(cell.get_hatch() or "", []).append(to_hex(cell.get_facecolor()))
    return found


def cells_of(figure: Figure) -> list[Patch]:
    return [patch for patch in figure.axes[0].patches if patch.get_gid()]


def texts(figure: Figure) -> list[str]:
    axes = figure.axes[0]
    return [text.get_text() for text in axes.texts if text.get_text()]


def test_the_heatmap_shows_no_time_for_a_cell_that_missed() -> None:
    assert sorted(texts(heatmap(THREE))) == ["15.5 s", "21 s", "40.5 s", "missed"]


def test_the_heatmap_marks_the_best_cell_of_all_once() -> None:
    borders = [patch for patch in heatmap(THREE).axes[0].patches if not patch.get_gid()]
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


def test_each_cell_of_the_heatmap_says_in_words_what_it_took_and_leads_to_its_curves() -> None:
    told = {str(cell.get_gid()): cell for cell in cells_of(heatmap({**THREE, (64, 0.4): ["failed"]}))}
    assert str(told["b64-lr0.1"].get_label()) == (
        "_batch size 64, lr 0.1: 21 s (2 of 2 seeds reached the target; its seeds took 20 to 22 s)"
    )
    assert str(told["b64-lr0.4"].get_label()) == "_batch size 64, lr 0.4: no answer"
    assert told["b64-lr0.1"].get_url() == "#curves-b64"


def test_the_words_in_every_cell_are_legible_whatever_its_colour() -> None:
    figure = heatmap({(32, 0.001 * 2**k): [1.0 + 3 * k] for k in range(15)} | {(64, 0.001): ["diverged"]})
    grounds = {str(cell.get_label()).split(": ")[1].split(" (")[0]: cell.get_facecolor() for cell in cells_of(figure)}
    worst = min(
        contrast(text.get_color(), to_hex(grounds.get(text.get_text(), "#3a3a3a"))) for text in figure.axes[0].texts
    )
    assert worst >= 4.5


def test_a_grid_of_a_thousand_cells_is_drawn_as_a_few_shapes() -> None:
    sizes, lrs = range(1, 29), [0.001 * 1.2**k for k in range(28)]
    table = analyse_rows(hand_rows({(1, 0.1): [2.0]}), target=TARGET).tables
    cells = pd.concat([table.convergence.assign(batch_size=size, lr=lr) for size in sizes for lr in lrs])
    best = table.best.assign(best_lr_by_train_seconds=0.001)
    assert cells_of(figures.target_heatmap(cells.reset_index(drop=True), best)) == []
