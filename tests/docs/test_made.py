"""The made parts of the pages, and the figure, are those of today's code."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from bs_study.config.asked import FIELDS
from bs_study.report.answer_json import answer_json
from tests.docs import figure, lists, shipped
from tests.docs.made import PARTS, names_in, remade
from tests.docs.pages import DOCS, blocks, code_spans, pages

AGAIN = "make it again: python -m tests.docs"


@pytest.mark.parametrize("page", [page for page in pages() if names_in(page)], ids=lambda page: page.name)
def test_the_made_parts_of_a_page_are_made_of_today(page: Path) -> None:
    assert page.read_text(encoding="utf-8") == remade(page), AGAIN


def test_every_part_that_is_made_stands_on_one_page() -> None:
    assert sorted(name for page in pages() for name in names_in(page)) == sorted(PARTS)


def test_every_setting_stands_in_one_group() -> None:
    assert sorted(name for names in lists.GROUPS.values() for name in names) == sorted(FIELDS)


def test_the_figure_is_of_the_shipped_study() -> None:
    assert figure.marks_in(figure.FIGURE) == figure.marks(), AGAIN


def test_the_figure_looks_as_it_is_drawn_today() -> None:
    """Versions of matplotlib may move a line by a pixel; nothing else may differ."""
    shown, drawn = figure.pixels(figure.FIGURE.read_bytes()), figure.pixels(figure.drawn())
    assert shown.shape == drawn.shape, AGAIN
    differs = np.abs(shown - drawn).max(axis=2) > 0.3
    assert differs.mean() < 0.02, AGAIN


def test_the_entries_of_the_answer_are_those_that_agents_are_told_of() -> None:
    full = answer_json(shipped.found())
    told = set(code_spans(DOCS / "SKILL.md"))
    comparison = full["as_good"][0]
    assert {*full, *full["recommendation"], *comparison} - told == set()
    (sample,) = [json.loads(block.text) for block in blocks("json", page="SKILL.md")]
    assert sample.keys() <= full.keys()
