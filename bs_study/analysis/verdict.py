"""What a study says of a claim, as a record: no words, so that page, terminal, JSON and Python can't disagree."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

Outcome = Literal["supported", "contradicted", "undecided"]
Claim = Literal[
    "epoch_time",
    "iteration_time",
    "noise",
    "small_batch_lr",
    "large_batch_lr",
    "middle_batch_size",
    "fastest_after_tuning",
    "updates_saturate",
    "soonest_recipe",
]
CLAIMS: tuple[Claim, ...] = get_args(Claim)[:-1]
"""What is judged of each recipe; which recipe is the soonest is judged of each batch size."""

Reason = Literal[
    "no_target",
    "nothing_reached",
    "initial_weights",
    "first_look",
    "out_of_range",
    "out_of_reach",
    "clock_alarm",
    "not_ended",
    "alone",
    "one_seed",
    "tie",
    "within_spread",
    "within_looks",
    "within_timing",
    "missed_earlier",
    "not_tried",
    "missed_seeds",
    "no_answer",
    "no_clock",
    "differing_devices",
    "disturbed_timing",
    "met_at_first_look",
    "lr_on_edge",
    "few_batch_sizes",
    "few_lrs",
    "slope_unclear",
    "equal_loss_unclear",
    "far_apart",
    "narrow_range",
    "mixed",
    "too_spread",
    "stable_to_the_edge",
    "never_stable",
]

CONFIDENCE = 0.95  # that a study says nothing false, over all its claims
JUDGED = len(CLAIMS) + 1  # of each recipe: its claims, and the other lrs of its best batch size
CLAIM_CONFIDENCE = 1 - (1 - CONFIDENCE) / JUDGED  # Bonferroni


def confidence_of(*, recipes: int, sizes: int, looks: int) -> float:
    """Return the confidence of each claim with which a whole study is right at `CONFIDENCE`. Source: Bonferroni.

    Args:
        recipes: how many are judged; with several, so are they at each batch size, and all of them together.
        sizes: batch sizes.
        looks: how often the study may be looked at before it is over: a 95 % interval that is looked at ten times is
            wrong in 17 % of cases.
    """
    claims = JUDGED * recipes + (sizes + 2 if recipes > 1 else 0)
    return 1 - (1 - CONFIDENCE) / claims / looks


@dataclass(frozen=True)
class Doubt:
    """One reason why a comparison or a verdict is open, and of which cell, batch size or lr.

    Attributes:
        count: how many there are of what the reason speaks of.
    """

    reason: Reason
    recipe: str = ""
    batch_size: int | None = None
    lr: float | None = None
    count: int | None = None


@dataclass(frozen=True)
class Verdict:
    """A claim, what the store says about it, and by which numbers.

    Attributes:
        doubts: what keeps it open; none unless undecided.
        evidence: numbers, and numbers by batch size, lr or clock.
        recipe: of which it is; empty where the study has one, or where it is of all.
    """

    claim: Claim
    outcome: Outcome
    doubts: tuple[Doubt, ...] = ()
    evidence: Mapping[str, Any] = field(default_factory=dict)
    recipe: str = ""


def judged(claim: Claim, *, doubts: Iterable[Doubt], supports: bool, evidence: Mapping[str, Any]) -> Verdict:
    """Return the verdict of a claim: undecided where there are doubts, else what the evidence does to it."""
    doubts = tuple(doubts)
    outcome: Outcome = "undecided" if doubts else "supported" if supports else "contradicted"
    return Verdict(claim, outcome, doubts, evidence)
