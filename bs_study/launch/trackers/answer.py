"""What a study says, as trackers hold it: names and values."""

from __future__ import annotations

from bs_study.analysis.loss_at import LossAt
from bs_study.analysis.study import Analysis
from bs_study.launch.trackers.tracker import Answer
from bs_study.report.card import card
from bs_study.report.sentences.answer import sure, use
from bs_study.report.sentences.times import clock_of, took


def tracked_answer(found: Analysis) -> Answer:
    """Return the recommendation: the sentences, how sure it is, and the best cell with what it took.

    Without a cell that reached the target there is no best one.
    """
    if found.loss_at is not None:
        return _of_loss(found, found.loss_at)
    told = found.recommendation
    answer: dict[str, str | float] = {"answer": " ".join([*use(found), *sure(found)]), "grade": told.grade}
    if told.target is not None:
        answer["target"] = str(told.target)
    if told.best is not None:
        time = f"{took(told.best)} of {clock_of(told.clock, found)}"
        cell = {"best_batch_size": told.best.batch_size, "best_lr": told.best.lr}
        recipe = {"best_recipe": told.best.recipe} if told.best.recipe else {}
        answer |= {**cell, **recipe, "time_to_target": time, f"{told.clock}_to_target": told.best.value}
    return answer


def _of_loss(found: Analysis, told: LossAt) -> Answer:
    """Return the same where the loss after a budget is asked."""
    said = card(found)
    text = " ".join(filter(None, [said.use, said.took, said.spread, said.left, said.why, *said.as_good, *said.unsure]))
    answer: dict[str, str | float] = {"answer": text, "grade": told.grade, "at": str(told.budget)}
    if told.best is not None:
        cell = {"best_batch_size": told.best.batch_size, "best_lr": told.best.lr}
        recipe = {"best_recipe": told.best.recipe} if told.best.recipe else {}
        answer |= {**cell, **recipe, "loss_at": told.best.value}
    return answer
