"""The README and the pages of `bs_study/docs`, and the blocks of code in them."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
DOCS = ROOT / "bs_study" / "docs"
_BLOCK = re.compile(r"^(?P<indent> *)```(?P<language>\w*)\n(?P<text>.*?)^ *```$", re.DOTALL | re.MULTILINE)


class Block(NamedTuple):
    """A block of code: its page by name, the line that it begins in, its language and text."""

    page: str
    line: int
    language: str
    text: str

    @property
    def place(self) -> str:
        return f"{self.page}:{self.line}"


def pages() -> list[Path]:
    return [README, *sorted(DOCS.glob("*.md"))]


def blocks(language: str | None = None, *, page: str | None = None) -> list[Block]:
    """Return the blocks of a language or of all, of one page or of all."""
    of_pages = (path for path in pages() if page in (None, path.name))
    return [block for path in of_pages for block in _blocks(path) if language in (None, block.language)]


def _blocks(path: Path) -> Iterator[Block]:
    text = path.read_text(encoding="utf-8")
    for found in _BLOCK.finditer(text):
        line = text.count("\n", 0, found.start()) + 1
        yield Block(path.name, line, found["language"], textwrap.dedent(found["text"]))


def prose(path: Path) -> str:
    """Return a page without its blocks of code and its comments."""
    text = _BLOCK.sub("", path.read_text(encoding="utf-8"))
    return re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)


def commands(block: Block) -> list[str]:
    """Return the commands of a block of bash, each in one line: a backslash at the end of a line joins it to the next.

    What a quoted command of `ray exec` runs on the cluster is part of that command.
    """
    lines = block.text.replace("\\\n", " ").splitlines()
    return [" ".join(line.split()) for line in lines if line.strip() and not line.lstrip().startswith("#")]


def code_spans(path: Path) -> list[str]:
    """Return what stands between backquotes in the prose of a page."""
    return re.findall(r"(?<!`)`([^`\n]+)`(?!`)", prose(path))
