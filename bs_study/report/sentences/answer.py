"""The answer in sentences: what to use, by which clock, at what cost otherwise, how sure, and what would help."""

from __future__ import annotations

from collections.abc import Collection, Container
from dataclasses import dataclass

from bs_study.analysis.comparison import EITHER
from bs_study.analysis.recommendation import CellResult
from bs_study.analysis.study import Analysis
from bs_study.analysis.verdict import CONFIDENCE, Reason
from bs_study.report.sentences import times
from bs_study.report.sentences.doubts import as_sentences, doubts, edges_of
from bs_study.report.sentences.no_answer import no_recommendation, unanswered
from bs_study.report.sentences.rivals import either, lrs_as_good, missed, rivals, sizes_as_good, slower
from bs_study.report.sentences.searched import searched
from bs_study.report.sentences.steps import step
from bs_study.words import cell, count, counted, goal, listing, percent, sentence, setting

_MOST_EITHER, _LONGEST_EITHER = 3, 160
"""So many cells, in so many characters, are named where several will do."""


@dataclass(frozen=True)
class Answer:
    """All that is said of a recommendation, in sentences, those of a part together. An empty string: nothing to say."""

    use: str
    times: str = ""
    clocks: str = ""
    cost: str = ""
    sure: str = ""
    search: str = ""
    next: str = ""

    @property
    def sentences(self) -> list[str]:
        parts = (self.use, self.times, self.clocks, self.cost, self.sure, self.search, self.next)
        return [text for text in parts if text]


def answer(found: Analysis) -> Answer:
    """Return which batch size, lr and recipe to train with, or why the store can't say."""
    best = found.recommendation.best
    parts = {"use": use(found), "sure": sure(found), "search": searched(found)}
    parts["next"] = [step(one, found) for one in found.recommendation.steps]
    if best is not None:
        parts["times"] = times.source(found)
        parts["clocks"] = [*times.basis(found, best), *times.by_clock(found, best)]
        parts["cost"] = [*slower(found), *missed(found)]
    return Answer(**{name: " ".join(sentences) for name, sentences in parts.items()})


def use(found: Analysis) -> list[str]:
    """Return the recommendation, or why there is none."""
    best = found.recommendation.best
    if best is not None:
        return [*either_named(found, best), _train_with(found, best), *times.by_fresh(best)]
    if found.recommendation.state.ended == 0:
        return ["No trial has ended yet, so there is no answer so far."]
    if found.recommendation.unanswered is not None:
        is_of_function = found.rows is not None and found.rows.is_of_function
        return unanswered(found.recommendation.unanswered, is_of_function=is_of_function)
    if found.recommendation.target is None:
        return ["The study has no target, so its cells can't be ranked.", "Give one, as --target accuracy=0.97."]
    return no_recommendation(found)


def either_named(found: Analysis, best: CellResult) -> list[str]:
    """Return that several batch sizes will do, where all others are slower."""
    cells = sorted([best.cell, *(one.rival for one in either(found))], key=lambda cell: (cell.recipe, cell.batch_size))
    if len(cells) < 2:
        return []
    of = {cell.recipe for cell in cells} != {""}
    names = [f"{setting(c.batch_size)} (lr {setting(c.lr)}{f', “{c.recipe}”' if of else ''})" for c in cells]
    apart = f"their times differ by at most {percent(EITHER - 1)}"
    text = f"Train with batch size {', '.join(names[:-1])} or {names[-1]}: {apart}."
    if len(cells) > _MOST_EITHER or len(text) > _LONGEST_EITHER:
        return [f"Train with {named(best)}, or with {counted(len(cells) - 1, 'other')} as good: {apart}."]
    return [text]


def _train_with(found: Analysis, best: CellResult) -> str:
    if either(found):
        return sentence(f"{named(best)} met {took_what(found, best)}")
    return f"Train with {named(best)}: {took_what(found, best)}."


def named(best: CellResult) -> str:
    """Return the best cell by name, as "batch size 64 at lr 0.1"."""
    recipe = f" with the recipe “{best.cell.recipe}”" if best.cell.recipe else ""
    return f"{cell(best.cell.batch_size, best.cell.lr)}{recipe}"


def took_what(found: Analysis, best: CellResult) -> str:
    """Return what the best cell took to the target, and on which device."""
    target = found.recommendation.target
    took = f"{times.took(best)} of {times.clock_of(best.clock, found)}{_device(found)}"
    return f"{goal(target)} after {took}" if target else took


def _device(found: Analysis) -> str:
    trials = found.tables.trials
    names = sorted(trials["device_name"].dropna().unique()) if "device_name" in trials else []
    return f" on {listing(names)}" if len(names) == 1 else f" on {len(names)} kinds of device" if names else ""


def sure(found: Analysis) -> list[str]:
    """Return how sure the recommendation is: what is as good as far as is known, and what keeps it open."""
    still, best = [text for text in [left(found)] if text], found.recommendation.best
    if found.recommendation.state.ended == 0 or found.recommendation.target is None:
        return still
    if found.recommendation.unanswered is not None:
        return still
    if best is None:
        said: set[Reason] = {"nothing_reached", "not_ended", "initial_weights", "out_of_reach", "no_clock"}
        return [*still, *missed(found), *_open(found, said=said, first="Why")]
    return [
        *still,
        *_settled(found),
        *sizes_as_good(found),
        *unsure(found),
        *lrs_as_good(found),
        *_level(found),
    ]


def unsure(found: Analysis, *, said: Collection[Reason] = ()) -> list[str]:
    """Return what keeps a recommendation open.

    Args:
        said: reasons that are told elsewhere; that trials have not ended is one, where some have not.
    """
    told: list[Reason] = ["not_ended"] if left(found) else []
    return _open(found, said=[*said, *told], first="Not certain")


def _open(found: Analysis, *, said: Container[Reason], first: str) -> list[str]:
    """Return what keeps the recommendation open.

    Args:
        said: reasons that are told already, where they are of the whole study.
    """
    equal = {one.rival[:2] for one in either(found)}  # which of them is sooner is not asked
    of_study = [one for one in found.recommendation.doubts if (one.recipe, one.batch_size) not in equal]
    untold = [one for one in of_study if one.reason not in said or one.batch_size is not None]
    return as_sentences(doubts(untold, claim="fastest_after_tuning", edges=edges_of(found)), first=first)


def left(found: Analysis) -> str:
    """Return how many trials have not ended; empty where all have."""
    state = found.recommendation.state
    if state.left <= 0:
        return ""
    text = f"{count(state.left)} of {counted(state.expected, 'trial')} {'has' if state.left == 1 else 'have'} not ended"
    return f"{text}: the answer may change." if state.ended else f"{text}."


def _settled(found: Analysis) -> list[str]:
    others = rivals(found.recommendation.comparisons).others
    is_known = all(one.is_slower for one in others) or either(found)
    if found.recommendation.grade != "settled" or not is_known or not any(one.is_slower for one in others):
        return []
    recipes = " and recipe" if len(found.recipes) > 1 else ""
    return [f"Every other batch size{recipes} is known to be slower."]


def _level(found: Analysis) -> list[str]:
    """Say how surely the order of batch sizes holds, and what was allowed for."""
    others = rivals(found.recommendation.comparisons).others
    if not any(one.is_slower for one in others):
        return []
    made = len(others)
    allowed = f"The order of batch sizes allows for {counted(made, 'comparison')}"
    return [f"{allowed}, so that all that the study claims holds together at {percent(CONFIDENCE)}."]
