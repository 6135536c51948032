"""What a study asks: how soon a target is met, or how low the held-out loss is after a fixed budget."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_args

from pydantic import BeforeValidator, InstanceOf, PlainSerializer

from bs_study.budget import RIGHT, Budget
from bs_study.config.recipe import typed_value
from bs_study.config.settings import BUDGETS, TrialSettings
from bs_study.words import shown

Question = Literal["time-to-target", "loss-at"]
QUESTIONS: tuple[Question, ...] = get_args(Question)
SLACK = 1.25
"""By the clock of the timing pass a trial that shares its machine needs so much longer, at most in most studies."""
_BUDGET_OF = {"examples": "max_examples", "iterations": "max_iterations", "seconds": "max_train_seconds"}


def _as_budget(given: object) -> Budget | None:
    return given if given is None or isinstance(given, Budget) else Budget.parse(given)


# Text in files and rows, a budget everywhere else.
At = Annotated[
    InstanceOf[Budget] | None,
    BeforeValidator(_as_budget),
    PlainSerializer(lambda at: None if at is None else str(at)),
]


def budgeted(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return flat settings with what the question sets: trials go on to the budget, whatever target they meet.

    By seconds they go on for `SLACK` times as long.

    Raises:
        ValueError: there is no budget, or one that can't be read.
    """
    settings = dict(given)
    if settings.get("question") != "loss-at" or "settings" in settings:  # complete ones are checked as they are
        return settings
    try:
        at = _as_budget(settings.get("at"))
    except ValueError as error:
        raise ValueError(f"at: {error}") from error
    if at is None:
        raise ValueError(f"at: question loss-at needs a budget. {RIGHT}")
    settings.setdefault("stop_at_target", False)
    if settings.get(_BUDGET_OF[at.clock]) is None:
        settings[_BUDGET_OF[at.clock]] = at.value * SLACK if at.clock == "seconds" else int(at.value)
    return settings


def of_question(file: Mapping[str, Any], flags: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the settings of a file and flags, those of the file left out that are of another question than is typed.

    With loss-at that is typed the search is a grid, unless another is typed.
    """
    kept, typed = dict(file), dict(flags)
    before = kept.get("question", "time-to-target")
    question = typed.get("question", before)
    is_other_budget = question == "loss-at" and typed.get("at", kept.get("at")) != kept.get("at")
    if question != before or is_other_budget:
        for name in (*BUDGETS, "stop_at_target", "at"):
            kept.pop(name, None)
    if question != before and question == "loss-at":
        typed.setdefault("search", "grid")
        if kept.get("seeds") == "auto":
            kept = {name: value for name, value in kept.items() if name not in ("seeds", "max_seeds")}
    return kept, typed


def refuse_unfit_question(
    question: Question, at: Budget | None, *, search: str, seeds: object, settings: TrialSettings
) -> None:
    """Raise if settings do not go with the question.

    Raises:
        ValueError: there is no budget, or one without its question; or trials would not all get to it.
    """
    if question != "loss-at":
        if at is not None:
            raise ValueError(f"at: {at} is for question loss-at. Leave it out, or give question loss-at")
        return
    if at is None:
        raise ValueError(f"at: question loss-at needs a budget. {RIGHT}")
    if search != "grid":
        raise ValueError(
            f"search: {search} ends trials by their target, and question loss-at needs each trial to go on to {at}. "
            "Use search grid"
        )
    if seeds == "auto":
        raise ValueError(
            "seeds: auto adds seeds where they decide how soon a target is met, which question loss-at does not ask. "
            "Give a list, as [0, 1, 2]"
        )
    if settings.stop_at_target:
        raise ValueError(
            f"stop_at_target: true would end trials before {at}, which question loss-at asks for. Leave it out"
        )
    own = _BUDGET_OF[at.clock]
    value = getattr(settings, own)
    if value is None or value < at.value:
        raise ValueError(f"{own}: {shown(value)} ends trials before {at}. Leave it out, or give at least that")
    for name in BUDGETS:
        other = getattr(settings, name)
        if name != own and other is not None:
            raise ValueError(
                f"{name}: {typed_value(other)} may end trials before {at}, and question loss-at asks for that. "
                "Leave it out"
            )
