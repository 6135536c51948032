"""Text of a study in a figure: shown as it is, whatever is in it."""

from __future__ import annotations

import warnings
from xml.etree import ElementTree as ET

import matplotlib as mpl
import pytest

from bs_study.report.style import as_png, as_svg, new_figure, readable

ODD = [
    "$", "$x", "RTX $5$", r"$\frac{$", r"$\nosuch$ \$ $x^{y_$", "a_b^c {%} & <b>", "a\\b", "\x1b[31m\x00\x07",
    "好 🙂 ع", "\ud800\uffff", "two\nlines",
]  # fmt: skip


@pytest.mark.parametrize("text", ODD)
def test_any_text_is_drawn_as_it_is_and_without_a_warning(text: str) -> None:
    with warnings.catch_warnings(), mpl.rc_context({"text.usetex": False}):
        warnings.simplefilter("error")
        figure = new_figure()
        axes = figure.subplots()  # outside of the style: mathematics would be read
        axes.set(title=text, xlabel=text)
        axes.annotate(text, (0.5, 0.5))
        axes.plot([0, 1], [0, 1], label=text)
        axes.legend()
        svg = as_svg(figure)
        assert as_png(figure)
    words = "\n".join(element.text or "" for element in ET.fromstring(svg).iter() if element.tag.endswith("text"))  # noqa: S314
    assert words.count(readable(text)) == 4


def test_a_name_that_fills_a_figure_is_shown_by_both_ends() -> None:
    figure = new_figure()
    figure.subplots().set_ylabel("a" * 500 + "b" * 500)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert b"aaaa\xe2\x80\xa6bbbb" in as_svg(figure)


def test_what_xml_can_not_hold_is_written_as_python_does() -> None:
    assert readable("a\x1b[31m\x00\ud800") == r"a\x1b[31m\x00\ud800"
