"""The report of a study: its tables as CSV, its figures as files, and one self-contained HTML page."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from importlib import resources
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from bs_study.analysis.tables import StudyTables, study_tables
from bs_study.report import contents
from bs_study.report.answer import answer
from bs_study.report.gallery import Picture, pictures
from bs_study.report.recipes import recipes_view, soonest
from bs_study.report.wording import goal
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
    return publish(study, study_tables(study, target=target), png=png)


def publish(study: Study, tables: StudyTables, *, png: bool = False) -> str:
    """Write the report of tables that are at hand, and return where its page is."""
    drawn = list(pictures(study, tables, png=png))
    folder = f"{study.paths.root}/report"
    _write_folder(study, f"{folder}/tables", _table_files(tables))
    _write_folder(study, f"{folder}/figures", _figure_files(drawn))
    study.paths.write(f"{folder}/report.html", page(study, tables, drawn).encode())
    return f"{study.paths.uri.partition('?')[0]}/report/report.html"


def _table_files(tables: StudyTables) -> dict[str, bytes]:
    files = {f"{name}.csv": getattr(tables, name).to_csv(index=False).encode() for name in contents.TABLE_WORDS}
    if tables.by_recipe:
        files["recipes.csv"] = tables.recipes.to_csv(index=False).encode()
    return files | {
        "findings.json": json.dumps(tables.findings, indent=2, ensure_ascii=False, allow_nan=False).encode()
    }


def _figure_files(drawn: Iterable[Picture]) -> dict[str, bytes]:
    return {f"{p.name}.{kind}": data for p in drawn for kind, data in (("svg", p.svg), ("png", p.png)) if data}


def _write_folder(study: Study, folder: str, files: dict[str, bytes]) -> None:
    """Write files and remove what an earlier report left beside them."""
    for name, data in files.items():
        study.paths.write(f"{folder}/{name}", data)
    for name in set(study.paths.names(folder)) - set(files):
        study.paths.filesystem.delete_file(f"{folder}/{name}")


def page(study: Study, tables: StudyTables, drawn: Collection[Picture]) -> str:
    """Return the page: no link, script, style or image comes from outside of it."""
    css, script = (resources.files("bs_study.report").joinpath(name).read_text() for name in ("page.css", "page.js"))
    template = _environment().get_template("page.html.j2")
    return template.render(
        _words(study, tables),
        parts=_parts(tables, drawn),
        css=Markup(css),  # noqa: S704 the package's own file
        script=Markup(script),  # noqa: S704
        policy=_policy(css, script),
    )


def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("bs_study.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _words(study: Study, tables: StudyTables) -> dict[str, Any]:
    said = answer(tables)
    return {
        "study": study.name,
        "workload": study.asked.get("config", {}).get("workload", ""),
        "target": goal(tables.target) if tables.target else "none",
        "state": contents.state(tables),
        "is_finished": tables.ended >= tables.expected_trials,
        "made": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "warnings": tables.warnings,
        "answer": said,
        "clocks": contents.clock_rows(tables),
        "recipes": recipes_view(tables) if tables.by_recipe else None,
        "tables": contents.study_views(tables),
        "ends": contents.ends(tables),
        "settings": contents.settings(study),
        "surroundings": contents.surroundings(study, tables),
    }


def _parts(tables: StudyTables, drawn: Iterable[Picture]) -> list[dict[str, Any]]:
    """Return findings and figures recipe by recipe, those that compare recipes (or all there are) first.

    Of the recipes, the soonest is shown, and the others wait for a click.
    """
    shown = ["", soonest(tables)] if tables.by_recipe else [""]
    numbered: list[dict[str, Any]] = [
        {"picture": p, "number": n, "source": f"data:image/svg+xml;base64,{base64.b64encode(p.svg).decode()}"}
        for n, p in enumerate(drawn, start=1)
    ]
    return [
        {
            "recipe": name,
            "is_open": name in shown,
            "findings": [_finding(finding) for finding in tables.findings if finding.get("recipe", "") == name],
            "pictures": [entry for entry in numbered if entry["picture"].recipe == name],
        }
        for name in ["", *tables.by_recipe]
    ]


def _finding(finding: dict[str, Any]) -> dict[str, Any]:
    evidence = finding["evidence"]
    return finding | {"numbers": contents.evidence_text(evidence), "series": contents.evidence_rows(evidence)}


def _policy(css: str, script: str) -> str:
    """Return a policy under which the page can load nothing, and runs no script but its own."""
    return (
        f"default-src 'none'; img-src data:; style-src '{_hash(css)}'; script-src '{_hash(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
