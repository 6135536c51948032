"""What a terminal shows that knows no UTF-8: the same words in ASCII. Every command begins with `use_plain_streams`."""

from __future__ import annotations

import codecs
import io
import sys
import unicodedata

_PLAIN = {
    "×": "x", "÷": "/", "±": "+/-", "≥": ">=", "≤": "<=", "≠": "!=", "≈": "~", "∝": "~", "√": "sqrt ", "·": "*",
    "∞": "inf", "π": "pi", "²": "^2", "°": " degrees", "µ": "u", "μ": "u", "σ": "sigma",
    "–": "-", "—": "-", "−": "-", "‐": "-", "‑": "-", "…": "...", "•": "*", "→": "->", "←": "<-", "⌊": "floor(",
    "⌋": ")", "“": '"', "”": '"', "„": '"', "‘": "'", "’": "'", "«": '"', "»": '"', "✓": "ok", "✗": "x",
    "\N{NO-BREAK SPACE}": " ", "\N{NARROW NO-BREAK SPACE}": " ", "\N{THIN SPACE}": " ",
}  # fmt: skip
_FRAMES = {"HORIZONTAL": "-", "VERTICAL": "|"}  # any other line of a box is a corner


def use_plain_streams() -> None:
    """Let standard output and error take any text: as ASCII where they are not UTF-8, and never with an error."""
    codecs.register_error(use_plain_streams.__name__, _replaced)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            is_utf = codecs.lookup(stream.encoding).name.startswith("utf")
            stream.reconfigure(encoding=stream.encoding if is_utf else "ascii", errors=use_plain_streams.__name__)


def refuse_no_text(name: str, value: str) -> None:
    """Raise if a value that was typed is no text, as what is not ASCII is where the locale is C."""
    if not value.isascii() and any("\ud800" <= sign <= "\udfff" for sign in value):
        is_utf = sys.getfilesystemencoding() == "utf-8"
        fault = "UTF-8. Give it in" if is_utf else "text in this locale. Set PYTHONUTF8=1, or give it in"
        raise ValueError(f"{name}: {value!a} is no {fault} {'UTF-8' if is_utf else 'ASCII'}")


def plain(text: str) -> str:
    r"""Return a text in ASCII: signs as people type them, another script as Python escapes it.

    >>> print(plain("2.5× “fast” – accuracy ≥ 0.9 │ Größe"))
    2.5x "fast" - accuracy >= 0.9 | Gr\xf6\xdfe
    """
    return "".join(sign if sign.isascii() else _sign(sign) for sign in text)


def _sign(sign: str) -> str:
    if sign in _PLAIN:
        return _PLAIN[sign]
    kind, _, shape = unicodedata.name(sign, "").removesuffix(" BAR").rpartition(" ")
    if kind.startswith("BOX DRAWINGS"):
        return _FRAMES.get(shape, "+")
    return "*" if kind.startswith("BRAILLE") else ascii(sign)[1:-1]


def _replaced(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return plain(error.object[error.start : error.end]), error.end
