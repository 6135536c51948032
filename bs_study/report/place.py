"""Where the reports of a study lie: its own, and beside it one for each other target that was asked."""

from __future__ import annotations

import hashlib
import json
import re

from bs_study.budget import Budget
from bs_study.store.paths import StudyPaths
from bs_study.target import Target
from bs_study.words import typed

OWN = "report"
PAGE = "report.html"
ANSWER = "answer.json"
AGAIN = "again_seconds"
"""Entry of the answer of a study that runs: in how many seconds its report is written again."""
LONGEST_METRIC = 60  # characters of a folder's name


def report_folder(
    target: Target | None, *, own: Target | None, at: Budget | None = None, own_at: Budget | None = None
) -> str:
    """Return the name of the folder for the report of a target, or of the loss after a budget.

    That of the study's own question is `report`.

    A metric whose name is no name for a file, or too long for one, is told apart by a few digits more.

    >>> accuracy, own = Target("accuracy", 0.97), Target("loss", 0.3)
    >>> report_folder(own, own=own), report_folder(accuracy, own=own), report_folder(own, own=accuracy)
    ('report', 'report-accuracy-at-least-0.97', 'report-loss-at-most-0.3')
    >>> report_folder(Target("val/../f1", 0.5), own=own)
    'report-val_.._f1-e1df5f85-at-least-0.5'
    >>> report_folder(own, own=own, at=Budget("examples", 50000))
    'report-loss-at-examples-50000'

    Args:
        at: the budget, where the loss after one is asked.
        own_at: that of the study, where it asks for it.
    """
    if at is not None:
        return OWN if at == own_at else f"{OWN}-loss-at-{at.clock}-{typed(at.value)}"
    if target is None or (target == own and own_at is None):
        return OWN
    safe = re.sub(r"[^A-Za-z0-9._-]", "_", target.metric)[:LONGEST_METRIC]
    if safe != target.metric:
        safe += f"-{hashlib.sha256(target.metric.encode()).hexdigest()[:8]}"
    value = re.split("[<>]=", target.typed)[-1]
    return f"{OWN}-{safe}-at-{'least' if target.direction == 'max' else 'most'}-{value}"


def page_place(paths: StudyPaths, folder: str = OWN) -> str:
    """Return where the page in a report's folder is, as a person opens it."""
    return f"{paths.uri.partition('?')[0]}/{folder}/{PAGE}"


def has_last_report(paths: StudyPaths) -> bool:
    """Return whether a study's own report is there, and is none that was written while the study ran."""
    folder = f"{paths.root}/{OWN}"
    try:
        answer = json.loads(paths.read(f"{folder}/{ANSWER}"))
        return paths.exists(f"{folder}/{PAGE}") and isinstance(answer, dict) and answer.get(AGAIN) is None
    except (OSError, ValueError):  # none, or one that can't be read, which is made again
        return False
