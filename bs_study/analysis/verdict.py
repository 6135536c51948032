"""What a study says of a claim, as a record: outcome, doubts and evidence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Outcome = Literal["supported", "contradicted", "undecided"]
Reason = Literal[
    "no_target",
    "nothing_reached",
    "not_ended",
    "alone",
    "one_seed",
    "within_spread",
    "within_looks",
    "within_timing",
    "missed_earlier",
    "missed_seeds",
    "no_answer",
    "lr_on_edge",
    "tie",
    "first_look",
    "out_of_range",
    "looks_differ",
    "clock_alarm",
    "few_batch_sizes",
    "slope_unclear",
    "mixed",
    "equal_loss_unclear",
    "far_apart",
    "narrow_range",
    "too_spread",
    "stable_to_the_edge",
    "never_stable",
    "few_lrs",
]

CLAIMS = (
    "epoch_time",
    "iteration_time",
    "noise",
    "small_batch_lr",
    "large_batch_lr",
    "middle_batch_size",
    "fastest_after_tuning",
    "updates_saturate",
)
CONFIDENCE = 0.95  # that a study says nothing false, over all its claims
CLAIM_CONFIDENCE = 1 - (1 - CONFIDENCE) / len(CLAIMS)  # Bonferroni


@dataclass(frozen=True)
class Doubt:
    """One reason why a comparison or a verdict is open.

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
    """What a study says of a claim.

    Attributes:
        claim: one of CLAIMS.
        doubts: why it is undecided; empty for any other outcome.
        evidence: numbers, and dicts of numbers by batch size or lr.
        recipe: of which it is said; "" where the study has one.
    """

    claim: str
    outcome: Outcome
    doubts: tuple[Doubt, ...] = ()
    evidence: Mapping[str, Any] = field(default_factory=dict)
    recipe: str = ""


def judged(claim: str, *, doubts: Iterable[Doubt], supports: bool, evidence: Mapping[str, Any]) -> Verdict:
    """Return the verdict of a claim: undecided where there are doubts, else what the evidence does to it."""
    doubts = tuple(doubts)
    outcome: Outcome = "undecided" if doubts else "supported" if supports else "contradicted"
    return Verdict(claim, outcome, doubts, evidence)
