"""How sure: a row for each other batch size, filled only where it is known to be slower."""

from __future__ import annotations

import math

import pytest
from matplotlib.colors import same_color
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bs_study.analysis.comparison import Comparison
from bs_study.analysis.trials import Cell
from bs_study.analysis.verdict import Doubt
from bs_study.report import figures
from tests.report.records import comparison

DOUBT = Doubt("one_seed", "", 256, 0.2)


def of(size: int, **changes: object) -> Comparison:
    return comparison(Cell("", size, 0.2), **changes)


def rows(figure: Figure) -> list[str]:
    return [label.get_text() for label in figure.axes[0].get_yticklabels()]


def mark(figure: Figure, name: str) -> Line2D:
    (found,) = [line for line in figure.axes[0].lines if line.get_gid() == name]
    return found


def arrows(figure: Figure) -> list[str]:
    return [str(line.get_marker()) for line in figure.axes[0].lines if line.get_marker() in ("<", ">")]


def test_each_rival_is_a_row_at_its_ratio_with_its_interval_in_words() -> None:
    figure = figures.against_best([of(256), of(16, ratio=1.2, low=1.05, high=1.3)])
    assert rows(figure) == ["16", "256"]
    assert list(mark(figure, "b16").get_xdata()) == [1.2]
    assert str(mark(figure, "b256").get_label()) == (
        "_batch size 256, lr 0.2: 1.4× the time (1.2 to 1.7); known to be slower"
    )
    assert mark(figure, "b256").get_url() == "#curves-b256"


def test_a_rival_is_filled_only_where_it_is_known_to_be_slower() -> None:
    figure = figures.against_best([of(256), comparison(Cell("", 16, 0.2), DOUBT, ratio=1.3, low=0.9)])
    assert not same_color(mark(figure, "b256").get_markerfacecolor(), "white")
    assert same_color(mark(figure, "b16").get_markerfacecolor(), "white")
    assert str(mark(figure, "b16").get_label()).endswith("; not known to be slower")


def test_an_arrow_goes_on_where_no_end_of_the_interval_is_known() -> None:
    assert arrows(figures.against_best([of(256)])) == []
    cut = figures.against_best([of(256, high=math.inf)])
    assert arrows(cut) == [">"]
    assert "at least 1.2× the time" in str(mark(cut, "b256").get_label())
    assert arrows(figures.against_best([of(256, low=0.0)])) == ["<"]


def test_as_good_is_said_only_of_a_time_within_ten_percent() -> None:
    near = comparison(Cell("", 16, 0.2), DOUBT, ratio=1.04, low=0.98, high=1.09, is_equal=True)
    far = comparison(Cell("", 32, 0.2), DOUBT, ratio=4.3, low=3.1, high=5.9, is_equal=True)
    figure = figures.against_best([near, far])
    assert str(mark(figure, "b16").get_label()).endswith("; as good")
    assert str(mark(figure, "b32").get_label()).endswith("; not known to be slower")


@pytest.mark.parametrize(("ratio", "words"), [(math.inf, "can't reach the target"), (math.nan, "not known yet")])
def test_a_rival_without_a_ratio_has_a_row_with_words(ratio: float, words: str) -> None:
    figure = figures.against_best([of(256), of(16, ratio=ratio, low=ratio, high=ratio)])
    assert rows(figure) == ["256", "16"]
    assert words in [text.get_text() for text in figure.axes[0].texts]


def test_of_many_rivals_the_twenty_nearest_to_one_are_drawn() -> None:
    many = [of(2**k, ratio=1.0 + 0.1 * k, low=1.0, high=9.0) for k in range(1, 31)]
    assert rows(figures.against_best(many)) == [str(2**k) for k in range(1, 21)]


def test_the_band_of_as_good_is_ten_percent_to_either_side() -> None:
    (band,) = figures.against_best([of(256)]).axes[0].patches
    assert band.get_x() == pytest.approx(1 / 1.1)  # type: ignore[attr-defined]
    assert band.get_x() + band.get_width() == pytest.approx(1.1)  # type: ignore[attr-defined]
