"""How a command tells what a reader leaves out: a line on standard error, each once."""

from __future__ import annotations

import contextlib
import sys
import warnings
from collections.abc import Iterator
from typing import TextIO

from bs_study.words import one_line


class LeftOutWarning(UserWarning):
    """A file of a study, or a part of study.json, can't be read and is left out."""


@contextlib.contextmanager
def warnings_in_lines() -> Iterator[None]:
    """Print what is left out as `warning: ...`, without the line of our code that Python would add to it."""
    others, told = warnings.showwarning, set[str]()

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        text = f"warning: {one_line(message)}"
        if not issubclass(category, LeftOutWarning):
            others(message, category, filename, lineno, file, line)
        elif text not in told:
            told.add(text)
            print(text, file=sys.stderr)  # noqa: T201  of a command

    warnings.showwarning = show
    try:
        yield
    finally:
        warnings.showwarning = others
