"""Colours on a dark page keep the contrast that they have on the light one."""

from __future__ import annotations

import colorsys
import re

import pytest

from bs_study.report.colours import DARK_PAPER, INK, PAPER, contrast, dark, palette
from bs_study.report.style import ACCENT, FAINT, MUTED, batch_colours, batch_markers, ramp

COLOURS = [ACCENT, FAINT, MUTED, "#d55e00", "#cfe3f1", "#ececec", "#b3261e", *ramp(30)]


def test_contrast_is_that_of_wcag() -> None:
    # 0.2126 of the light is red's, and 8 bits of 255 are all of it: (0.2126 + 0.05) / 0.05 on black.
    assert contrast("#ff0000", "#000000") == pytest.approx(5.252)
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)  # the usual example of just too pale
    assert contrast(INK, PAPER) == contrast(PAPER, INK)


@pytest.mark.parametrize("colour", COLOURS)
def test_a_dark_colour_has_as_much_contrast_as_the_light_one(colour: str) -> None:
    assert contrast(dark(colour), DARK_PAPER) == pytest.approx(contrast(colour, PAPER), rel=0.05)


@pytest.mark.parametrize("colour", [ACCENT, "#d55e00", "#009e73"])
def test_a_dark_colour_is_of_the_same_hue(colour: str) -> None:
    one, other = (colorsys.rgb_to_hsv(*bytes.fromhex(c[1:]))[0] for c in (colour, dark(colour)))
    assert abs(one - other) < 0.03


def test_black_is_white_on_the_dark_page_and_the_paper_is_its_paper() -> None:
    assert dark("#000000") == "#ffffff"  # nothing has more contrast
    assert dark(PAPER) == DARK_PAPER


def test_the_palette_sets_each_colour_once_for_light_and_once_for_dark() -> None:
    text = palette([ACCENT, "#d55e00", ACCENT])
    light, _, night = text.partition("@media screen and (prefers-color-scheme: dark)")
    for colour in (ACCENT, "#d55e00"):
        name = f"--c-{colour[1:]}"
        assert re.findall(rf"{name}: (#\w+);", light) == [colour]
        assert re.findall(rf"{name}: (#\w+);", night) == [dark(colour)]
    assert text.count("{") == text.count("}")


def test_batch_sizes_have_distinct_colours_however_many() -> None:
    colours = batch_colours(range(1, 31))
    assert len(set(colours.values())) == 30
    assert PAPER not in colours.values()


@pytest.mark.parametrize("count", range(2, 31))
def test_every_line_has_a_contrast_of_three_on_white_however_many(count: int) -> None:
    assert min(contrast(colour, PAPER) for colour in batch_colours(range(1, count + 1)).values()) >= 3


def test_neighbouring_batch_sizes_differ_by_marker_not_colour_alone() -> None:
    markers = list(batch_markers([4, 1, 2]).values())
    assert len(set(markers)) == 3
