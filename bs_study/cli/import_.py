"""``bs-study import``: runs that were made elsewhere become a study, with its report."""

from __future__ import annotations

from collections.abc import Sequence

from bs_study.cli.needed import ANALYSIS, need
from bs_study.door import command
from bs_study.process.arguments import Parser

FORMS = """\
Make a study of runs that were made elsewhere, and write its report.
Long rows are looks at runs:
  run, batch_size, lr, iteration, and metrics
Or each row is a run:
  batch_size, lr, iterations_to_target
Columns with other names are mapped by --map. Nothing is guessed."""


def main(words: Sequence[str]) -> int:
    """Import the files, print what was read and what it says; return the exit status."""
    asked = _parser().read(words)
    need(ANALYSIS)
    # What takes seconds to import is imported here.
    from bs_study.answer import analyse
    from bs_study.importing.columns import read_map
    from bs_study.importing.load import load_runs
    from bs_study.report.page import publish
    from bs_study.report.terminal import closing, page_at, terminal_width
    from bs_study.store import open_study
    from bs_study.target import Target

    paths, imported = load_runs(
        asked.files,
        study=asked.study,
        target=Target.parse(asked.target),
        mapped=read_map(asked.map),
        runs=asked.runs,
        store=asked.store,
    )
    for note in imported.notes:
        print(note)  # noqa: T201  the terminal is its output
    study = open_study(paths.uri)
    found = analyse(study, keep=True)
    place = publish(study, found)
    width = terminal_width()
    for line in (*closing(found, width=width), *page_at(place, width=width)):
        print(line)  # noqa: T201
    return 0


def _parser() -> Parser:
    typed = command("import")
    examples = [
        f"{typed} runs.csv --study old --target 'accuracy>=0.97'",
        f"{typed} runs.csv --study old --target 'loss<=3' --map batch_size=bs lr=learning_rate",
    ]
    parser = Parser(typed, FORMS, usage="FILE ... --study NAME --target TARGET [FLAGS]", examples=examples)
    parser.add_argument(
        "files",
        nargs="+",
        metavar="FILE",
        help="what ends with .csv, .parquet or .jsonl, a folder of TensorBoard or MLflow, or mlflow.db",
    )
    parser.add_argument("--study", required=True, metavar="NAME", help="of the new study")
    parser.add_argument(
        "--target", required=True, metavar="TARGET", help="that runs are judged by, as 'accuracy>=0.97' or 'loss<=3'"
    )
    parser.add_argument(
        "--map", nargs="+", default=[], metavar="FIELD=COLUMN", help="the column of a field or metric of another name"
    )
    parser.add_argument(
        "--runs", metavar="FILE", help="a table of run, batch_size, lr and seed, where the files lack them"
    )
    parser.add_argument(
        "--store", default="results", metavar="STORE", help="folder or URI that holds studies (default: results)"
    )
    return parser
