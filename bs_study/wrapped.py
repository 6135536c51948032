"""Text in lines as wide as a terminal, which end between words."""

from __future__ import annotations

import re
import textwrap

_TOGETHER = re.compile(r"(?<=\d) (?=%|(?:µs|ms|s|min|h)\b)|(?<=\blr) (?=\d)|(?<=[≤≥]) (?=\d)")
"""Spaces at which no line ends."""


def wrapped(text: str, width: int) -> list[str]:
    """Return a paragraph in lines, none wider than so many columns but for a word that is.

    >>> wrapped("Train with batch size 32 at lr 0.16.", width=20)
    ['Train with batch', '  size 32 at', '  lr 0.16.']
    """
    kept = _TOGETHER.sub("\N{NO-BREAK SPACE}", text)
    lines = textwrap.wrap(kept, width, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
    return [line.replace("\N{NO-BREAK SPACE}", " ") for line in lines]
