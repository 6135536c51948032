"""Turn a study's store into its report: ``python sweeps/report.py results/<study> [--target 'accuracy>=0.97']``."""

from __future__ import annotations

if __name__ == "__main__":
    import signal

    signal.signal(signal.SIGINT, signal.SIG_DFL)  # silent, for the moment until the command handles it

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from bs_study.store.paths import StudyPaths

INTERRUPTED = "interrupted. Make the report again with the same command"


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the report, print what the study answers and where it is; return the exit status."""
    # What takes seconds to import is imported here.
    from pydantic import ValidationError

    from bs_study import open_study
    from bs_study.answer import analyse
    from bs_study.report.page import publish
    from bs_study.report.terminal import closing, page_at, terminal_width
    from bs_study.store.warned import warnings_in_lines
    from bs_study.streams import use_plain_streams

    use_plain_streams()
    asked = _parser().parse_args(arguments)
    try:
        with warnings_in_lines():
            study = open_study(asked.study)
            if asked.open:
                refuse_bucket(study.paths)
            found = analyse(study, asked.target, keep=True)
            place = publish(study, found, png=asked.png)
    except (OSError, ValueError, KeyError, ValidationError) as error:
        print(f"error: {_reason(error)}", file=sys.stderr)
        return 2
    width = terminal_width()
    for line in (*closing(found, width=width), *page_at(place, width=width)):
        print(line)
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
        print(f"no browser was found to open it. The page is {place}")


class _Parser(argparse.ArgumentParser):
    """Refuses in one line, as everything here does."""

    def error(self, message: str) -> NoReturn:
        from bs_study.words import one_line

        self.exit(2, f"error: {one_line(message)}. See --help\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(description="Turn a study's store into tables, figures and one HTML page.")
    parser.add_argument("study", help="folder or URI of a study, as results/digits or s3://bucket/results/mnist")
    parser.add_argument(
        "--target",
        help="ask for another target than the study's, as 'accuracy>=0.97' or 'loss<=0.1'; the study's report stays",
    )
    parser.add_argument("--open", action="store_true", help="open the page in the browser of this machine")
    parser.add_argument("--png", action="store_true", help="write each figure as PNG too")
    return parser


def _reason(error: Exception) -> str:
    from bs_study.words import one_line

    return one_line(error.args[0] if isinstance(error, KeyError) and error.args else error)


if __name__ == "__main__":
    from bs_study.process.command import run_command

    run_command(main, interrupted=INTERRUPTED)
