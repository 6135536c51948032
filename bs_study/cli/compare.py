"""``bs-study compare``: two studies side by side."""

from __future__ import annotations

import json
from collections.abc import Sequence

from bs_study.cli.needed import ANALYSIS, need
from bs_study.door import command
from bs_study.process.arguments import Parser


def main(words: Sequence[str]) -> int:
    """Print how two studies compare; return the exit status."""
    asked = _parser().read(words)
    need(ANALYSIS)
    # What takes seconds to import is imported here.
    from bs_study.compared import compare
    from bs_study.report.side_by_side import comparison_json, lines
    from bs_study.report.terminal import terminal_width
    from bs_study.store import open_study

    # A file that is left out would make one of two studies look better than it is.
    a, b = (open_study(place, strict=True) for place in (asked.a, asked.b))
    found = compare(a, b, target=asked.target, pool=asked.pool)
    text = [json.dumps(comparison_json(found), indent=2)] if asked.json else lines(found, width=terminal_width())
    print("\n".join(text))  # noqa: T201  the terminal is its output
    return 0


def _parser() -> Parser:
    typed = command("compare")
    examples = [f"{typed} results/digits results/digits-2", f"{typed} results/a results/b --target 'loss<=0.2'"]
    parser = Parser(
        typed,
        "Compare two studies: how they differ, what each recommends, and which one reaches the target sooner.",
        usage="A B [FLAGS]",
        examples=examples,
    )
    for name in ("a", "b"):
        parser.add_argument(name, metavar=name.upper(), help="folder or URI of a study, as results/digits")
    parser.add_argument(
        "--target",
        metavar="TARGET",
        help="judge both by this target, as 'accuracy>=0.97'; needed where theirs differ",
    )
    parser.add_argument(
        "--pool",
        action="store_true",
        help="give cells that both studies have, with all settings the same, the seeds of both",
    )
    parser.add_argument("--json", action="store_true", help="print it for programs")
    return parser
