"""``bs-study docs``: the pages that come with the package."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from importlib.resources import files

from bs_study.door import command
from bs_study.process.arguments import Parser
from bs_study.words import shown


def main(words: Sequence[str]) -> int:
    """List the pages, or print one; return the exit status."""
    typed = command("docs")
    examples = [typed, f"{typed} workloads"]
    parser = Parser(typed, "List the pages of the manual, or print one.", usage="[PAGE]", examples=examples)
    parser.add_argument("page", nargs="?", metavar="PAGE", help="its name in the list")
    name: str | None = parser.read(words).page
    found = pages()
    if not found:
        raise ValueError("docs: this installation has no pages. Install the package again")
    if name is None:
        width = max(map(len, found))
        for page, text in found.items():
            title = re.search(r"^# (.*)", text, re.MULTILINE)
            print(f"{page:{width}}  {title[1] if title else ''}".rstrip())  # noqa: T201
    elif same := [page for page in found if page.lower() == name.lower()]:
        print(found[same[0]])  # noqa: T201
    elif not name.strip():
        raise ValueError("docs: the name of the page is empty. Give one, or leave it out")
    else:
        near = difflib.get_close_matches(name, found, n=1)
        told = f"Did you mean {near[0]}?" if near else f"Use {', '.join(found)}"
        raise ValueError(f"docs: there is no page {shown(name)}. {told}")
    return 0


def pages() -> dict[str, str]:
    """Return the text of each page by its name, without the comments that are for those who write it."""
    folder = files("bs_study") / "docs"
    there = [page for page in folder.iterdir() if page.name.endswith(".md")] if folder.is_dir() else []
    return {
        page.name.removesuffix(".md"): re.sub(r"^<!--.*-->\n", "", page.read_text("utf-8"), flags=re.MULTILINE).strip()
        for page in sorted(there, key=lambda page: page.name)
    }
