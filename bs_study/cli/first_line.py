"""The line that a person sees at once, before seconds in which a command loads or reads."""

from __future__ import annotations

import sys

from bs_study.words import one_line


def tell_at_once(line: str) -> None:
    """Print a line for who sits at a terminal; what a command writes into a pipe or a file stays as it is."""
    if sys.stderr.isatty():
        print(one_line(line), file=sys.stderr, flush=True)  # noqa: T201
