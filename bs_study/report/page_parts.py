"""The parts of the page as its template takes them: figures, and each question with what answers it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from bs_study.analysis.steps import verdict_steps
from bs_study.analysis.study import Analysis
from bs_study.analysis.verdict import Verdict
from bs_study.report.figure import Picture
from bs_study.report.questions import Question, questions_of
from bs_study.report.sentences import steps, verdicts
from bs_study.report.sentences.doubts import edges_of
from bs_study.report.table_view import TableView


@dataclass(frozen=True)
class Shown:
    """A figure on the page."""

    figure: str
    name: str
    title: str
    caption: str
    svg: str
    recipe: str

    def is_called(self, name: str) -> bool:
        """Return whether it is the figure of a name (a pattern), or one of its figures of each batch size."""
        return re.fullmatch(rf"{name}(-b\d+)?", self.figure) is not None

    @classmethod
    def of(cls, picture: Picture) -> Shown:
        return cls(picture.figure, picture.name, picture.title, picture.caption, picture.inline.svg, picture.recipe)


@dataclass(frozen=True)
class Judged:
    """A verdict in texts: what it says, how that was judged, by which numbers, and what would settle it alone."""

    outcome: str
    claim: str
    why: str
    how: str
    numbers: Sequence[str]
    steps: Sequence[Mapping[str, str]] = ()


@dataclass(frozen=True)
class Part:
    """A question for one recipe: its answer in a sentence, a figure, and what is folded: notes, figures, verdicts."""

    recipe: str
    sentence: str = ""
    notes: Sequence[str] = ()
    figure: Shown | None = None
    more: Sequence[Shown] = ()
    judged: Sequence[Judged] = ()

    @property
    def is_empty(self) -> bool:
        return not (self.figure or self.more or self.judged or self.notes)


@dataclass(frozen=True)
class Asked:
    """A question of the page with all that answers it: of the best recipe first, and of the others."""

    name: str
    title: str
    first: Part
    others: Sequence[Part] = ()
    tables: Sequence[TableView] = ()

    @property
    def has_details(self) -> bool:
        return bool(self.first.judged or self.first.more or self.first.notes or self.others or self.tables)


def asked(
    found: Analysis,
    drawn: Iterable[Picture],
    tables: Mapping[str, TableView],
    *,
    said: Mapping[tuple[str, str], Sequence[str]],
) -> list[Asked]:
    """Return the questions of the page.

    Args:
        drawn: all figures.
        tables: by name.
        said: sentences by question and recipe, or "" for the whole study: the first answers the question, in place of a
            verdict's, and the others are folded.
    """
    shown = [Shown.of(picture) for picture in drawn]
    best = found.best_cell
    names = sorted(found.recipes, key=lambda name: name != (best.recipe if best else found.recipes[0]))
    questions = []
    for one in questions_of(found):
        of = {recipe: texts for (name, recipe), texts in said.items() if name == one.name}
        first = _part(one, names[0], found, shown, said=of.get("") or of.get(names[0], ()))
        others = [_part(one, name, found, shown, said=of.get(name, ()), is_first=False) for name in names[1:]]
        own = [tables[name] for name in one.tables if name in tables]
        questions.append(Asked(one.name, one.title, first, [part for part in others if not part.is_empty], own))
    return questions


def _part(
    question: Question,
    recipe: str,
    found: Analysis,
    shown: Sequence[Shown],
    *,
    said: Sequence[str] = (),
    is_first: bool = True,
) -> Part:
    """Return what answers a question of a recipe; what is of the whole study stands with the first one alone."""
    of = ("", recipe) if is_first else (recipe,)
    own = [verdict for verdict in found.verdicts if verdict.claim in question.claims and verdict.recipe in of]
    names = (question.figure, *question.more)
    figures = [one for name in names for one in shown if one.recipe in of and one.is_called(name)]
    has_main = bool(figures) and bool(question.figure) and figures[0].is_called(question.figure)
    answers = sorted(own, key=lambda verdict: verdict.outcome == "undecided")  # what is known comes first
    sentence, *notes = said or [verdicts.answer(answers[0]) if answers else ""]
    return Part(
        recipe,
        sentence,
        notes,
        figures[0] if has_main else None,
        figures[1:] if has_main else figures,
        [_judged(verdict, found) for verdict in own],
    )


def _judged(verdict: Verdict, found: Analysis) -> Judged:
    return Judged(
        verdict.outcome,
        verdicts.claim(verdict),
        verdicts.why(verdict, edges=edges_of(found)),
        verdicts.how(verdict),
        verdicts.numbers(verdict),
        [{"text": steps.step(one, found), "command": steps.command(one, found)} for one in verdict_steps(verdict)],
    )
