"""The scaling curve in words: what a doubling of the batch saves, and the critical batch size by each definition."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from bs_study.analysis.critical_batch import OVERHEAD, fitted_sizes, knee_of
from bs_study.analysis.knee import MIN_FOR_KNEE, MIN_FOR_POWER, PERFECT, SATURATED, Knee
from bs_study.analysis.open_anyway import TELLS_NOTHING
from bs_study.analysis.study import Analysis
from bs_study.words import count, counted, number, setting, some_sizes

_FULL, _LITTLE = 100 - 100 * 2**PERFECT, 100 - 100 * 2**SATURATED
"""Percent that a doubling saves at least that ends at a slope, and at most that begins at one."""


def curve_line(found: Analysis, recipe: str) -> str:
    """Return what a doubling of the batch saves, in a line; empty below four batch sizes, which have no knee."""
    curve = _of(found.tables.scaling_curve, recipe)
    fit = knee_of(curve) if len(curve) and _tells(found) else None
    if fit is None:
        return ""
    if fit.points < MIN_FOR_POWER:
        return f"It takes {MIN_FOR_POWER} batch sizes to tell where doubling stops paying: {fit.points} leave it open."
    parts = list(_regimes(fit, fitted_sizes(curve)))
    if not parts:
        return "Where a doubling stops paying can't be told yet."
    lrs = ", if no lr beyond those tried is better" if len(_on_edge(curve)) else ""
    return " ".join([*parts, f"This is by the fitted curve, at 95 %{lrs}."])


def _regimes(fit: Knee, fitted: pd.DataFrame) -> Iterator[str]:
    """Yield where a doubling saves the updates in full, and where hardly any, as far as batch sizes were tried."""
    smallest, largest = fitted["examples_per_iteration"].agg(["min", "max"])
    first, last = (setting(size) for size in fitted["batch_size"].agg(["min", "max"]))

    def between(low: float, high: float) -> str:
        ends = [f"below {first}" if low < smallest else number(low, digits=2)]
        ends.append(f"above {last}" if high > largest else number(high, digits=2))
        return f"({' to '.join(ends)})"

    def is_told(place: float, low: float, high: float) -> bool:
        return bool(smallest <= place <= largest and (low >= smallest or high <= largest))

    full, low, high = fit.at_slope(PERFECT)
    little, from_low, from_high = fit.at_slope(SATURATED)
    saves = f"a doubling saves {math.floor(_FULL)} % of the updates or more"
    if from_high <= smallest:
        yield f"At no batch size tried does a doubling save more than {math.ceil(_LITTLE)} % of the updates."
        return
    if low >= largest:
        yield f"Up to the largest that reached the target, {last}, {saves}."
        return
    if is_told(full, low, high) and full >= 2 * smallest:
        yield f"Up to about batch size {number(full, digits=2)} {between(low, high)}, {saves}."
    elif full > largest and low >= 2 * smallest:
        yield f"Up to batch size {number(low, digits=2)} or further, {saves}."
    elif high <= smallest:
        yield f"No doubling from the batch sizes tried saves {math.ceil(_FULL)} % of the updates."
    if is_told(little, from_low, from_high) and little <= largest / 2:
        from_here = f"From about {number(little, digits=2)} {between(from_low, from_high)} on"
        yield f"{from_here}, a doubling saves {math.ceil(_LITTLE)} % or less."
    elif little < smallest and from_high <= largest / 2:
        yield f"From {number(from_high, digits=2)} on, or before, a doubling saves {math.ceil(_LITTLE)} % or less."
    elif from_low > largest:
        more = f"a doubling saves more than {math.floor(_LITTLE)} %"
        yield f"Up to the largest that reached the target, {last}, {more}."


def rule_line(found: Analysis, recipe: str) -> str:
    """Return the 20 % rule in a line; empty below two batch sizes that reached the target."""
    curve = _of(found.tables.scaling_curve, recipe)
    told = _of(found.tables.critical_batch, recipe).to_dict("records") if _tells(found) else []
    return " ".join(text for row in told for text in _rule(row, curve))


def definitions(found: Analysis, recipe: str) -> list[str]:
    """Return the knee with what it rests on, or why there is none, and what is in no definition, in sentences."""
    if not _tells(found):
        return []
    curve = _of(found.tables.scaling_curve, recipe)
    told = _of(found.tables.critical_batch, recipe).to_dict("records")
    return [text for row in told for text in (*_knee(row), *_left_out(row), *_edges(curve), *_left(found))]


def _tells(found: Analysis) -> bool:
    """Return whether the target tells batch sizes apart at all, as one that the initial weights meet does not."""
    return not any(doubt.reason in TELLS_NOTHING for doubt in found.recommendation.doubts)


def _rule(row: Mapping[Any, Any], curve: pd.DataFrame) -> Iterator[str]:
    if row["batch_sizes"] < 2:
        return
    cheap = "the median of the three smallest" if row["batch_sizes"] > 2 else "the smaller"
    known = fitted_sizes(curve)
    below = known[known["examples_per_iteration"] < row["rule_batch_size"]]
    dear = [int(size) for size in below.loc[below["overhead"] > OVERHEAD, "batch_size"]]
    here = "There" if dear else "Up to there"
    more = f"{here} the target took at most 20 % more examples than {cheap}."
    least, largest = (setting(size) for size in known["batch_size"].agg(["min", "max"]))
    low = f"below {least}" if row["rule_low"] == 0 else _size(row["rule_low"])
    if row["rule_is_at_least"]:
        ends = "" if math.isnan(row["rule_low"]) else f" (95 %: from {low} on)"
        yield f"The 20 % rule: at least {largest}, the largest that reached the target{ends}. {more}"
    else:
        high = f"above {largest}" if math.isinf(row["rule_high"]) else _size(row["rule_high"])
        ends = "" if math.isnan(row["rule_high"]) else f" (95 %: {low} to {high})"
        yield f"The 20 % rule: {_size(row['rule_batch_size'])}{ends}. {more}"
    if dear:
        yield f"{some_sizes(dear).capitalize()}, below it, took more than that."
    if math.isnan(row["rule_high"]):
        yield "An interval of it needs two seeds at each batch size."


def _knee(row: Mapping[Any, Any]) -> Iterator[str]:
    points = row["batch_sizes"]
    if points < MIN_FOR_KNEE:
        yield _too_few(points)
        return
    of = "S = S_min (1 + B_c/B)"
    ends = f"(95 %: {_end(row['knee_low'])} to {_end(row['knee_high'])})"
    yield f"The knee: B_c = {_end(row['knee_batch_size'])} {ends} in {of}, by {counted(points, 'batch size')}."
    if row["knee_batch_size"] == 0:
        yield "By the best fit the updates do not fall with the batch size."
    elif math.isinf(row["knee_batch_size"]):
        yield "By the best fit the updates fall as 1/B throughout."
    elif not row["is_widened"]:
        yield "At the knee the target takes twice the least updates and twice the least examples."
    if points < MIN_FOR_POWER:
        yield "A free power needs five batch sizes."
        return
    free = "S = S_min (1 + (B_c/B)^p)^(1/p)"
    held = "leaves out 1, so that the interval above is the union over those p" if row["is_widened"] else "holds 1"
    yield (
        f"With a free power, {free}, p lies between {_power(row['power_low'])} and {_power(row['power_high'])}. "
        f"That {held}."
    )


def _left_out(row: Mapping[Any, Any]) -> Iterator[str]:
    if row["left_out"]:
        are = "is" if row["left_out"] == 1 else "are"
        why = "no lr reached the target there, or the first look met it"
        yield f"{counted(row['left_out'], 'batch size').capitalize()} {are} in no definition: {why}."


def _edges(curve: pd.DataFrame) -> Iterator[str]:
    edge = _on_edge(curve)
    if len(edge):
        sizes = some_sizes([int(size) for size in edge["batch_size"]])
        yield f"At {sizes} the best lr lies on the edge of those tried: another may need fewer updates."


def _left(found: Analysis) -> Iterator[str]:
    left = found.recommendation.state.left
    if left > 0:
        yield f"{counted(left, 'trial').capitalize()} {'has' if left == 1 else 'have'} not ended: all this may change."


def _on_edge(curve: pd.DataFrame) -> pd.DataFrame:
    return curve[curve["iterations_to_target"].notna() & (curve["best_lr_on_edge"] != "")]


def _too_few(points: int) -> str:
    reached = "none did" if not points else f"{count(points)} did"
    return f"The knee needs {MIN_FOR_KNEE} batch sizes that reached the target, and {reached}."


def _end(value: float) -> str:
    return "∞" if math.isinf(value) else _size(value)


def _power(value: float) -> str:
    return "∞" if math.isinf(value) else number(value, digits=2)


def _size(value: float) -> str:
    return number(value, digits=3)


def _of(table: pd.DataFrame, recipe: str) -> pd.DataFrame:
    return table[table["recipe"] == recipe] if len(table) else table
