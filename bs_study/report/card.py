"""The recommendation as one card, in texts: the first screen of the page, the last lines of a terminal, a notebook."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

from bs_study.analysis.comparison import Comparison
from bs_study.analysis.recommendation import CellResult
from bs_study.analysis.step import Step
from bs_study.analysis.study import Analysis
from bs_study.report.sentences import answer, steps, times
from bs_study.report.sentences.rivals import either, how_much, rivals
from bs_study.words import counted, duration, setting

GRADES = {
    "settled": "settled: every other choice is known to be slower, or as good",
    "leaning": "leaning: the best so far, and not every other choice is known to be slower",
    "open": "open: what was measured does not tell yet",
}


class Cost(NamedTuple):
    """What another choice costs: its name, and how many times as long it takes."""

    name: str
    ratio: str


class NextStep(NamedTuple):
    """The step that would settle a recommendation.

    Attributes:
        text: in a sentence, with its number of trials.
        command: to type; empty where none can take it.
        seconds: of training on one device, as far as the study's trials tell; NaN where they don't.
    """

    text: str
    command: str
    seconds: float

    @property
    def lasts(self) -> str:
        """How long it takes, as "about 2 min of training"; empty where that is not known."""
        return f"about {duration(self.seconds)} of training" if math.isfinite(self.seconds) else ""


@dataclass(frozen=True)
class Card:
    """A recommendation in texts. An empty one: there is nothing to say.

    Attributes:
        use: which batch size and lr to train with, or why there is none.
        took: what the recommended cell took, with its interval, and by which seeds.
        grade: settled, leaning or open; empty where nothing is recommended.
        why: what the grade means here.
        as_good: sentences on what is as good, as far as is known, and on what keeps it open.
        costs: of the other batch sizes and recipes that are known to be slower.
        step: that would settle it.
    """

    use: str
    took: str = ""
    grade: str = ""
    why: str = ""
    as_good: tuple[str, ...] = ()
    costs: tuple[Cost, ...] = ()
    step: NextStep | None = None


def card(found: Analysis, *, start: str = steps.GRID) -> Card:
    """Return the recommendation of an analysis.

    Args:
        start: the command that runs studies, with flags that say how they are launched.
    """
    told, best = found.recommendation, found.recommendation.best
    step = _next_step(told.steps[0], found, start) if told.steps else None
    if best is None:
        return Card(" ".join(answer.use(found)), as_good=tuple(answer.sure(found)), step=step)
    return Card(
        use=_use(found, best),
        took=_took(found, best),
        grade=told.grade,
        why=GRADES[told.grade],
        as_good=tuple(answer.sure(found)),
        costs=tuple(_cost(one, found) for one in rivals(told.slower).others),
        step=step,
    )


def _use(found: Analysis, best: CellResult) -> str:
    equal = either(found)
    if not equal:
        return f"Train with {answer.named(best)}"
    return answer.either_named(found, best)[0].removesuffix(".")


def _took(found: Analysis, best: CellResult) -> str:
    known = times.interval(best)
    seeds = f"{counted(len(best.fresh), 'seed')} that did not choose it" if best.fresh else counted(best.seeds, "seed")
    spread = f" ({known} for a typical seed; {seeds})" if known else f" ({seeds})"
    return f"{answer.took_what(found, best)}{spread}"


def _cost(one: Comparison, found: Analysis) -> Cost:
    recipe = f", “{one.rival.recipe}”" if one.rival.recipe else ""
    ratio = "can't reach it" if math.isinf(one.ratio) else how_much(one, found)
    return Cost(f"{setting(one.rival.batch_size)}{recipe}", ratio or "slower")


def _next_step(record: Step, found: Analysis, start: str) -> NextStep:
    return NextStep(steps.step(record, found), steps.command(record, found, start=start), _seconds(record, found))


def _seconds(record: Step, found: Analysis) -> float:
    """Return how long the trials of a step take in all, one after another: by those of their batch sizes so far."""
    trials = found.tables.trials
    if not record.trials or "train_seconds" not in trials:
        return math.nan
    own = trials[trials["batch_size"].isin(record.at or record.batch_sizes)] if record.at else trials
    return record.trials * float(own["train_seconds"].mean())
