"""The report of a study on disk: the page, the answer as JSON, its tables as CSV, its figures as files."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence

from bs_study.analysis.study import Analysis
from bs_study.answer import analyse, targets_of
from bs_study.report.answer_json import answer_json
from bs_study.report.curves import Source
from bs_study.report.figure import Picture, pictures
from bs_study.report.figures import (
    AGAINST_BEST,
    CHOICE,
    COMPARING,
    FIGURES,
    by_target,
    critical_figure,
    curve_figures,
    main_figure,
)
from bs_study.report.page_tables import CSV_TABLES
from bs_study.report.place import AGAIN, ANSWER, PAGE, page_place, report_folder
from bs_study.report.rendering import page
from bs_study.report.targets import config_targets, critical_by_target, other_targets, target_table
from bs_study.report.written import replace_files
from bs_study.store import Study
from bs_study.target import Target


def write_report(
    study: Study, *, target: Target | None = None, targets: Sequence[Target | str] = (), png: bool = False
) -> str:
    """Write a study's report beside its tables and return where its page is.

    It works on a study that still runs and on one of which nothing has ended. Files of an earlier report are replaced,
    and no others.

    Args:
        study: what to report on.
        target: asks the store another question than the study's own target.
        targets: further ones of the same metric, to compare on the page; by default some round ones.
        png: write each figure as PNG too.
    """
    found = analyse(study, target=target, keep=True)
    return publish(study, found, targets=targets_of(study, found, targets), png=png)


def publish(
    study: Study,
    found: Analysis,
    *,
    targets: Sequence[Target] = (),
    png: bool = False,
    again_seconds: float | None = None,
) -> str:
    """Write the report of an analysis that is at hand, and return where its page is.

    The report of another target than the study's lies beside the study's own. Each file appears whole, or not at all;
    answer.json comes last: it tells of a page that is there.

    Args:
        targets: further ones, as `targets_of` returns them; by default those of the study's config.
        again_seconds: in how many seconds the report of a study that runs is written again; None for a last one.
    """
    is_alone = again_seconds or found.loss_at  # without other targets
    analyses = ([] if is_alone else other_targets(found, asked=targets or config_targets(found))) or [found]
    drawn = list(_pictures(study, found, analyses, png=png))
    own = found.rows.target if found.rows else found.recommendation.target
    config = found.rows.config if found.rows else None
    at = found.loss_at.budget if found.loss_at else None
    name = report_folder(found.recommendation.target, own=own, at=at, own_at=config.at if config else None)
    folder = f"{study.paths.root}/{name}"
    replace_files(study.paths, folder, _table_files(found, analyses) | _figure_files(drawn))
    text = page(study, found, analyses, drawn, again_seconds=again_seconds)
    study.paths.write(f"{folder}/{PAGE}", text.encode())
    answer = answer_json(found, analyses) | ({} if again_seconds is None else {AGAIN: again_seconds})
    said = json.dumps(answer, indent=2, ensure_ascii=False, allow_nan=False)
    study.paths.write(f"{folder}/{ANSWER}", said.encode())
    return page_place(study.paths, folder.removeprefix(f"{study.paths.root}/"))


def _pictures(study: Study, found: Analysis, analyses: Sequence[Analysis], *, png: bool) -> Iterator[Picture]:
    """Yield the figures of a study: the main one at each target, and all others at the one that is asked."""
    for place, one in enumerate(analyses):
        yield from pictures([main_figure(one)], Source(study, one), png=png, end="" if one is found else f"-{place}")
    whole = Source(study, found)
    several = [by_target(target_table(analyses)), critical_figure(analyses)] if len(analyses) > 1 else []
    over_all = [CHOICE if found.loss_at else AGAINST_BEST, *several]
    yield from pictures([*over_all, *(COMPARING if len(found.recipes) > 1 else ())], whole, png=png)
    for recipe in found.recipes:
        source = Source(study, found, recipe)
        yield from pictures([*FIGURES, *curve_figures(source)], source, png=png)


def _table_files(found: Analysis, analyses: Sequence[Analysis]) -> dict[str, bytes]:
    tables = {name: getattr(found.tables, name) for name in CSV_TABLES}
    if len(analyses) > 1:
        tables |= {"targets": target_table(analyses), "critical_by_target": critical_by_target(analyses)}
    for name in ("versions", "loss_at", "noise_scale", "sharpness", "minima"):
        if getattr(found.tables, name).empty:
            del tables[name]
    if len(found.recipes) > 1:
        tables["recipes"] = found.tables.recipes
    return {f"tables/{name}.csv": table.to_csv(index=False).encode() for name, table in tables.items()}


def _figure_files(drawn: Iterable[Picture]) -> dict[str, bytes]:
    return {f"figures/{p.name}.{kind}": data for p in drawn for kind, data in (("svg", p.svg), ("png", p.png)) if data}
