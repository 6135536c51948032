"""The recommendation as one card, in texts: the first screen of the page, the last lines of a terminal, a notebook."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from bs_study.analysis.loss_at import LossAt
from bs_study.analysis.recommendation import CellResult
from bs_study.analysis.study import Analysis
from bs_study.report.next_step import NextStep, next_step
from bs_study.report.sentences import answer, loss_at, times
from bs_study.report.sentences.curve import curve_line
from bs_study.report.sentences.loss_doubts import unsure as unsure_of_loss
from bs_study.report.sentences.outcomes import why_infeasible
from bs_study.report.sentences.places import Place
from bs_study.report.sentences.rivals import WITHIN, how_much, is_infeasible, lrs_as_good, rivals, sizes_as_good
from bs_study.words import count, counted, listing, sentence, setting

MOST_COSTS = 6


class Cost(NamedTuple):
    """What another choice costs.

    Attributes:
        name: its batch size, as "64", or "64 of “a recipe”".
        ratio: how many times as long it takes, as "2.8× (1.5 to 5.5)"; or why there is none: "can't reach the target".
        is_known: whether it is a ratio.
        verb: in which way others are worse by it.
    """

    name: str
    ratio: str
    is_known: bool = True
    verb: str = "take longer"


@dataclass(frozen=True)
class Card:
    """A recommendation in texts, all but the grade whole sentences. An empty one: there is nothing to say.

    Attributes:
        use: which batch size and lr to train with, or why there is none.
        took: what the recommended cell took.
        spread: what a typical seed takes, and by which seeds that is known.
        grade: settled, leaning or open; empty where nothing is recommended.
        why: what makes it that grade.
        left: how many trials have not ended.
        as_good: what is as good, as far as is known.
        unsure: what keeps it open; where nothing is recommended, why.
        curve: what a doubling of the batch saves, where a curve was fitted.
        costs: of the other batch sizes and recipes that are known to be slower, or did not reach the target.
        step: the first that would settle it.
    """

    use: str
    took: str = ""
    spread: str = ""
    grade: str = ""
    why: str = ""
    left: str = ""
    as_good: tuple[str, ...] = ()
    unsure: tuple[str, ...] = ()
    curve: str = ""
    costs: tuple[Cost, ...] = ()
    step: NextStep | None = None

    @property
    def cost(self) -> str:
        """What others cost, in sentences; of many the nearest, and how many more there are."""
        told = cost_sentences(self.costs[:MOST_COSTS])
        more = len(self.costs) - MOST_COSTS
        return " ".join([*told, *([f"Not named here: {count(more)} more."] if more > 0 else [])])


def card(found: Analysis, *, start: str | None = None) -> Card:
    """Return the recommendation of an analysis.

    Args:
        start: the command that runs studies, with flags that say how they are launched.
    """
    if found.loss_at is not None:
        return _card_of_loss(found, found.loss_at)
    best, step, left = found.recommendation.best, next_step(found, start=start), answer.left(found)
    if best is None:
        unsure = tuple(text for text in answer.sure(found) if text != left)
        use = " ".join(answer.use(found))
        return Card(use, left=left, unsure=unsure, curve=curve_line(found, next(iter(found.recipes), "")), step=step)
    use = " ".join(answer.either_named(found, best)) or _train_with(best)
    return Card(
        use=use,
        took=_took(found, best, use),
        spread=_spread(best),
        grade=found.recommendation.grade,
        why=_why(found),
        left=left,
        as_good=(*sizes_as_good(found), *lrs_as_good(found)),
        unsure=tuple(answer.unsure(found, said=["alone"])),  # that `why` tells
        curve=curve_line(found, best.recipe),
        costs=tuple(_costs(found)),
        step=step,
    )


def _card_of_loss(found: Analysis, told: LossAt) -> Card:
    """Return the answer where the loss after a budget is asked; no step of the target's would help it."""
    best, left = told.best, answer.left(found)
    use, unsure = loss_at.use(found, told), tuple(unsure_of_loss(found, told))
    if best is None:
        return Card(use, left=left, unsure=unsure)
    return Card(
        use=use,
        took=loss_at.took(found, told, best),
        spread=loss_at.spread(best),
        grade=told.grade,
        why=loss_at.why(found, told),
        left=left,
        as_good=tuple(loss_at.as_good(told)),
        unsure=unsure,
        costs=tuple(
            _cost(one.place, one.text, is_known=one.is_ratio)._replace(verb="end higher")
            for one in loss_at.higher(told)
        ),
    )


