"""The report of a study: one self-contained HTML page, the answer as JSON, its tables as CSV, its figures as files."""

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

from bs_study.analysis.study import Analysis
from bs_study.analysis.verdict import Verdict
from bs_study.answer import analyse
from bs_study.report import setup
from bs_study.report.answer_json import answer_json
from bs_study.report.answer_tables import clock_rows, rival_rows
from bs_study.report.curves import Source
from bs_study.report.figure import Picture, pictures
from bs_study.report.figures import COMPARING, FIGURES
from bs_study.report.page_tables import TABLES, page_tables, recipes_view
from bs_study.report.place import AGAIN, ANSWER, PAGE, page_place, report_folder
from bs_study.report.sentences import steps, verdicts
from bs_study.report.sentences.answer import answer
from bs_study.report.sentences.doubts import edges_of
from bs_study.report.sentences.rivals import rivals
from bs_study.report.sentences.warnings import warning
from bs_study.store import Study
from bs_study.target import Target
from bs_study.words import goal


def write_report(study: Study, *, target: Target | None = None, png: bool = False) -> str:
    """Write a study's report beside its tables and return where its page is.

    It works on a study that still runs and on one of which nothing has ended. Files of an earlier report are replaced.

    Args:
        study: what to report on.
        target: asks the store another question than the study's own target.
        png: write each figure as PNG too.
    """
    return publish(study, analyse(study, target=target, keep=True), png=png)


def publish(study: Study, found: Analysis, *, png: bool = False, again_seconds: float | None = None) -> str:
    """Write the report of an analysis that is at hand, and return where its page is.

    The report of another target than the study's lies beside the study's own. Each file appears whole, or not at all;
    answer.json comes last: it tells of a page that is there.

    Args:
        again_seconds: in how many seconds the report of a study that runs is written again; None for a last one.
    """
    drawn = list(_pictures(study, found, png=png))
    own = found.rows.target if found.rows else found.recommendation.target
    folder = f"{study.paths.root}/{report_folder(found.recommendation.target, own=own)}"
    _write_folder(study, f"{folder}/tables", _table_files(found))
    _write_folder(study, f"{folder}/figures", _figure_files(drawn))
    study.paths.write(f"{folder}/{PAGE}", page(study, found, drawn, again_seconds=again_seconds).encode())
    answer = answer_json(found) | ({} if again_seconds is None else {AGAIN: again_seconds})
    said = json.dumps(answer, indent=2, ensure_ascii=False, allow_nan=False)
    study.paths.write(f"{folder}/{ANSWER}", said.encode())
    return page_place(study.paths, folder.removeprefix(f"{study.paths.root}/"))


def _pictures(study: Study, found: Analysis, *, png: bool) -> Iterable[Picture]:
    if len(found.recipes) > 1:
        yield from pictures(COMPARING, Source(study, found), png=png)
    for recipe in found.recipes:
        yield from pictures(FIGURES, Source(study, found, recipe), png=png)


def _table_files(found: Analysis) -> dict[str, bytes]:
    tables = {table.name: getattr(found.tables, table.name) for table in TABLES}
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


def page(study: Study, found: Analysis, drawn: Collection[Picture], *, again_seconds: float | None = None) -> str:
    """Return the page: no link, script, style or image comes from outside of it.

    Args:
        again_seconds: as `publish` takes it.
    """
    css, script = (resources.files("bs_study.report").joinpath(name).read_text() for name in ("page.css", "page.js"))
    template = _environment().get_template("page.html.j2")
    return template.render(
        _words(study, found),
        again_seconds=again_seconds,
        parts=_parts(found, drawn),
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


def _words(study: Study, found: Analysis) -> dict[str, Any]:
    recommendation, compared = found.recommendation, rivals(found.recommendation.comparisons)
    return {
        "study": found.name,
        "workload": study.asked.get("config", {}).get("workload", ""),
        "target": goal(recommendation.target) if recommendation.target else "none",
        "state": setup.state_text(recommendation.state),
        "is_finished": recommendation.state.left <= 0,
        "made": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "warnings": [warning(record, found) for record in found.warnings],
        "answer": answer(found),
        "is_clean": found.tables.is_clean and not found.tables.disturbed,
        "clocks": clock_rows(found),
        "rivals": rival_rows(found, compared.others),
        "lrs": rival_rows(found, compared.lrs),
        "steps": [{"text": steps.step(s, found), "command": steps.command(s, found)} for s in recommendation.steps],
        "recipes": recipes_view(found) if len(found.recipes) > 1 else None,
        "tables": page_tables(found),
        "ends": setup.ends(found.tables.trials),
        "settings": setup.settings(study),
        "surroundings": setup.surroundings(study, found.tables.trials),
    }


def _parts(found: Analysis, drawn: Iterable[Picture]) -> list[dict[str, Any]]:
    """Return verdicts and figures recipe by recipe, those that compare recipes (or all there are) first.

    Of the recipes, the soonest is shown, and the others wait for a click.
    """
    best = found.best_cell
    numbered: list[dict[str, Any]] = [
        {"picture": p, "number": n, "source": f"data:image/svg+xml;base64,{base64.b64encode(p.svg).decode()}"}
        for n, p in enumerate(drawn, start=1)
    ]
    return [
        {
            "recipe": name,
            "is_open": name == (best.recipe if best else found.recipes[0]),
            "verdicts": [_verdict(verdict, found) for verdict in found.verdicts if verdict.recipe == name],
            "pictures": [entry for entry in numbered if entry["picture"].recipe == name],
        }
        for name in (["", *found.recipes] if len(found.recipes) > 1 else [""])
    ]


def _verdict(verdict: Verdict, found: Analysis) -> dict[str, Any]:
    return {
        "outcome": verdict.outcome,
        "claim": verdicts.claim(verdict),
        "why": verdicts.why(verdict, edges=edges_of(found)),
        "how": verdicts.how(verdict),
        "numbers": verdicts.numbers(verdict),
    }


def _policy(css: str, script: str) -> str:
    """Return a policy under which the page can load nothing, and runs no script but its own."""
    return (
        f"default-src 'none'; img-src data:; style-src '{_hash(css)}'; script-src '{_hash(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
