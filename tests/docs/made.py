"""The parts of the pages that are made: each stands between `<!-- made: NAME -->` and `<!-- end -->`."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from tests.docs import lists, samples

PARTS: dict[str, Callable[[], str]] = {
    "settings": lists.settings,
    "tables": lists.tables,
    "workloads": lists.workloads,
    "studies": lists.studies,
    "axes": lists.axes,
    "answer": samples.answer,
    "answer.json": samples.answer_json,
    "loss-at": samples.loss_at,
    "check": samples.check,
    "dry-run": samples.dry_run,
    "report-files": samples.report_files,
    "rows": samples.rows,
    "curve": samples.curve,
    "variance": samples.variance,
    "timings": samples.timings,
    "costs": samples.costs,
    "cost-flags": lists.cost_flags,
    "verdicts": samples.verdicts,
}
_MARKED = re.compile(r"(?P<begin><!-- made: (?P<name>[\w.-]+) -->\n).*?(?P<end><!-- end -->)", re.DOTALL)


def remade(page: Path) -> str:
    """Return a page with its made parts made again."""
    return _MARKED.sub(
        lambda found: f"{found['begin']}{PARTS[found['name']]()}\n{found['end']}", page.read_text(encoding="utf-8")
    )


def without_made(text: str) -> str:
    """Return a page's text without its made parts."""
    return _MARKED.sub("", text)


def names_in(page: Path) -> list[str]:
    return [found["name"] for found in _MARKED.finditer(page.read_text(encoding="utf-8"))]
