"""How two studies compare, in sentences: how they differ, what each recommends, and which one is sooner."""

from __future__ import annotations

import math

from bs_study.analysis.board import SIDES, Pair, Side
from bs_study.analysis.comparison import EITHER
from bs_study.analysis.differences import Kind
from bs_study.analysis.recommendation import CellResult
from bs_study.analysis.side_by_side import SideBySide
from bs_study.analysis.study import Analysis
from bs_study.analysis.verdict import CONFIDENCE, Doubt
from bs_study.report.sentences import answer, times
from bs_study.report.sentences.doubts import doubts
from bs_study.report.sentences.rivals import factor
from bs_study.report.setup import setting_text
from bs_study.store.changes import changes
from bs_study.words import clock_words, counted, goal, listing, percent, sentence, setting


def named(found: SideBySide) -> list[str]:
    """Return which study is A and which is B, and the target that both are judged by."""
    a, b = (found.a.name, found.b.name) if found.a.name != found.b.name else (found.a.uri, found.b.uri)
    return [f"A is {a}.", f"B is {b}.", f"Both are judged by {goal(found.target)}."]


def settings(found: SideBySide) -> list[str]:
    """Return each setting that differs, with both values, below a line that says so."""
    told = found.differences
    if not told.settings:
        return ["No setting that both tell differs." if any(told.are_imported) else "No setting differs."]
    return ["Settings that differ:", *(f"  {one.name}: A {_value(one.a)}; B {_value(one.b)}" for one in told.settings)]


def _value(value: object) -> str:
    return "none" if value in (None, [], ()) else setting_text(value)


def surroundings(found: SideBySide) -> list[str]:
    """Return how workload, data and devices differ, and by which clock that leaves the studies to compare."""
    told, only = found.differences, "Seconds do not compare then, so only iterations are compared."
    changed = changes(*told.fingerprints)
    if told.is_other_workload:
        how = f", from A to B: {listing(changed)}" if changed else ""
        return [f"Workload or data differ{how}.", only]
    imported = [side for side, is_imported in zip(SIDES, told.are_imported, strict=True) if is_imported]
    if imported:
        hold, their = ("holds", "its") if len(imported) == 1 else ("hold", "their")
        return [
            f"{listing(imported)} {hold} imported runs: {their} workload, device and other settings are not known.",
            "So it is not known whether A and B trained the same, and only iterations are compared.",
        ]
    if not all(told.kinds):
        return ["The device of a study is not known.", only]
    if not told.has_one_kind:
        devices = " and ".join(f"{side} on {_kinds(kinds)}" for side, kinds in zip(SIDES, told.kinds, strict=True))
        return [f"The devices differ: {devices}.", only]
    if found.clock == "train_seconds":
        without = [side for side, one in zip(SIDES, (found.a, found.b), strict=True) if not one.tables.is_clean]
        who = f"{without[0]} has no" if len(without) == 1 else "Neither study has a"
        return [f"{who} timing pass of its trials, so seconds are by the clocks of the trials."]
    return []


def _kinds(kinds: tuple[Kind, ...]) -> str:
    if len(kinds) > 1:
        return f"{len(kinds)} kinds of device"
    name, *threads = kinds[0]
    known = [counted(float(str(one)), "thread") for one in threads if one is not None and one == one]
    return f"{name}{f' ({known[0]})' if known else ''}"


def pooling(found: SideBySide) -> list[str]:
    """Return what was pooled; empty where that was not asked for."""
    if found.pooled is None:
        return []
    cells, repeated = len(found.pooled.cells), found.pooled.repeated
    told = [
        f"Pooled: {counted(cells, 'cell')} of the same settings {'has' if cells == 1 else 'have'} the seeds of both."
    ]
    if repeated:
        are = "is" if repeated == 1 else "are"
        told.append(
            f"{counted(repeated, 'trial')} of B {are} left out, since A trained the same cell with the same seed."
        )
    return told


