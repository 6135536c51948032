"""A recommendation in a notebook: the card and the main figure of the page."""

from __future__ import annotations

import re
import zlib
from dataclasses import replace
from importlib import resources

from jinja2 import Environment, PackageLoader
from markupsafe import Markup

from bs_study.analysis.study import Analysis
from bs_study.answer import analyse
from bs_study.report.card import card
from bs_study.report.colours import palette
from bs_study.report.curves import Source
from bs_study.report.figure import picture
from bs_study.report.figures import main_figure
from bs_study.report.page_parts import Shown
from bs_study.store import Study


def study_html(study: Study) -> str:
    """Return the card and main figure of what a study says now."""
    return card_html(analyse(study))


def card_html(found: Analysis) -> str:
    """Return the card and main figure of an analysis, to stand within any page."""
    source, main = Source(None, found), main_figure(found)
    # A notebook may show several studies, whose figures must not share ids.
    drawn = (
        picture(main, source, end=f"-{zlib.crc32(f'{found.uri} {found.recommendation.target}'.encode())}")
        if main.has_rows(source)
        else None
    )
    style = palette(drawn.inline.colours if drawn else [], scope=".bs-study")
    style += _SCOPED.format(resources.files("bs_study.report").joinpath("card.css").read_text(encoding="utf-8"))
    template = Environment(loader=PackageLoader("bs_study.report", "."), autoescape=True).from_string(_TEMPLATE)
    return template.render(
        card=card(found),
        figure=_by_itself(Shown.of(drawn)) if drawn else None,
        style=Markup(style),  # noqa: S704  the package's own file, and colours
    )


def _by_itself(figure: Shown) -> Shown:
    """Return a figure whose marks tell their values without a script, and lead nowhere: the curves are on the page."""
    svg = re.sub(r' href="#curves[^"]*"', "", figure.svg)
    return replace(figure, svg=re.sub(r'(class="mark" aria-label="([^"]*)"[^>]*>)', r"\1<title>\2</title>", svg))


_SCOPED = """.bs-study {{ display: flex; flex-wrap: wrap; gap: 1rem 2rem; padding: 1rem;
background: var(--paper); color: var(--ink); & > * {{ flex: 1 1 22rem; }}
{} }}"""
_TEMPLATE = """{% from "card.html.j2" import show_card, show_figure %}
<div class="bs-study"><style>{{ style }}</style>
{{ show_card(card) }}{% if figure %}{{ show_figure(figure, heading=false) }}{% endif %}</div>"""
