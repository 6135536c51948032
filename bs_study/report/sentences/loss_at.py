"""Which batch size has the lowest held-out loss after a fixed budget, in sentences."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

from bs_study.analysis.comparison import Comparison
from bs_study.analysis.loss_at import EITHER, LossAt, NotRead
from bs_study.analysis.recommendation import CellResult
from bs_study.analysis.study import Analysis
from bs_study.report.sentences.answer import named
from bs_study.report.sentences.loss_doubts import ENDS, reasons
from bs_study.report.sentences.places import Place, size_of, sizes_of
from bs_study.report.sentences.rivals import Rivals, factor, rivals
from bs_study.report.sentences.times import clock_of
from bs_study.words import amount, count, counted, number, percent, sentence, setting

_WITHIN = f"as good, within {percent(round(EITHER - 1, 6))}"
_EACH = 2  # so many rivals have a sentence each


class Higher(NamedTuple):
    """Another batch size that ends higher: by how much, or why it has no loss."""

    place: Place
    text: str
    is_ratio: bool = True


def budget_words(found: Analysis, told: LossAt) -> str:
    """Return the budget as a sentence has it: "50,000 examples", or "60 s of training time" by the clock that told."""
    if told.budget.clock != "seconds":
        return amount(told.budget.value, clock=told.budget.clock)
    return f"{amount(told.budget.value, clock='train_seconds')} of {clock_of(told.clock, found)}"


def use(found: Analysis, told: LossAt) -> str:
    """Return which batch size and lr to train with, or why there is none."""
    if told.best is not None:
        return f"Train with {named(told.best)}."
    if found.recommendation.state.ended == 0:
        return "No trial has ended yet, so there is no answer so far."
    if told.fault == "no_loss":
        return "The evaluations have no held-out loss, so batch sizes can't be ranked by it."
    if told.fault == "not_positive":
        return "A held-out loss is 0 or less. Losses are compared by their ratio, so batch sizes can't be ranked."
    return f"No trial has a held-out loss after {budget_words(found, told)}, so there is no answer."


def took(found: Analysis, told: LossAt, best: CellResult) -> str:
    """Return the held-out loss of the best cell."""
    tied = f" {counted(best.tied - 1, 'other cell')} {'has' if best.tied == 2 else 'have'} the same." * (best.tied > 1)
    return f"After {budget_words(found, told)} its held-out loss is {number(best.value)}, the lowest.{tied}"


def spread(best: CellResult) -> str:
    """Return where a typical seed ends, and by which seeds that is known."""
    if best.seeds == 1:
        return "This is by one seed, which shows no spread."
    lost = best.seeds - best.reached
    seeds = f"{best.seeds} seeds{f', of which {lost} did not get so far' if lost else ''}"
    known = interval(best)
    return f"A typical seed ends at {known} (95 %), by {seeds}." if known else f"This is by {seeds}."


def interval(one: CellResult) -> str:
    """Return the interval of a typical seed's loss; empty where it is not known."""
    if not math.isfinite(one.low):
        return ""
    return f"{number(one.low)} {f'to {number(one.high)}' if math.isfinite(one.high) else 'or more'}"


def why(found: Analysis, told: LossAt) -> str:
    """Return how many of the others are known to be higher, or as good: by that a grade is given."""
    others = rivals(told.comparisons).others
    noun = "batch size and recipe" if len(found.recipes) > 1 else "batch size"
    if not others:
        return f"There is no other {noun.replace(' and ', ' or ')} to compare it with."
    known = [one for one in others if one.is_slower or one.is_equal]
    is_equal = any(not one.is_slower for one in known)
    what = f"known to end higher{', or as good' if is_equal else ''}"
    if len(others) == 1:
        return f"The other {noun} is {'' if known else 'not '}{what}."
    if len(known) < len(others):
        of = counted(len(others), "other batch size" if len(found.recipes) < 2 else "other")
        return f"{count(len(known)) if known else 'None'} of {of} {'is' if len(known) == 1 else 'are'} {what}."
    return f"Every other {noun} is {what}{'' if told.grade == 'settled' else ', yet something else is open'}."


def ratio(one: Comparison) -> str:
    """Return how many times as high a rival's loss is, with its interval; empty where that is not known."""
    if not math.isfinite(one.ratio):
        return ""
    if not math.isfinite(one.low):
        return f"{factor(one.ratio)}×"
    if one.low == 0 or math.isinf(one.high):  # of one of them some seeds did not get so far
        return f"at least {factor(one.low)}×" if one.low > 1 else ""
    return f"{factor(one.ratio)}× ({factor(one.low)} to {factor(one.high)})"


