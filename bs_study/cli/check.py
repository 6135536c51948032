"""``bs-study check``: look whether a study's store keeps its invariants."""

from __future__ import annotations

from collections.abc import Sequence

from bs_study.cli.first_line import tell_at_once
from bs_study.cli.needed import need
from bs_study.door import command


def main(words: Sequence[str]) -> int:
    """Run the command; return the exit status."""
    need(("numpy", "pandas", "pyarrow", "pydantic"))
    if len(words) == 1 and not words[0].startswith("-"):
        tell_at_once(f"{words[0]}: reading the store")
    from bs_study.store.check.__main__ import look

    return look(words, program=command("check"))
