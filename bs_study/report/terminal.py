"""What is printed when a study has ended: the recommendation, a row per batch size, and what to type next."""

from __future__ import annotations

import math
import shlex
import textwrap
from collections.abc import Sequence

from bs_study.analysis.study import Analysis
from bs_study.report.sentences.answer import sure, use
from bs_study.report.sentences.places import Place
from bs_study.report.sentences.rivals import WITHIN, how_much
from bs_study.report.sentences.searched import searched
from bs_study.report.sentences.steps import GRID, command, step
from bs_study.report.sentences.times import clock_of
from bs_study.report.sentences.warnings import warning
from bs_study.words import amount, count, goal, setting

WIDTH = 80
_MOST_LINES = 8  # of the recommendation
_ALARMS = ("clock_alarm", "several_versions", "initial_weights", "first_look", "out_of_range", "out_of_reach")
_ENDS = {
    "reached": "reached",
    "missed": "missed",
    "outrun": "outrun",
    "not_tried": "at another target",
    "diverged": "diverged",
    "out_of_memory": "out of memory",
    "failed": "failed",
    "not_evaluated": "not evaluated",
}
"""How a trial ended, as short as a table has it."""


def closing(found: Analysis, *, start: str = GRID) -> list[str]:
    """Return the lines to print, of at most 80 columns but for a word that is longer.

    Args:
        start: the command that runs studies, with flags that say how they are launched.
    """
    table = _table(found)
    how = textwrap.wrap(" ".join(searched(found)), WIDTH) if table else []
    told = [*_alarms(found), *_recommendation(found), *([""] if table else []), *table, *how]
    return [*told, *_next(found, start=start)]


def _alarms(found: Analysis) -> list[str]:
    """Return what must be known before any ranking: a clock that can't be right, a target that tells nothing."""
    alarms = [f"warning: {warning(one, found)}" for one in found.warnings if one.kind in _ALARMS]
    return [line for text in alarms for line in textwrap.wrap(text, WIDTH)]


def _recommendation(found: Analysis) -> list[str]:
    """Return the recommendation and how sure it is, as far as there is room: the report says all."""
    lines: list[str] = []
    for sentence in [*use(found), *sure(found)]:
        more = textwrap.wrap(sentence, WIDTH)
        if len(lines) + len(more) > _MOST_LINES - 1:
            return [*lines, "The report says more."]
        lines += more
    return lines


def _table(found: Analysis) -> list[str]:
    """Return a row per batch size, recipe by recipe: its best lr by the study's clock, and how it compares."""
    cells = found.tables.convergence
    if cells.empty:
        return []
    clock, target = found.recommendation.clock, found.recommendation.target
    title = f"best lr by {clock_of(clock, found)} to {goal(target)}" if target else "trials"
    rows: list[tuple[str, ...]] = [("batch size", "best lr", "iterations", "time", "trials", "against the best")]
    places = list(dict.fromkeys(zip(cells["recipe"], cells["batch_size"], strict=True)))
    rows += [_row(found, (recipe, int(size))) for recipe, size in places]
    widths = _widths(rows)
    lines = [*textwrap.wrap(title, WIDTH), *_laid_out(rows[0], widths)]
    named = ""
    for (recipe, _), row in zip(places, rows[1:], strict=True):
        lines += textwrap.wrap(f"“{recipe}”", WIDTH) if recipe != named else []
        named = recipe
        lines += _laid_out(row, widths)
    return lines


def _row(found: Analysis, place: Place) -> tuple[str, ...]:
    clock, best, cells = found.recommendation.clock, found.tables.best, found.tables.convergence
    own = cells[(cells["recipe"] == place[0]) & (cells["batch_size"] == place[1])]
    ends = {name: int(own[name].sum()) for name in _ENDS}
    completed = int(own["seeds"].sum()) - sum(ends.values())
    ended = ", ".join(f"{count(trials)} {_ENDS[name]}" for name, trials in ends.items() if trials)
    ended = ended or f"{count(completed)} completed"
    ranked = best[(best["recipe"] == place[0]) & (best["batch_size"] == place[1])]
    lr = float(ranked[f"best_lr_by_{clock}"].iloc[0]) if len(ranked) else math.nan
    if not math.isfinite(lr):
        return setting(place[1]), "–", "–", "–", ended, _compared(found, place)
    cell = own[own["lr"] == lr].iloc[0]
    at_most = "≤ " if cell.get("is_at_most", False) else ""
    iterations = f"{at_most}{count(cell['iterations_to_target'])}"
    took = f"{at_most}{amount(float(cell[f'{clock}_to_target']), clock=clock)}"
    return setting(place[1]), setting(lr), iterations, took, ended, _compared(found, place)


def _compared(found: Analysis, place: Place) -> str:
    best = found.recommendation.best
    if best is None:
        return ""
    if best.cell[:2] == place:
        return "the best" if found.recommendation.grade == "settled" else "the best so far"
    own = next((one for one in found.recommendation.comparisons if one.rival[:2] == place), None)
    if own is None:
        return ""
    if own.is_equal and not own.is_slower:
        return f"as good{WITHIN}"
    if not own.is_slower:
        return "not known to be slower"
    return how_much(own, found) or "can't reach it"


def _widths(rows: Sequence[tuple[str, ...]]) -> list[int]:
    """Return a width per column; the last two share what the others leave, and wrap."""
    natural = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    left = WIDTH - sum(natural[:-2]) - 2 * (len(natural) - 1)
    compared = min(natural[-1], max(len("against the best"), left - natural[-2]))
    return [*natural[:-2], max(1, min(natural[-2], left - compared)), compared]


def _laid_out(row: tuple[str, ...], widths: Sequence[int]) -> list[str]:
    """Return a row in lines: numbers to the right, the last two columns wrapped."""
    columns = [
        [text.rjust(width)] if place < len(row) - 2 else textwrap.wrap(text, width) or [""]
        for place, (text, width) in enumerate(zip(row, widths, strict=True))
    ]
    height = max(map(len, columns))
    padded = [
        [*(text.ljust(width) for text in column), *[" " * width] * (height - len(column))]
        for column, width in zip(columns, widths, strict=True)
    ]
    return ["  ".join(parts).rstrip() for parts in zip(*padded, strict=True)]


def _next(found: Analysis, *, start: str) -> list[str]:
    """Return what would make it surer, each step with its command."""
    lines = [""] if found.recommendation.steps else []
    for one in found.recommendation.steps:
        lines += textwrap.wrap(f"Next: {step(one, found)}", WIDTH)
        typed = command(one, found, start=start)
        lines += _typed(typed) if typed else []
    return lines


def _typed(typed: str) -> list[str]:
    """Return a command over as many lines as it needs, of which the shell makes one."""
    words = [shlex.quote(word) for word in shlex.split(typed)]
    lines, line = list[str](), " "
    for word in words:
        if len(line) + len(word) + 3 > WIDTH and line.strip():
            lines.append(f"{line} \\")
            line = "   "
        line = f"{line} {word}"
    return [*lines, line]