def as_good(told: LossAt) -> list[str]:
    """Return what is not known to be higher, and what is as good: other batch sizes, then other lrs of the best one."""
    open_ones = [one for one in told.comparisons if not one.is_slower]
    others, lrs = rivals(open_ones)
    sizes = _named("Not known to be higher", others, name=lambda one: size_of(one.rival[:2]), many=_sizes)
    at = size_of(lrs[0].winner[:2]) if lrs else ""
    return [
        *sizes,
        *_named(
            f"Not known to be higher at {at}",
            lrs,
            name=lambda one: f"lr {setting(one.rival.lr)}",
            many=lambda rest: f"{count(len(rest))} other lrs",
        ),
    ]


def _sizes(comparisons: Sequence[Comparison]) -> str:
    return sizes_of(one.rival[:2] for one in comparisons)


def _so_far(one: Comparison) -> str:
    """Return a ratio that is open; an interval without 1 would not say why."""
    if not (one.low > 1 and ratio(one)):
        return ratio(one)
    return f"{factor(one.ratio)}× {'by one seed' if any(d.reason == 'one_seed' for d in one.doubts) else 'so far'}"


def _named(
    start: str,
    comparisons: Sequence[Comparison],
    *,
    name: Callable[[Comparison], str],
    many: Callable[[Sequence[Comparison]], str],
) -> list[str]:
    """Return each of a few rivals with its ratio, or many together; those that are as good apart from the others."""
    told = []
    for words, own in (
        (start, [one for one in comparisons if not one.is_equal]),
        (sentence(_WITHIN)[:-1], [one for one in comparisons if one.is_equal]),
    ):
        if len(own) > _EACH:
            told.append(f"{words}: {many(own)}.")
        else:
            told += [f"{words}: {name(one)}{f', {_so_far(one)}' if ratio(one) else ''}." for one in own]
    return told


def higher(told: LossAt) -> list[Higher]:
    """Return the batch sizes that are known to end higher, the nearest first, then those without a loss."""
    known = [one for one in rivals(told.comparisons).others if one.is_slower]
    found = [
        Higher(one.rival[:2], ratio(one) or "ends higher", bool(ratio(one))) for one in known if one.ratio < math.inf
    ]
    why_not = {(one.recipe, one.batch_size): one for one in told.missed}
    lost = [one.rival[:2] for one in known if math.isinf(one.ratio)]
    places = dict.fromkeys([*lost, *(place for place in why_not if place not in {one.place for one in found})])
    return found + [
        Higher(place, _lost(why_not[place]) if place in why_not else "diverged at that lr", is_ratio=False)
        for place in places
    ]


def _lost(one: NotRead) -> str:
    """Return what became of the trials of a batch size without a loss.

    >>> _lost(NotRead("", 64, {"diverged": 3})), _lost(NotRead("", 64, {"read": 1, "diverged": 2}))
    ('diverged', 'got so far in 1 of 3 trials')
    """
    if one.why.get("read"):
        return f"got so far in {one.why['read']} of {counted(sum(one.why.values()), 'trial')}"
    return ENDS[max(one.why, key=lambda name: one.why[name])].replace("that", "the budget")


def apart(told: LossAt) -> Rivals:
    """Return the comparisons with other batch sizes and recipes, and those with other lrs."""
    return rivals(told.comparisons)


def rows(found: Analysis, comparisons: Sequence[Comparison]) -> list[list[str]]:
    """Return a row for each comparison: batch size, lr, how many times as high, known to be higher, why it is open."""
    return [
        [
            size_of(one.rival[:2]).removeprefix("batch size "),
            setting(one.rival.lr),
            "diverged" if math.isinf(one.ratio) else ratio(one) or "–",
            "yes" if one.is_slower else "no, as good" if one.is_equal else "no",
            " ".join(reasons(found, one.doubts)),
        ]
        for one in comparisons
    ]


def how_read(found: Analysis, told: LossAt) -> str:
    """Return how a loss was read, for a caption."""
    return (
        f"Held-out loss after {budget_words(found, told)}, read between the two evaluations around that, log-linearly; "
        "of a trial that ended before, nothing is read."
    )
