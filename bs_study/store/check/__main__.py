"""Verify the invariants of a study's store: ``python -m bs_study.store.check results/<study>``.

Exit status 0: fine. 1: something is wrong, one line each. 2: no such study.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from bs_study.process.arguments import Parser
from bs_study.process.command import run_command
from bs_study.streams import use_plain_streams

if TYPE_CHECKING:
    from bs_study.store.paths import StudyPaths


def main(arguments: Sequence[str] | None = None) -> int:
    """Print what is wrong with a study; return the exit status."""
    from bs_study.words import one_line

    use_plain_streams()
    try:
        return look(sys.argv[1:] if arguments is None else arguments, program="python -m bs_study.store.check")
    except (OSError, ValueError) as error:
        print(f"error: {one_line(error)}", file=sys.stderr)  # noqa: T201
        return 2


def look(words: Sequence[str], *, program: str) -> int:
    """Print what is wrong with the study that is named; return the exit status.

    Raises:
        ValueError: the words are no study.
        OSError: it is not there, or can't be read.
    """
    # What takes a second to import is imported here.
    from bs_study.store.check.study import problems
    from bs_study.store.paths import study_paths

    examples = [f"{program} results/digits"]
    parser = Parser(program, "Look whether a study's store is in order.", usage="STORE", examples=examples)
    parser.add_argument(
        "study", metavar="STORE", help="folder or URI of a study, as results/digits or s3://bucket/results/mnist"
    )
    paths = study_paths(parser.read(words).study)
    count = 0
    for count, problem in enumerate(problems(paths), start=1):  # noqa: B007
        _say(problem)
    _say(f"{paths.uri}: {_summary(paths, count)}")
    return 1 if count else 0


def _summary(paths: StudyPaths, count: int) -> str:
    from bs_study.store.check.study import unfinished

    verdict = f"{count} problem{'s' if count > 1 else ''}" if count else "fine"
    ended, left = len(paths.trial_ids("trials")), len(unfinished(paths))
    has_ended = "1 trial has ended" if ended == 1 else f"{ended} trials have ended"
    return f"{verdict}; {has_ended}, {left} {'is' if left == 1 else 'are'} unfinished"


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201  the terminal is its output


if __name__ == "__main__":
    run_command(main, interrupted="interrupted. Check the store again with the same command")
