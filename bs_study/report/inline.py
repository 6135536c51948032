"""A matplotlib figure as inline SVG: text as text, in the colours of the page, with marks that tell their values."""

from __future__ import annotations

import re
from typing import NamedTuple
from xml.etree import ElementTree as ET

from matplotlib.artist import Artist
from matplotlib.figure import Figure

from bs_study.report.colours import INK, PAPER, variable
from bs_study.report.style import as_svg

_SVG, _XLINK = "http://www.w3.org/2000/svg", "{http://www.w3.org/1999/xlink}href"
_COLOUR = re.compile(r"#[0-9a-f]{6}")
MOST_STOPS = 100
"""A figure with more marks is passed over by the tabulator: its table tells the same."""
_NUMBER = re.compile(r"-?\d+\.\d+")
_ID = re.compile(r"url\(#([^)]+)\)")


class Inline(NamedTuple):
    """A figure to stand within a page.

    Attributes:
        svg: its element.
        colours: that the page's style has to set, see `colours.palette`.
    """

    svg: str
    colours: frozenset[str]


def mark(artist: Artist, name: str, text: str, *, link: str = "") -> None:
    """Make an artist a mark: it tells a text where it is pointed at or focused, and leads to an element of the page.

    Args:
        name: its id on the page, after the figure's.
        text: as "batch size 64, lr 0.1: 96.5 ms".
        link: id of the element that a click leads to.
    """
    artist.set_gid(name)
    artist.set_label(f"_{text}")  # the underscore keeps it out of legends
    if link:
        artist.set_url(f"#{link}")


def inline_svg(figure: Figure, name: str, *, label: str, svg: bytes | None = None) -> Inline:
    """Return a figure as an element of a page.

    It has no style attribute, which the page's policy refuses. Ids begin with the figure's name, so that those of two
    figures differ. The drawing takes the width that it is given.

    Args:
        figure: whose marks are to be told.
        name: of the figure on the page.
        label: for who can't see it.
        svg: of the figure, where `style.as_svg` has made it already.
    """
    marks = {str(a.get_gid()): a for a in figure.findobj(lambda artist: bool(artist.get_gid()))}
    root = _parsed((svg or as_svg(figure)).decode())
    colours = set[str]()
    for element in root.iter():
        _plain(element, name, colours)
    made = []
    for element in list(root.iter("g")):
        artist = marks.get(element.get("id", "").removeprefix(f"{name}-"))
        if artist is not None:
            _make_mark(element, str(artist.get_label()).removeprefix("_"), artist.get_url())
            made.append(element)
    if len(made) > MOST_STOPS:
        for element in made:
            element.set("tabindex", "-1")
    for side in ("width", "height"):
        del root.attrib[side]
    root.attrib |= {"role": "group", "aria-label": label, "fill": "currentColor", "class": "figure"}
    root.set("pointer-events", "none")  # what is drawn over a mark, as a ring or a word, is not in its way
    root.set("stroke-linejoin", "round")  # as in the style that matplotlib writes, which the page's policy refuses
    text = ET.tostring(root, encoding="unicode")
    return Inline(re.sub(r">\s+<", "><", text), frozenset(colours))


def _parsed(svg: str) -> ET.Element:
    """Return the tree of an SVG without namespaces, metadata and styles: in a page none of them has a meaning."""
    root = ET.fromstring(svg)  # noqa: S314  matplotlib has just made it
    for parent in list(root.iter()):
        parent.tag = parent.tag.removeprefix(f"{{{_SVG}}}")
        for child in list(parent):
            if child.tag.rpartition("}")[2] in ("metadata", "style"):
                parent.remove(child)
    return root


def _plain(element: ET.Element, name: str, colours: set[str]) -> None:
    """Make style and links of an element plain attributes, its ids those of the figure, its colours the page's."""
    styles = [part.split(":", 1) for part in element.attrib.pop("style", "").split(";") if part.strip()]
    element.attrib |= {key.strip(): value.strip() for key, value in styles if key.strip() != "font-family"}
    if _XLINK in element.attrib:
        element.set("href", element.attrib.pop(_XLINK))
    if element.tag == "use":
        element.set("href", f"#{name}-{element.get('href', '')[1:]}")
    for key, value in element.attrib.items():
        if key == "id":
            element.set(key, f"{name}-{value}")
        elif key in ("d", "x", "y", "transform"):
            element.set(key, " ".join(_NUMBER.sub(_rounded, value).split()))
        elif key != "href" and _COLOUR.fullmatch(value):
            colours.update({value} - {INK, PAPER})
            element.set(key, _variable(value))
        else:
            element.set(key, _ID.sub(lambda found: f"url(#{name}-{found[1]})", value))


def _rounded(found: re.Match[str]) -> str:
    return f"{float(found[0]):.2f}".rstrip("0").rstrip(".")


def _variable(colour: str) -> str:
    return {INK: "currentColor", PAPER: "var(--paper)"}.get(colour, f"var({variable(colour)})")


def _make_mark(element: ET.Element, text: str, link: str | None) -> None:
    for parent in list(element.iter()):
        for place, child in reversed(list(enumerate(parent))):
            if child.tag == "a":  # matplotlib links each part of a mark by itself
                parent[place : place + 1] = list(child)
    element.attrib |= {"class": "mark", "aria-label": text, "pointer-events": "visiblePainted"}
    if link:
        element.tag = "a"
        element.set("href", link)
    else:
        element.attrib |= {"tabindex": "0", "role": "img"}
