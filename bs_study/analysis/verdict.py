"""What a study says of a claim, as a record: no words, so that page, terminal, JSON and Python can't disagree."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
from scipy import optimize, special

from bs_study.analysis.fit import FloatArray

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
    "gradients_early",
    "gradients_late",
    "extremes_end_worse",
    "stable_lr_at_limit",
]
GRADIENT_CLAIMS: tuple[Claim, ...] = get_args(Claim)[-4:]
"""What is judged of each recipe of which gradients are known."""
CLAIMS: tuple[Claim, ...] = get_args(Claim)[:-5]
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
    "ended_apart",
    "ended_at_target",
    "within_step",
    "training_loss_unclear",
    "no_curvature",
    "lr_decayed",
    "limit_unclear",
]

CONFIDENCE = 0.95  # that a study says nothing false, over all its claims
FASTEST_SHARE = 0.5  # of the level: which batch size is the soonest is what a study is made for
JUDGED = len(CLAIMS)  # of each recipe: its other claims, and the other lrs of its best batch size
CLAIM_CONFIDENCE = 1 - (1 - CONFIDENCE) * (1 - FASTEST_SHARE) / JUDGED


class Confidences(NamedTuple):
    """With which confidence a study says which batch size is the soonest, and each of its other claims."""

    fastest: float
    claim: float


def confidences_of(*, recipes: int, sizes: int, looks: int, has_gradients: bool = False) -> Confidences:
    """Return the confidences with which a whole study is right at `CONFIDENCE`, by Bonferroni with unequal shares.

    Args:
        recipes: how many are judged; with several, so are they at each batch size, and each of them alone.
        sizes: batch sizes.
        looks: how often the study may be looked at before it is over (see `look_level`).
        has_gradients: whether there are claims of gradients too.
    """
    alpha = 1 - CONFIDENCE
    judged = JUDGED + (len(GRADIENT_CLAIMS) if has_gradients else 0)
    claims = judged * recipes + (sizes + recipes if recipes > 1 else 0)
    levels = (alpha * FASTEST_SHARE, alpha * (1 - FASTEST_SHARE) / claims)
    return Confidences(*(1 - look_level(level, looks=looks) for level in levels))


@functools.lru_cache(maxsize=64)
def look_level(alpha: float, *, looks: int) -> float:
    """Return the level of each of some looks with which all of them together are wrong in a part alpha at most.

    A 95 % interval that is looked at ten times is wrong in 19 % of cases. Looks at seeds that add up are alike, so that
    the level of each is larger than alpha / looks. Source: Pocock 1977, by the integral of Armitage, McPherson and
    Rowe 1969: a look after each of equal groups, a normal mean of known variance, the same level at each.

    >>> round(look_level(0.05, looks=1), 6), round(look_level(0.05, looks=5), 4)
    (0.05, 0.0158)
    """
    if looks < 2:
        return alpha
    least, most = special.ndtri(1 - alpha / 2), special.ndtri(1 - alpha / 2 / looks)
    z = optimize.brentq(lambda z: _any_beyond(z, looks) - alpha, least, most, xtol=1e-5)
    return float(2 * special.ndtr(-z))


def _any_beyond(z: float, looks: int) -> float:
    """Return the probability that |S_k| / sqrt(k) is above z for any k up to `looks`; S_k is a sum of k normal numbers.

    The density of the sums that have not been beyond yet is carried from look to look, on points a tenth apart.
    """
    width = z * np.sqrt(looks)
    points = np.linspace(-width, width, 2 * int(np.ceil(10 * width)) + 1)
    step = points[1] - points[0]
    normal = np.exp(-((points[:, None] - points) ** 2) / 2) * (step / np.sqrt(2 * np.pi))
    density = np.exp(-(points**2) / 2) / np.sqrt(2 * np.pi)
    for look in range(1, looks):
        density = normal @ (density * _within(points, z * np.sqrt(look), step))
    return float(1 - np.sum(density * _within(points, width, step)) * step)


def _within(points: FloatArray, end: float, step: float) -> FloatArray:
    """Return how much of the stretch about each point lies within (-end, end)."""
    return np.clip((end - np.abs(points)) / step + 0.5, 0.0, 1.0)


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
