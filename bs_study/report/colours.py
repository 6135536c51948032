"""Colours of the page, light and dark: one rule makes the dark ones, so that each keeps its contrast."""

from __future__ import annotations

from collections.abc import Iterable

INK, PAPER = "#1a1a1a", "#ffffff"
DARK_INK, DARK_PAPER = "#e8e6e3", "#16181c"

NAMED = {
    "ink": INK, "paper": PAPER, "muted": "#595959", "line": "#dcdcdc", "pale": "#f4f4f2",
    "accent": "#0b57a4", "good": "#1b6e3c", "wrong": "#b3261e",
}  # fmt: skip
"""The page's own colours, by the names of their variables."""

RGB = tuple[float, float, float]


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours by WCAG 2, from 1 to 21.

    >>> round(contrast("#ffffff", "#000000"), 3), contrast("#777777", "#777777")
    (21.0, 1.0)
    """
    low, high = sorted([_luminance(_rgb(one)), _luminance(_rgb(other))])
    return (high + 0.05) / (low + 0.05)


def dark(colour: str) -> str:
    """Return what stands for a colour on the dark page: of its hue, with as much contrast as it has on the light one.

    >>> dark("#ffffff"), dark("#1a1a1a") > "#e0e0e0"
    ('#16181c', True)
    """
    wanted, rgb = contrast(colour, PAPER), _rgb(colour)
    ends = [(_rgb(DARK_PAPER), rgb), (rgb, (1.0, 1.0, 1.0))]  # from the paper to the colour, and on to white
    from_, to = ends[0] if contrast(colour, DARK_PAPER) >= wanted else ends[1]
    low, high = 0.0, 1.0
    for _ in range(20):
        middle = (low + high) / 2
        low, high = (middle, high) if contrast(_mixed(from_, to, middle), DARK_PAPER) < wanted else (low, middle)
    return _mixed(from_, to, high)


def variable(colour: str) -> str:
    """Return the name of the page's variable for a colour.

    >>> variable("#b3261e")
    '--c-b3261e'
    """
    return f"--c-{colour.lstrip('#')}"


def palette(colours: Iterable[str], *, scope: str = ":root") -> str:
    """Return the style that sets the page's colours and some others, by whether the reader's system is dark.

    Args:
        colours: of figures.
        scope: selector of what has them.
    """
    known = {f"--{name}": colour for name, colour in NAMED.items()}
    known |= {variable(one): one for one in sorted(set(colours))}
    light = " ".join(f"{name}: {one};" for name, one in known.items())
    night = " ".join(f"{name}: {DARK_INK if one == INK else dark(one)};" for name, one in known.items())
    return (
        f"{scope} {{ color-scheme: light; {light} }}\n"
        f"@media screen and (prefers-color-scheme: dark) {{ {scope} {{ color-scheme: dark; {night} }} }}\n"
    )


def _rgb(colour: str) -> RGB:
    red, green, blue = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
    return red, green, blue


def _mixed(one: RGB, other: RGB, share: float) -> str:
    parts = (round(255 * (a + share * (b - a))) for a, b in zip(one, other, strict=True))
    return "#" + "".join(f"{part:02x}" for part in parts)


def _luminance(rgb: RGB) -> float:
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in rgb]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