def recommended(side: Side, found: Analysis) -> str:
    """Return what a study recommends, and how sure that is."""
    best = found.recommendation.best
    if best is None:
        return f"{side} recommends no cell. {' '.join(answer.use(found))}"
    known = "" if best.fresh else times.interval(best)  # else that of fresh seeds is told with them
    took = f"{answer.took_what(found, best)}{f', a typical seed {known}' if known else ''}"
    told = f"{side} recommends {answer.named(best)} ({found.recommendation.grade}): {took}."
    return " ".join(filter(None, [told, *times.by_fresh(best), answer.left(found)]))


def clock_of(clock: str, found: SideBySide) -> str:
    """Return what a sentence calls a clock of the two studies."""
    return clock_words(clock, is_disturbed=any(one.tables.disturbed for one in (found.a, found.b)))


def took(result: CellResult | None, *, is_tried: bool) -> str:
    """Return what the best cell of a batch size took."""
    if result is None:
        return "no lr reached it in most of its seeds" if is_tried else "not tried"
    known = times.interval(result)
    recipe = f" with “{result.recipe}”" if result.recipe else ""
    return f"lr {setting(result.lr)}{recipe}: {times.took(result)}{f' ({known})' if known else ''}"


def how_pair_ends(pair: Pair) -> str:
    """Return the ratio of a pair with its interval, and which study is sooner, or why that is open.

    It is empty where there is nothing to compare.
    """
    if pair.is_same:
        return "one cell, pooled"
    told = ratio(pair)
    return f"A/B {told}: {_ends(pair)}" if told else _ends(pair)


def ratio(pair: Pair) -> str:
    """Return the ratio of A's time to B's, with its interval; of a pair of which one missed a bound, if it tells."""
    if math.isnan(pair.ratio) or pair.ratio in (0, math.inf):
        return ""
    if pair.a is None or (pair.low > 1 and math.isinf(pair.high)):
        return f"at least {factor(pair.low)}" if pair.low > 1 else ""
    if pair.b is None or (pair.high < 1 and pair.low == 0):
        return f"at most {factor(pair.high)}" if pair.high < 1 else ""
    if not (math.isfinite(pair.low) and math.isfinite(pair.high)):
        return factor(pair.ratio)
    return f"{factor(pair.ratio)} ({factor(pair.low)} to {factor(pair.high)})"


def _ends(pair: Pair) -> str:
    if pair.sooner:
        return f"{pair.sooner} is sooner"
    if pair.is_equal:
        return f"as good, within {percent(EITHER - 1)}"
    return f"open, {why_open(pair)}" if pair.doubts else ""


def why_open(pair: Pair) -> str:
    """Return the first reason why a pair is open, as a clause."""
    first = pair.doubts[0]
    return doubts([Doubt(first.reason, count=first.count)])[0]


def closing(found: SideBySide) -> list[str]:
    """Return which study is sooner with the cell that it recommends, how sure that is, or why it is open."""
    pair, by = found.recommended, f"by {clock_of(found.clock, found)}"
    if pair is None:
        none = [side for side, one in zip(SIDES, (found.a, found.b), strict=True) if one.best_cell is None]
        who = f"{none[0]} recommends" if len(none) == 1 else "Neither study recommends"
        return [f"Which study is sooner is open: {who} {'no' if len(none) == 1 else 'a'} cell."]
    if pair.is_same:
        return ["Both recommend the same cell, whose seeds are pooled."]
    known = ratio(pair)
    if pair.sooner:
        other = "B" if pair.sooner == "A" else "A"
        return [
            f"With its recommended cell {pair.sooner} reaches the target sooner than {other}, {by}"
            f"{f': A/B is {known}' if known else ''}.",
            f"All that is called sooner here holds together at {percent(CONFIDENCE)}.",
        ]
    so_far = f" A/B is {known}." if known else ""
    if pair.is_equal:
        return [f"The recommended cells are as good as each other, within {percent(EITHER - 1)}, {by}.{so_far}"]
    return [sentence(f"which of the recommended cells is sooner, {by}, is open: {why_open(pair)}") + so_far]
