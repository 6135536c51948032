"""What a reader asks, in the order of the page, and which verdicts, figures and tables answer it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from bs_study.analysis.study import Analysis
from bs_study.analysis.timings import KIND
from bs_study.analysis.verdict import GRADIENT_CLAIMS, Claim


@dataclass(frozen=True)
class Question:
    """A question of the page. Its first verdict that is known is its answer, in a sentence.

    Attributes:
        name: its id on the page.
        claims: whose verdicts answer it.
        figure: that stands open; a pattern of its name, as there is one for each clock.
        more: figures that are folded; of curves there is one for each batch size.
        tables: that are folded.
        needs: a table of the analysis, without whose rows it is not asked.
    """

    name: str
    title: str
    claims: tuple[Claim, ...] = ()
    figure: str = ""
    more: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    needs: str = ""


OF_LOSS = (
    Question("sure", "How sure?", tables=("loss_at",)),
    Question(
        "soonest", "How soon is the target met?", ("fastest_after_tuning", "soonest_recipe"), "time_by_batch_size"
    ),
)
"""The first, in place of those of the target, where the loss after a budget is asked."""
QUESTIONS = (
    Question("sure", "How sure?", ("fastest_after_tuning", "soonest_recipe"), "against_best",
        more=(r"recipes_by_\w+",), tables=("recipes",)),
    Question("targets", "What if my target were different?", figure="time_by_target", tables=("target_spread",)),
    Question(
        "updates", "Do large batches still save updates?", ("updates_saturate",), "iterations_to_target",
        more=("critical_by_target",), tables=("critical_batch",),
    ),
    Question(
        "trade", "What do fewer updates cost?", figure="examples_by_iterations", tables=("scaling_curve",),
    ),
    Question("costs", "What does it cost?", figure="time_by_machine", tables=("machines", "pareto", "costs")),
    Question(
        "lr", "Which lr goes with which batch size?", ("large_batch_lr", "small_batch_lr", "middle_batch_size"),
        "best_lr", more=("time_to_target",), tables=("scaling", "lr_fit"),
    ),
    Question(
        "noise", "How noisy is training?", ("noise",), more=("loss_noise", "first_losses", "first_losses_panels"),
        tables=("smoothness", "noise_slope"),
    ),
    Question(
        "gradients", "Gradients and minima", GRADIENT_CLAIMS, more=("gradient_agreement", "minima", "stable_lr"),
        tables=("noise_scale", "minima", "sharpness"), needs="noise_scale",
    ),
    Question(
        "speed", "How fast is the hardware?", ("iteration_time", "epoch_time"), "iteration_time",
        more=("epoch_time",), tables=("clean_throughput", "throughput", "throughput_fit"),
    ),
    Question(
        "run", "What was run?", more=(r"metric_by_\w+_seconds", "metric_by_examples", "curves"),
        tables=("cells", "times", "versions"),
    ),
)  # fmt: skip
"""In the order in which readers ask."""


def questions_of(found: Analysis) -> tuple[Question, ...]:
    """Return the questions of a page, by what is asked; those of the target where there is one.

    The figure of costs is folded where the main figure tells the same: of one machine.
    """
    asked = QUESTIONS if found.loss_at is None else (*OF_LOSS, *QUESTIONS[1:])
    left_out = set[str]()
    if found.loss_at is not None:
        left_out |= {"targets"}
        left_out |= {"updates", "trade"} if found.recommendation.best is None else set()
        left_out |= {"soonest"} if found.recommendation.target is None else set()
    costs = found.tables.costs
    is_one_machine = costs.empty or len(costs[[*KIND, "gpus"]].drop_duplicates()) == 1
    return tuple(
        replace(one, figure="", more=(one.figure,)) if one.name == "costs" and is_one_machine else one
        for one in asked
        if one.name not in left_out and not (one.needs and getattr(found.tables, one.needs).empty)
    )
