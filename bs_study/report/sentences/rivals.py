"""How the other batch sizes and lrs compare with the best cell. An order is told only where a comparison knows it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from bs_study.analysis.comparison import EITHER, Comparison
from bs_study.analysis.convergence import NO_ANSWER
from bs_study.analysis.study import Analysis
from bs_study.analysis.unreached import Missed
from bs_study.config.search import times_as_many
from bs_study.report.sentences.outcomes import CUT, ended, outcomes, summed, why_infeasible
from bs_study.report.sentences.places import Place, cell_of, size_of, sizes_of
from bs_study.words import count, counted, listing, number, percent, sentence, setting

WITHIN = f", within {percent(EITHER - 1)}"
_EACH = 2  # so many rivals have a sentence each


def factor(ratio: float) -> str:
    """Return a ratio of times in two digits, or three where two would hide that it is not 1.

    >>> factor(1.43), factor(1.034), factor(12.34)
    ('1.4', '1.03', '12')
    """
    return number(ratio, digits=3 if 0.9 < ratio < 1.1 else 2)


def how_much(comparison: Comparison, found: Analysis) -> str:
    """Return how many times as long a rival takes, with its interval; empty where that is not known.

    Of a rival with seeds that missed the target only the lower end is known. It is empty too where no seed of it can
    reach the target, or where nothing of it is known.
    """
    if not math.isfinite(comparison.ratio):
        return ""
    ratio = f"{factor(comparison.ratio)}×"
    if _is_cut(comparison, found) or math.isinf(comparison.high):
        return f"at least {factor(comparison.low)}×" if comparison.low > 1 else ""  # else it tells nothing
    if not (math.isfinite(comparison.low) and math.isfinite(comparison.high)):
        return ratio
    if comparison.low == 0:  # seeds of the best cell missed the target: it takes longer than those that did not
        return f"at most {factor(comparison.high)}×"
    return f"{ratio} ({factor(comparison.low)} to {factor(comparison.high)})"


def _is_cut(comparison: Comparison, found: Analysis) -> bool:
    """Return whether some seeds of the rival ended before the target."""
    return any(outcomes(found, comparison.rival).get(name) for name in CUT)


class Rivals(NamedTuple):
    """The comparisons of a recommendation: those with other recipes and batch sizes, and those with other lrs."""

    others: Sequence[Comparison]
    lrs: Sequence[Comparison]


def rivals(comparisons: Sequence[Comparison]) -> Rivals:
    """Return the comparisons of the best cell, apart."""
    is_other = {one.rival: one.rival[:2] != one.winner[:2] for one in comparisons}
    return Rivals(
        [one for one in comparisons if is_other[one.rival]], [one for one in comparisons if not is_other[one.rival]]
    )


def either(found: Analysis) -> list[Comparison]:
    """Return the rivals that are as good as the best cell, where every other one is slower; empty where one is open."""
    others = rivals(found.recommendation.comparisons).others
    is_known = all(one.is_slower or one.is_equal for one in others)
    return [one for one in others if one.is_equal and not one.is_slower] if is_known else []


def slower(found: Analysis) -> list[str]:
    """Return what other batch sizes and lrs are known to cost, in sentences."""
    own = rivals(found.recommendation.slower)
    noun = "other" if len(found.recipes) > 1 else "other batch size"
    sizes = _Said(found, noun, name=lambda one: size_of(one.rival[:2]))
    told = [*sizes.slower(own.others), *_infeasible_sizes(found, own.others)]
    if not own.lrs:
        return told
    at = f"at {size_of(own.lrs[0].winner[:2])}, "
    lrs = _Said(found, "other lr", name=lambda one: f"lr {setting(one.rival.lr)}", at=at)
    return [*told, *lrs.slower(own.lrs), *_infeasible_lrs(found, own.lrs, at=at)]


@dataclass(frozen=True)
class _Said:
    """How rivals of a kind are called."""

    found: Analysis
    noun: str
    name: Callable[[Comparison], str]
    at: str = ""

    def slower(self, comparisons: Sequence[Comparison]) -> list[str]:
        """Return a sentence for each of a few rivals; of more, how many there are and the range of their ratios."""
        known = [one for one in comparisons if math.isfinite(one.ratio)]
        if len(known) <= _EACH:
            return [sentence(f"{self.at}{self.name(one)} is slower, {how_much(one, self.found)}") for one in known]
        ends = [pick(known, key=lambda one: one.ratio) for pick in (min, max)]
        low, high = (f"{how_much(one, self.found).partition(' (')[0]} ({self.name(one)})" for one in ends)
        return [sentence(f"{self.at}{counted(len(known), self.noun)} are slower: {low} to {high}")]


def _infeasible_sizes(found: Analysis, comparisons: Sequence[Comparison]) -> list[str]:
    """Return what is said of batch sizes of which the rival can't reach the target with any seed."""
    why = {_place(one): one.why for one in found.recommendation.missed if is_infeasible(one.why)}
    cells = [one.rival for one in comparisons if math.isinf(one.ratio)]
    whole = [cell[:2] for cell in cells if cell[:2] in why]
    told = [_cannot(sizes_of(whole), [why[place] for place in whole])] if whole else []
    return [*told, *(_cannot(cell_of(cell), [outcomes(found, cell)]) for cell in cells if cell[:2] not in whole)]


