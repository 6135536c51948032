"""The report of a study on disk: the page, the answer as JSON, its tables as CSV, its figures as files."""

from __future__ import annotations

import json
from collections.abc import Iterable

from bs_study.analysis.study import Analysis
from bs_study.answer import analyse
from bs_study.report.answer_json import answer_json
from bs_study.report.curves import Source
from bs_study.report.figure import Picture, pictures
from bs_study.report.figures import COMPARING, FIGURES
from bs_study.report.page_tables import CSV_TABLES
from bs_study.report.rendering import page
from bs_study.store import Study
from bs_study.target import Target


def write_report(study: Study, *, target: Target | None = None, png: bool = False) -> str:
    """Write a study's report beside its tables and return where its page is.

    It works on a study that still runs and on one of which nothing has ended. Files of an earlier report are replaced.

    Args:
        study: what to report on.
        target: asks the store another question than the study's own target.
        png: write each figure as PNG too.
    """
    return publish(study, analyse(study, target=target, keep=True), png=png)


def publish(study: Study, found: Analysis, *, png: bool = False) -> str:
    """Write the report of an analysis that is at hand, and return where its page is."""
    drawn = list(_pictures(study, found, png=png))
    folder = f"{study.paths.root}/report"
    _write_folder(study, f"{folder}/tables", _table_files(found))
    _write_folder(study, f"{folder}/figures", _figure_files(drawn))
    said = json.dumps(answer_json(found), indent=2, ensure_ascii=False, allow_nan=False)
    study.paths.write(f"{folder}/answer.json", said.encode())
    study.paths.write(f"{folder}/report.html", page(study, found, drawn).encode())
    return f"{study.paths.uri.partition('?')[0]}/report/report.html"


def _pictures(study: Study, found: Analysis, *, png: bool) -> Iterable[Picture]:
    if len(found.recipes) > 1:
        yield from pictures(COMPARING, Source(study, found), png=png)
    for recipe in found.recipes:
        yield from pictures(FIGURES, Source(study, found, recipe), png=png)


def _table_files(found: Analysis) -> dict[str, bytes]:
    tables = {name: getattr(found.tables, name) for name in CSV_TABLES}
    if found.tables.versions.empty:
        del tables["versions"]
    if len(found.recipes) > 1:
        tables["recipes"] = found.tables.recipes
    return {f"{name}.csv": table.to_csv(index=False).encode() for name, table in tables.items()}


def _figure_files(drawn: Iterable[Picture]) -> dict[str, bytes]:
    return {f"{p.name}.{kind}": data for p in drawn for kind, data in (("svg", p.svg), ("png", p.png)) if data}


def _write_folder(study: Study, folder: str, files: dict[str, bytes]) -> None:
    """Write files and remove what an earlier report left beside them."""
    for name, data in files.items():
        study.paths.write(f"{folder}/{name}", data)
    for name in set(study.paths.names(folder)) - set(files):
        study.paths.filesystem.delete_file(f"{folder}/{name}")
