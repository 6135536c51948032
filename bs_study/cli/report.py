"""``bs-study report``: turn a study's store into tables, figures and one page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bs_study.cli.first_line import tell_at_once
from bs_study.cli.needed import ANALYSIS, need
from bs_study.door import command
from bs_study.process.arguments import Parser

if TYPE_CHECKING:
    from bs_study.store.paths import StudyPaths


def main(words: Sequence[str]) -> int:
    """Write the report, print what the study answers and where it is; return the exit status."""
    need(ANALYSIS)
    from bs_study.cli.costs import costs_asked

    asked = _parser().read(words)
    costs = costs_asked(asked)
    tell_at_once(f"{asked.study}: reading the store")
    # What takes seconds to import is imported here.
    from bs_study.answer import analyse, targets_of
    from bs_study.report.page import publish
    from bs_study.report.terminal import closing, page_at, terminal_width
    from bs_study.store import open_study

    study = open_study(asked.study)
    if asked.open:
        refuse_bucket(study.paths)
    try:
        found = analyse(study, asked.target, question=asked.question, at=asked.at, keep=True, asked_costs=costs)
        place = publish(study, found, targets=targets_of(study, found, asked.targets), png=asked.png)
    except KeyError as error:
        raise ValueError(*error.args) from error
    width = terminal_width()
    for line in (*closing(found, width=width), *page_at(place, width=width)):
        print(line)  # noqa: T201  the terminal is its output
    if asked.open:
        open_page(place)
    return 0


def refuse_bucket(paths: StudyPaths) -> None:
    """Refuse to open what no browser can: it has no key to a bucket."""
    from bs_study.report.place import page_place

    if not paths.is_local:
        raise ValueError(
            f"--open: a browser can't open a page in a bucket, {page_place(paths)}. Leave --open out, and copy the "
            "page from there"
        )


def open_page(place: str) -> None:
    """Open a page in the browser; where there is none, say where it is."""
    import webbrowser

    from bs_study.store.paths import study_paths

    if not webbrowser.open(Path(study_paths(place).root).as_uri()):
        print(f"no browser was found to open it. The page is {place}")  # noqa: T201


def _parser() -> Parser:
    from bs_study.cli.costs import add_cost_flags

    typed = command("report")
    examples = [
        f"{typed} results/digits --open",
        f"{typed} results/digits --target 'loss<=0.2'",
        f"{typed} results/digits --price-per-hour 2.5 --deadline 2h",
    ]
    parser = Parser(
        typed, "Turn a study's store into tables, figures and one page.", usage="STORE [FLAGS]", examples=examples
    )
    parser.add_argument(
        "study", metavar="STORE", help="folder or URI of a study, as results/digits or s3://bucket/results/mnist"
    )
    parser.add_argument(
        "--target",
        metavar="TARGET",
        help="ask for another target than the study's, as 'accuracy>=0.97' or 'loss<=0.1'; the study's report stays",
    )
    parser.add_argument(
        "--targets",
        metavar="TARGET",
        nargs="+",
        default=[],
        help="further targets of the same metric, to compare on the page, as 'loss<=0.5' 'loss<=0.3' (some round ones)",
    )
    parser.add_argument(
        "--question",
        metavar="QUESTION",
        help="time-to-target, or loss-at: the lowest held-out loss after the budget --at (the study's)",
    )
    parser.add_argument(
        "--at",
        metavar="BUDGET",
        help="with --question loss-at: examples=50000, iterations=2000 or seconds=60 (the study's)",
    )
    parser.add_argument("--open", action="store_true", help="open the page in the browser of this machine")
    parser.add_argument("--png", action="store_true", help="write each figure as PNG too")
    add_cost_flags(parser)
    return parser
