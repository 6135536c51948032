"""The page of a study: one HTML file that nothing outside of it is loaded for."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import resources
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from bs_study.analysis.loss_at import LossAt
from bs_study.analysis.study import Analysis
from bs_study.report import setup
from bs_study.report.answer_tables import ClockRow, RivalRow, clock_rows, rival_rows
from bs_study.report.card import Card, card
from bs_study.report.colours import palette
from bs_study.report.figure import Picture
from bs_study.report.figures import main_figure
from bs_study.report.page_parts import Shown, asked
from bs_study.report.page_tables import page_tables
from bs_study.report.sentences import curve, gradients, loss_at, loss_doubts, steps, targets
from bs_study.report.sentences.answer import answer
from bs_study.report.sentences.costs import cost_notes, costs
from bs_study.report.sentences.rivals import rivals
from bs_study.report.sentences.warnings import ALARMS, warning
from bs_study.report.targets import target_table
from bs_study.store import Study
from bs_study.words import goal

_WORDS = (
    "A cell is a batch size and an lr. A trial is one training run of a cell with one seed. "
    "An iteration is one optimizer update. Training time leaves out evaluation, checkpoints and writing. "
    "Iterations × the time of one, measured alone in the timing pass, is the time that ranks, where there was one. "
    "A trial that missed the target counts as slower than every number, never as a number."
)


@dataclass(frozen=True)
class AtTarget:
    """What the page answers for a target: its card, and its main figure, also as a table."""

    label: str
    card: Card
    figure: Shown | None
    is_asked: bool
    rows: Sequence[Sequence[str]]


def page(
    study: Study,
    found: Analysis,
    analyses: Sequence[Analysis],
    drawn: Collection[Picture],
    *,
    again_seconds: float | None = None,
) -> str:
    """Return the page of a study.

    Args:
        found: by the target that is asked.
        analyses: by all targets that the page offers, that one among them, the easiest first.
        drawn: all figures; the main one's name ends with the place of the analysis, but for `found`.
        again_seconds: in how many seconds the page of a study that runs is written again; None for a last one.
    """
    css = palette(frozenset().union(*(one.inline.colours for one in drawn))) + _file("page.css") + _file("card.css")
    script = _file("page.js")
    figure = main_figure(found).name
    main = {one.name: Shown.of(one) for one in drawn if one.figure == figure}
    names = [figure if one is found else f"{figure}-{place}" for place, one in enumerate(analyses)]
    at_targets = [
        AtTarget(
            _label(one),
            card(one),
            main.get(name),
            one is found,
            targets.best_rows(target_table([one]), clock=one.recommendation.clock) if one.loss_at is None else [],
        )
        for one, name in zip(analyses, names, strict=True)
    ]
    return (
        _environment()
        .get_template("page.html.j2")
        .render(
            _words(study, found),
            **_parts(found, analyses, drawn),
            targets=at_targets,
            asked_target=_label(found),
            is_loss=found.loss_at is not None,
            again_seconds=again_seconds,
            css=Markup(css),  # noqa: S704 the package's own files, and colours
            script=Markup(script),  # noqa: S704
            policy=_policy(css, script),
        )
    )


def _label(found: Analysis) -> str:
    if found.loss_at:
        return f"lowest held-out loss after {loss_at.budget_words(found, found.loss_at)}"
    return goal(found.recommendation.target) if found.recommendation.target else "none"


def _parts(found: Analysis, analyses: Sequence[Analysis], drawn: Collection[Picture]) -> dict[str, Any]:
    said = {
        ("sure", ""): [card(found).why],
        ("targets", ""): [targets.by_target(analyses)],
        ("costs", ""): [costs(found), *cost_notes(found)],
        ("run", ""): [setup.state_text(found.recommendation.state)],
    }
    for name in found.recipes:
        said["updates", name] = [*filter(None, [curve.curve_line(found, name)]), *curve.definitions(found, name)]
        said["gradients", name] = ["", *gradients.notes(found, name)]
        said["trade", name] = list(filter(None, [curve.rule_line(found, name)]))
    rows = targets.rows(target_table(analyses), clock=found.recommendation.clock) if len(analyses) > 1 else []
    return {"questions": asked(found, drawn, page_tables(found), said=said), "by_target": rows}


def _of_loss(found: Analysis, told: LossAt) -> dict[str, Any]:
    """Return what the page says of the comparisons where the loss after a budget is asked."""
    own = loss_at.apart(told)
    return {
        "sure": [loss_at.how_read(found, told), *loss_at.as_good(told), *loss_doubts.unsure(found, told)],
        "rivals": loss_at.rows(found, own.others),
        "lrs": loss_at.rows(found, own.lrs),
        "worse": ["times as high", "known to be higher"],
        "clocks": [],
        "steps": [],
    }


def _words(study: Study, found: Analysis) -> dict[str, Any]:
    recommendation, compared = found.recommendation, rivals(found.recommendation.comparisons)
    told = answer(found)
    return {
        "study": found.name,
        "workload": study.settings.get("workload", ""),
        "state": setup.state_text(recommendation.state),
        "made": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "alarms": [warning(record, found) for record in found.warnings if record.kind in ALARMS],
        "notes": [warning(record, found) for record in found.warnings if record.kind not in ALARMS],
        "sure": [text for text in (told.use, told.sure, told.times, told.clocks, told.cost, told.search) if text],
        "rivals": _rival_rows(found, compared.others),
        "lrs": _rival_rows(found, compared.lrs),
        "clocks": [
            [
                row.clock,
                _size(row, found),
                row.lr,
                f"{row.took}{f' ({row.interval})' if row.interval else ''}",
                row.seeds,
            ]
            for row in clock_rows(found)
        ],
        "steps": [{"text": steps.step(s, found), "command": steps.command(s, found)} for s in recommendation.steps],
        "ends": [list(row.values()) for row in setup.ends(found.tables.trials)],
        "settings": setup.settings(study),
        "surroundings": setup.surroundings(study, found.tables.trials),
        "words": _WORDS,
        "worse": ["times as long", "known to be slower"],
    } | (_of_loss(found, found.loss_at) if found.loss_at else {})


def _rival_rows(found: Analysis, comparisons: Sequence[Any]) -> list[list[str]]:
    rows = rival_rows(found, comparisons)
    return [
        [
            _size(row, found),
            row.lr,
            row.ratio,
            "yes" if row.is_slower else "no, as good" if row.is_equal else "no",
            row.why,
        ]
        for row in rows
    ]


def _size(row: ClockRow | RivalRow, found: Analysis) -> str:
    """Return a batch size, with its recipe where the study has several."""
    return f"{row.batch_size} of “{row.recipe}”" if len(found.recipes) > 1 else row.batch_size


def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("bs_study.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _file(name: str) -> str:
    return resources.files("bs_study.report").joinpath(name).read_text(encoding="utf-8")


def _policy(css: str, script: str) -> str:
    """Return a policy under which the page can load nothing, and runs no script but its own."""
    return (
        f"default-src 'none'; img-src data:; style-src '{_hash(css)}'; script-src '{_hash(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
