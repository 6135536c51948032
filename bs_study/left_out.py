"""Files of a study that are left out: a warning in Python, and one line each at the terminal."""

from __future__ import annotations

import sys
import warnings
from typing import TextIO


class LeftOutWarning(UserWarning):
    """A file of a study can't be read, or is not the study's; or study.json is damaged."""


def tell_left_out() -> None:
    """Let a command tell of each file that is left out in one line; other warnings stay as they are."""
    others, told = warnings.showwarning, set[str]()

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        if issubclass(category, LeftOutWarning):
            text = " ".join(str(message).split())
            if text not in told:
                print(f"warning: {text}", file=file or sys.stderr)
            told.add(text)
        else:
            others(message, category, filename, lineno, file, line)

    warnings.showwarning = show