def _took(found: Analysis, best: CellResult, use: str) -> str:
    """Return what the best cell took, by its name where `use` names several."""
    which = "it" if use == _train_with(best) else answer.named(best)
    if use.startswith(f"Train with {answer.named(best)}, or"):
        which = "the first"
    return sentence(f"{which} met {answer.took_what(found, best)}")


def _train_with(best: CellResult) -> str:
    return f"Train with {answer.named(best)}."


def _spread(best: CellResult) -> str:
    known = times.interval(best)
    return f"A typical seed takes {known} (95 %), by {_seeds(best)}." if known else f"This is by {_seeds(best)}."


def _seeds(best: CellResult) -> str:
    if best.fresh:
        return f"{counted(len(best.fresh), 'seed')} that did not choose it"
    if best.seeds == 1:
        return "one seed, which shows no spread"
    lost = best.seeds - best.reached
    return f"{best.seeds} seeds{f', of which {lost} did not reach the target' if lost else ''}"


def _why(found: Analysis) -> str:
    """Return how many of the others are known to be slower, or as good: by that a grade is given."""
    others = rivals(found.recommendation.comparisons).others
    slower = [one for one in others if one.is_slower]
    equal = [one for one in others if one.is_equal and not one.is_slower]
    noun = "batch size and recipe" if len(found.recipes) > 1 else "batch size"
    if not others:
        return f"There is no other {noun.replace(' and ', ' or ')} to compare it with."
    known = len(slower) + len(equal)
    what = f"known to be slower{', or as good' if equal else ''}" if slower or not equal else f"as good{WITHIN}"
    if len(others) == 1:
        return f"The other {noun} is {what if known else 'not known to be slower'}."
    if known < len(others):
        of = counted(len(others), "other batch size" if len(found.recipes) < 2 else "other")
        return f"{count(known) if known else 'None'} of {of} {'is' if known == 1 else 'are'} {what}."
    but = "" if found.recommendation.grade == "settled" else ", yet something else is open"
    return f"Every other {noun} is {what}{but}."


def _costs(found: Analysis) -> list[Cost]:
    """Return what others cost: those of a known ratio first, then those of which a bound is known, or nothing."""
    told = found.recommendation
    slower = rivals(told.slower).others
    known = [(one.rival[:2], how_much(one, found)) for one in slower if math.isfinite(one.ratio)]
    costs = [_cost(place, ratio) for place, ratio in known if ratio]
    costs.sort(key=lambda cost: not cost.ratio[0].isdigit())  # "at least" follows
    costs += [_cost(place, "is slower", is_known=False) for place, ratio in known if not ratio]
    costs += [_cost(one.rival[:2], "can't reach the target", is_known=False) for one in slower if math.isinf(one.ratio)]
    named = {one.rival[:2] for one in slower}
    missed = {(one.recipe, one.batch_size): one.why for one in told.missed}
    return costs + [_cost(place, _lost(why), is_known=False) for place, why in missed.items() if place not in named]


def _cost(place: Place, ratio: str, is_known: bool = True) -> Cost:
    recipe, batch_size = place
    return Cost(f"{setting(batch_size)}{f' of “{recipe}”' if recipe else ''}", ratio, is_known)


def _lost(why: Mapping[str, int]) -> str:
    """Return what became of a batch size that reached the target with too few seeds, or with none."""
    if why.get("not_tried"):
        return "was not tried at this target"
    if why.get("reached"):
        return f"reached it in {why['reached']} of {counted(sum(why.values()), 'trial')}"
    if set(why) <= {"failed", "not_evaluated"}:
        return "gave no answer"
    return why_infeasible(why) if is_infeasible(why) else "did not reach the target"


def cost_sentences(costs: Sequence[Cost]) -> list[str]:
    """Return costs in two sentences: ratios, and why there is none."""
    ratios = [f"{one.ratio} at {one.name}" for one in costs if one.is_known]
    others: dict[str, list[str]] = {}
    for one in costs:
        if not one.is_known:
            others.setdefault(one.ratio, []).append(one.name)
    told = [f"Others {costs[0].verb}: {', '.join(ratios).replace(' at ', ' at batch size ', 1)}."] if ratios else []
    return [*told, *(f"Batch size{'s' * (len(of) > 1)} {listing(of)} {ratio}." for ratio, of in others.items())]