def _infeasible_lrs(found: Analysis, comparisons: Sequence[Comparison], *, at: str) -> list[str]:
    cells = [one.rival for one in comparisons if math.isinf(one.ratio)]
    if not cells:
        return []
    lrs = f"lr {setting(cells[0].lr)}" if len(cells) == 1 else f"{count(len(cells))} lrs"
    return [_cannot(f"{at}{lrs}", [outcomes(found, cell) for cell in cells])]


def _cannot(what: str, counts: Sequence[Mapping[str, int]]) -> str:
    they = "it" if len(counts) == 1 else "they"
    return sentence(f"{what} can't reach it: {they} {why_infeasible(summed(counts))}")


def sizes_as_good(found: Analysis) -> list[str]:
    """Return which other batch sizes are as good, as far as is known, in sentences."""
    others = rivals(found.recommendation.as_good).others
    equal = [one for one in others if one.is_equal]
    left = [one for one in others if not one.is_equal]
    return [*_as_good(left, found, start="Not known to be slower"), *_as_good(equal, found, start=f"As good{WITHIN}")]


def _as_good(others: Sequence[Comparison], found: Analysis, *, start: str) -> list[str]:
    if len(others) > _EACH:
        return [f"{start}: {sizes_of(one.rival[:2] for one in others)}."]
    names = [_with_ratio(size_of(one.rival[:2]), one, found, terms=_terms(one, found)) for one in others]
    return [f"{start}: {name}." for name in names]


def _terms(comparison: Comparison, found: Analysis) -> str:
    """Return at which lr a batch size takes so long; one that missed has no best lr."""
    has_best = comparison.rival[:2] not in {_place(one) for one in found.recommendation.missed}
    return " at its best lr" if has_best else ""


def lrs_as_good(found: Analysis) -> list[str]:
    """Return which other lrs of the best batch size are as good, as far as is known, in sentences."""
    own = rivals(found.recommendation.as_good).lrs
    cut = [one for one in own if _is_outrun(outcomes(found, one.rival))]
    lrs = [one for one in own if one not in cut]
    return [*_open_lrs(lrs, found), *_outrun_lrs(cut, found)]


def _is_outrun(ends: Mapping[str, int]) -> bool:
    """Return whether most seeds of a cell that gave an answer did not reach the target, and some were outrun."""
    answers = sum(trials for name, trials in ends.items() if name not in NO_ANSWER)
    return ends.get("outrun", 0) > 0 and 2 * ends.get("reached", 0) < answers


def _outrun_lrs(lrs: Sequence[Comparison], found: Analysis) -> list[str]:
    if not lrs:
        return []
    which = counted(len(lrs), "other lr") if len(lrs) > _EACH else listing([f"lr {setting(o.rival.lr)}" for o in lrs])
    limit = f"{times_as_many(found.config.margin if found.config else 1.0)}the iterations of another lr"
    was = "was" if len(lrs) == 1 else "were"
    at = size_of(lrs[0].winner[:2])
    return [sentence(f"at {at}, {which} {was} outrun: cut before the target, after at least {limit}")]


def _open_lrs(lrs: Sequence[Comparison], found: Analysis) -> list[str]:
    if not lrs:
        return []
    start = f"Not known to be slower at {size_of(lrs[0].winner[:2])}"
    if len(lrs) > _EACH:
        return [f"{start}: {count(len(lrs))} other lrs."]
    return [f"{start}: {_with_ratio(f'lr {setting(one.rival.lr)}', one, found)}." for one in lrs]


def _with_ratio(name: str, comparison: Comparison, found: Analysis, *, terms: str = "") -> str:
    ratio = how_much(comparison, found)
    if comparison.low > 1 and ratio:  # an interval without 1 does not say why it is open
        is_one_seed = any(doubt.reason == "one_seed" for doubt in comparison.doubts)
        least = "at least " if _is_cut(comparison, found) else ""
        ratio = f"{least}{factor(comparison.ratio)}× {'by one seed' if is_one_seed else 'so far'}"
    return f"{name}, {ratio}{terms}" if ratio else name


def missed(found: Analysis) -> list[str]:
    """Return which batch sizes reached the target at no lr, or with too few seeds, and how their trials ended.

    Those that are said to be slower since they diverged or ran out of memory are left out.
    """
    hopeless = {one.rival[:2] for one in found.recommendation.slower if math.isinf(one.ratio)}
    untold = [one for one in found.recommendation.missed if not (is_infeasible(one.why) and _place(one) in hopeless)]
    none = [one for one in untold if not one.why.get("reached")]
    few = [one for one in untold if one.why.get("reached")]
    told = []
    if none:
        counts = summed([one.why for one in none])
        ends_by_itself = found.rows is not None and (found.rows.is_of_function or found.rows.is_imported)
        how = ended(counts, missed="ended without it") if ends_by_itself else ended(counts)
        told += [f"No trial of {_sizes(none)} reached the target.", *([how] if how else [])]
    if few:
        counts = summed([one.why for one in few])
        trials = counted(sum(counts.values()), "trial")
        outrun = f" ({count(counts['outrun'])} outrun)" if counts.get("outrun") else ""
        told.append(
            sentence(f"{_sizes(few)} reached it in {counts['reached']} of {trials}{outrun}, too few at each lr")
        )
    return told


def _sizes(missed_sizes: Sequence[Missed]) -> str:
    return sizes_of(map(_place, missed_sizes))


def _place(one: Missed) -> Place:
    return one.recipe, one.batch_size


def is_infeasible(why: Mapping[str, int]) -> bool:
    """Return whether all trials diverged or ran out of memory, so that none can reach the target."""
    return set(why) <= {"diverged", "out_of_memory"}
