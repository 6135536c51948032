"""What is printed when a study has ended: the recommendation as a card of a few lines, and what to type next."""

from __future__ import annotations

import re
import shlex
import shutil
import sys
from collections.abc import Sequence

from bs_study.analysis.step import Step
from bs_study.analysis.steps import other_target
from bs_study.analysis.study import Analysis
from bs_study.report.card import Card, Cost, card, cost_sentences
from bs_study.report.sentences.steps import command
from bs_study.report.sentences.warnings import ALARMS, warning
from bs_study.words import counted
from bs_study.wrapped import wrapped

WIDTH = 80
"""Columns that the lines are made for; in a narrower terminal the same words take more lines."""
MOST_LINES = 12
_OF_ALARMS, _OF_COSTS, _OF_STEP, _OF_COMMAND = 3, 2, 2, 3  # lines


def terminal_width() -> int:
    """Return how wide lines may be: as wide as the terminal, or as `WIDTH` where they go elsewhere."""
    if not sys.stdout.isatty():
        return WIDTH
    return max(20, min(WIDTH, shutil.get_terminal_size((WIDTH, 24)).columns))


def closing(found: Analysis, *, start: str | None = None, width: int = WIDTH) -> list[str]:
    """Return the lines to print, none wider than the terminal but for a word that is.

    At `WIDTH` they are, with those of `page_at`, at most `MOST_LINES`; before them come up to three of alarms.

    Args:
        start: the command that runs studies, with flags that say how they are launched.
    """
    told = card(found, start=start)
    advised, typed = _advised(found, told)
    head = _recommendation(told)
    room = MOST_LINES - len(page_at(f"{found.uri}/report/report.html")) - _height(head)
    least = bool(told.as_good or told.unsure) + bool(told.costs) + _height([_fitted(advised, _OF_STEP)])
    if typed and len(_typed(typed, WIDTH)) > min(_OF_COMMAND, room - least):
        advised, typed = [f"{advised[0]} The report has the command.", *advised[1:]], ""
    following = [_fitted(advised, _OF_STEP)] if advised else []
    room -= _height(following) + (len(_typed(typed, WIDTH)) if typed else 0)
    paragraphs = [*_alarms(found), *head, *_compared(told, room), *following]
    lines = [line for text in paragraphs for line in wrapped(text, width)]
    return [*lines, *_typed(typed, width)] if typed else lines


def page_at(place: str, *, width: int = WIDTH) -> list[str]:
    """Return the lines that say where the page is; a place is never broken."""
    line = f"Report: {place}"
    return [line] if len(line) <= width else ["Report:", place]


def _alarms(found: Analysis) -> list[str]:
    """Return what must be known before any ranking: a clock that can't be right, a target that tells nothing."""
    texts = [f"warning: {warning(one, found)}" for one in found.warnings if one.kind in ALARMS]
    for kept in range(len(texts), 0, -1):
        left = len(texts) - kept
        more = [f"warning: The report has {counted(left, 'more warning')}."] if left else []
        if _height([*texts[:kept], *more]) <= _OF_ALARMS:
            return [*texts[:kept], *more]
    return [_fitted(re.split(r"(?<=\.) ", texts[0]), _OF_ALARMS)] if texts else []


def _recommendation(told: Card) -> list[str]:
    """Return what to train with, with its time, and the grade with its reason."""
    use = " ".join(filter(None, [told.use, told.took, told.spread]))
    graded = f"{told.grade.capitalize()}: {told.why[:1].lower()}{told.why[1:]}" if told.grade else ""
    return [use, *filter(None, [" ".join(filter(None, [graded, told.left]))])]


def _compared(told: Card, room: int) -> list[str]:
    """Return what is as good, what keeps that open, and what others cost, as far as there is room."""
    others = 2 * bool(told.as_good) + bool(told.unsure)  # lines that are theirs first, if there are so many
    costs = _costs(told.costs, max(min(_OF_COSTS, room - others), int(room > bool(others))))
    is_open = _open(told, room - _height([costs]))
    costs = _costs(told.costs, min(_OF_COSTS, room - _height(is_open)))  # with what was left
    return [text for text in (*is_open, costs) if text]


def _open(told: Card, most: int) -> list[str]:
    """Return what is as good and what keeps that open: of many lrs and reasons the first, and that there are more."""
    as_good, unsure, more = [*told.as_good], [*told.unsure], list[str]()
    while True:
        texts = [" ".join(as_good), " ".join([*unsure, *more])] if unsure else [" ".join([*as_good, *more])]
        if _height(texts) <= most or not as_good + unsure:
            return texts
        more = ["The report says more."]
        least = 2 if len(unsure) > 1 else 1  # a second batch size goes before the last reason
        (as_good if len(as_good) > least else unsure or as_good).pop()


def _fitted(sentences: Sequence[str], most: int) -> str:
    """Return as many sentences as fit into some lines; the first in any case."""
    known = [text for text in sentences if text]
    while len(known) > 1 and _height([" ".join(known)]) > most:
        known.pop()
    return " ".join(known)


def _costs(costs: Sequence[Cost], most: int) -> str:
    for kept in range(len(costs), 0, -1):
        left = len(costs) - kept
        text = " ".join([*cost_sentences(costs[:kept]), *([f"The report has {left} more."] if left else [])])
        if _height([text]) <= most:
            return text
    return "The report says what others cost." if costs and most > 0 else ""


def _advised(found: Analysis, told: Card) -> tuple[list[str], str]:
    """Return what to do next, in sentences and as a command; of a study that is settled, to ask something else."""
    if found.loss_at is not None and told.step is None:
        return [], ""
    if told.step is None:
        other = other_target(found.tables.convergence, found.recommendation.target)
        if other is None:
            return [], ""
        return ["Next: Open the report, or ask for another target."], command(Step("target", target=other), found)
    they = "It takes" if told.step.trials == 1 else "They take"
    lasts = f"{they} {told.step.lasts}." if told.step.lasts else ""
    more = len(found.recommendation.steps) - 1
    others = f"The report has {counted(more, 'more step')}." if more else ""
    return [f"Next: {told.step.text}", lasts, others], told.step.command


def _height(paragraphs: Sequence[str]) -> int:
    return sum(len(wrapped(text, WIDTH)) for text in paragraphs)


def _typed(typed: str, width: int) -> list[str]:
    """Return a command over as many lines as it needs, of which the shell, or Python, makes one."""
    is_call = typed.startswith("bs_study.")
    words = re.split(r"(?<=,) (?=\w+=)", typed) if is_call else [shlex.quote(word) for word in shlex.split(typed)]
    lines, line = list[str](), " "
    for word in words:
        if len(line) + len(word) + 3 > width and line.strip():
            lines.append(line if is_call else f"{line} \\")
            line = "   "
        line = f"{line} {word}"
    return [*lines, line]
