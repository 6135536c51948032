"""``bs-study time``: time each batch size of a study alone on its device, and train nothing."""

from __future__ import annotations

from collections.abc import Sequence

from bs_study.cli.run import main as run


def main(words: Sequence[str]) -> int:
    """Run the command; return the exit status."""
    return run([*words], name="time")
