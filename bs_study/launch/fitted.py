"""Text and tables as narrow as the terminal: lines end between words, and columns go before a row breaks."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from rich.cells import cell_len
from rich.table import Table

from bs_study.wrapped import wrapped

GAP = 2
_COMMAND = re.compile(r"(?<=: )(?:python|bs-study) .*$")


class Column(NamedTuple):
    """A column of a table; of those that do not fit, the one of the highest rank goes first."""

    heading: str
    rank: int
    cells: Sequence[str]


def fitted_table(columns: Sequence[Column], *, width: int) -> Table:
    """Return as many columns of a table as fit, each as wide as its widest cell."""
    kept = list(columns)
    while len(kept) > 1 and sum(map(_width, kept)) + GAP * (len(kept) - 1) > width:
        kept.remove(max(kept, key=lambda column: column.rank))
    table = Table(box=None, header_style="dim", padding=(0, GAP, 0, 0), pad_edge=False)
    for column in kept:
        table.add_column(column.heading, no_wrap=True)
    for row in zip(*(column.cells for column in kept), strict=True):
        table.add_row(*row)
    return table


def _width(column: Column) -> int:
    return max(map(cell_len, [column.heading, *column.cells]))


def fitted_lines(text: str, *, width: int) -> list[str]:
    """Return the lines of a text, none wider but for a word that is; a command to type stays in a line of its own.

    >>> fitted_lines("failed trials: 2. Try again: python sweeps/grid.py --resume a", width=24)
    ['failed trials: 2. Try', '  again:', 'python sweeps/grid.py --resume a']
    """
    lines = list[str]()
    for line in text.splitlines():
        command = _COMMAND.search(line) if cell_len(line) > width else None
        told = line[: command.start()].rstrip() if command else line
        lines += [told] if cell_len(told) <= width else wrapped(told, width)
        lines += [command[0]] if command else []
    return lines
