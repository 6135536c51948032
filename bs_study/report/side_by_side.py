"""Two studies side by side on a terminal, and for programs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bs_study.analysis.board import SIDES, Pair
from bs_study.analysis.side_by_side import SideBySide
from bs_study.report.answer_json import answer_json, plain
from bs_study.report.sentences import side_by_side as says
from bs_study.words import setting
from bs_study.wrapped import wrapped


def lines(found: SideBySide, *, width: int) -> list[str]:
    """Return the lines to print, none wider than so many columns but for a word that is."""
    parts = [
        [" ".join(says.named(found))],
        [*says.settings(found), *filter(None, [" ".join(says.surroundings(found)), " ".join(says.pooling(found))])],
        [says.recommended(side, one) for side, one in zip(SIDES, (found.a, found.b), strict=True)],
        *([*_table(found, clock)] for clock in found.by_size),
        [" ".join(says.closing(found))],
    ]
    texts = [text for part in parts for text in ("", *part)][1:]
    return [line for text in texts for line in (wrapped(text, width) if text else [""])]


def _table(found: SideBySide, clock: str) -> Iterator[str]:
    """Yield up to three lines for each batch size: what it took in A, in B, and how that ends."""
    yield f"By {says.clock_of(clock, found)}, each batch size at its best lr:"
    tried = [set(one.tables.convergence["batch_size"]) for one in (found.a, found.b)]
    for size, pair in found.by_size[clock].items():
        name = f"  {setting(size)}"
        for side, result, sizes in zip(SIDES, (pair.a, pair.b), tried, strict=True):
            yield f"{name}  {side}  {says.took(result, is_tried=size in sizes)}"
            name = " " * len(name)
        end = says.how_pair_ends(pair)
        if end:
            yield f"{name}  {end}"


def comparison_json(found: SideBySide) -> dict[str, Any]:
    """Return how two studies compare as JSON can hold it: None for a number that is missing or infinite.

    `a` and `b` have what `answer.json` has of each. `ratio` is of A's time to B's; `sooner` is null where it is open.
    """
    told = found.differences
    studies = {
        name: {"uri": one.uri} | {key: answer_json(one)[key] for key in ("study", "clock", "grade", "recommendation")}
        for name, one in (("a", found.a), ("b", found.b))
    }
    answer: dict[str, Any] = plain(
        {
            "version": 1,
            **studies,
            "target": None if found.target is None else found.target.typed,
            "settings": {one.name: {"a": one.a, "b": one.b} for one in told.settings},
            "is_imported": dict(zip("ab", told.are_imported, strict=True)),
            "is_other_workload": told.is_other_workload,
            "devices": [[[*kind] for kind in kinds] for kinds in told.kinds],
            "by_size": {
                clock: {size: _pair(pair) for size, pair in pairs.items()} for clock, pairs in found.by_size.items()
            },
            "clock": found.clock,
            "recommended": None if found.recommended is None else _pair(found.recommended),
            "pooled": None
            if found.pooled is None
            else {"cells": len(found.pooled.cells), "repeated": found.pooled.repeated},
        }
    )
    return answer


def _pair(pair: Pair) -> dict[str, Any]:
    results = {
        name: None if one is None else {**one.cell._asdict(), "value": one.value, "low": one.low, "high": one.high}
        for name, one in (("a", pair.a), ("b", pair.b))
    }
    own = {name: getattr(pair, name) for name in ("ratio", "low", "high", "sooner", "is_equal", "is_same")}
    return {**results, **own, "doubts": [doubt.reason for doubt in pair.doubts]}
