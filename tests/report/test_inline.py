"""A figure within a page: text is text, marks tell their values, and no id or colour is that of another figure."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import pytest
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from bs_study.report.inline import Inline, inline_svg, mark
from bs_study.report.style import new_figure, styled


@styled
def drawing() -> Figure:
    figure = new_figure()
    axes = figure.subplots()
    (dot,) = axes.plot([1], [2], "o", color="#b3261e")
    mark(dot, "b1", 'batch size 1, <"x" & $y$>: 2 s', link="curves-b1")
    (line,) = axes.plot([1, 2.123456], [2, 3], color="#0b57a4", linewidth=3)
    mark(line, "b2", "batch size 2: 3 s")
    axes.plot([1, 2], [3, 3], color="#b3261e80", label="pale")
    axes.add_patch(Rectangle((1, 2), 0.5, 0.5, facecolor="#cfe3f1", edgecolor="#4f86ad", hatch="//"))
    axes.set_title("recipe $5 <b> of 6$")
    return figure


@pytest.fixture(scope="module")
def inline() -> Inline:
    return inline_svg(drawing(), "one", label="Times & more")


@pytest.fixture(scope="module")
def root(inline: Inline) -> ET.Element:
    return ET.fromstring(inline.svg)  # noqa: S314  just made


def test_the_words_of_a_figure_are_text_as_they_were_written(root: ET.Element) -> None:
    assert "recipe $5 <b> of 6$" in [text.text for text in root.iter("text")]
    assert all(float(text.get("font-size", "0").removesuffix("px")) >= 9 for text in root.iter("text"))


def test_a_figure_has_nothing_that_the_pages_policy_refuses(root: ET.Element) -> None:
    tags, names = {e.tag for e in root.iter()}, {name for e in root.iter() for name in e.attrib}
    assert not tags & {"style", "script", "metadata", "image", "foreignObject"}
    assert not names & {"style", "onclick", "font-family"}
    assert not any("}" in name for name in tags | names)  # no namespace


def test_all_ids_begin_with_the_figures_name_and_all_references_are_met(root: ET.Element) -> None:
    ids = [element.get("id") for element in root.iter() if element.get("id")]
    assert len(ids) == len(set(ids))
    assert all(str(one).startswith("one-") for one in ids)
    used = {element.get("href", "")[1:] for element in root.iter("use")}
    used |= {one for e in root.iter() for v in e.attrib.values() for one in re.findall(r"url\(#([^)]+)\)", v)}
    assert used
    assert used <= set(ids)


def test_ink_is_the_pages_own_white_its_paper_and_all_else_a_variable(inline: Inline) -> None:
    assert {"#b3261e", "#0b57a4", "#cfe3f1", "#4f86ad"} <= inline.colours
    assert not inline.colours & {"#1a1a1a", "#ffffff"}
    assert "currentColor" in inline.svg
    assert "var(--paper)" in inline.svg
    assert 'stroke="var(--c-0b57a4)"' in inline.svg
    assert not re.search(r'="#[0-9a-f]{6}"', inline.svg)
    assert {f"#{one}" for one in re.findall(r"var\(--c-([0-9a-f]{6})\)", inline.svg)} == inline.colours


def test_a_mark_says_its_text_and_a_click_leads_to_its_link(root: ET.Element) -> None:
    dot, line = (next(e for e in root.iter() if e.get("id") == f"one-{name}") for name in ("b1", "b2"))
    assert dot.get("aria-label") == 'batch size 1, <"x" & $y$>: 2 s'
    assert (dot.tag, dot.get("href"), dot.get("tabindex")) == ("a", "#curves-b1", None)
    assert not [inner for inner in dot.iter("a") if inner is not dot]
    assert (line.tag, line.get("href"), line.get("tabindex")) == ("g", None, "0")
    assert dot.get("class") == line.get("class") == "mark"
    assert list(line.iter("path"))


def test_a_figure_is_named_for_who_cannot_see_it(root: ET.Element) -> None:
    assert root.get("aria-label") == "Times & more"
    assert "width" not in root.attrib
    assert root.get("viewBox")


def test_marks_are_not_in_a_legend() -> None:
    figure = drawing()
    assert [text.get_text() for text in figure.axes[0].legend().get_texts()] == ["pale"]


def test_names_that_look_like_colours_stay_names() -> None:
    figure = drawing()
    mark(figure.axes[0].lines[0], "b1", "1 s", link="decade")
    svg = inline_svg(figure, "facade-b32", label="").svg
    assert 'href="#decade"' in svg
    assert "var(--c-facade" not in svg
    assert "url(#facade-b32-" in svg


def test_coordinates_have_two_digits_behind_the_point(root: ET.Element) -> None:
    numbers = [n for path in root.iter("path") for n in re.findall(r"\.(\d+)", path.get("d", ""))]
    assert numbers
    assert max(map(len, numbers)) <= 2


def test_lines_bend_as_matplotlib_draws_them(root: ET.Element) -> None:
    assert root.get("stroke-linejoin") == "round"


def test_a_figure_is_the_same_each_time() -> None:
    assert inline_svg(drawing(), "a", label="").svg == inline_svg(drawing(), "a", label="").svg
