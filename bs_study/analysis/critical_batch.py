"""The batch size up to which a larger batch saves updates, by each definition, and what is known of it.

Sources: McCandlish et al. 2018, An empirical model of large-batch training. Zhang et al. 2024, How does critical batch
size scale in pre-training?
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from bs_study.analysis.fit import known_pairs
from bs_study.analysis.knee import Knee, knee

OVERHEAD = 0.2
"""Of the rule without a model: how many more examples a batch size may cost."""


class Rule(NamedTuple):
    """The largest batch size whose overhead is small.

    Attributes:
        batch_size: missing where no batch size tried is so cheap.
        is_at_least: whether it is the largest tried: where the overhead grows is not known.
        reference: the examples to which all are compared.
    """

    batch_size: float
    is_at_least: bool
    reference: float


def overhead_rule(
    batch_sizes: npt.ArrayLike,
    examples: npt.ArrayLike,
    *,
    reference: float | None = None,
    overhead: float = OVERHEAD,
) -> Rule:
    """Return the largest batch size that costs at most so many more examples: definition (a), without a model.

    Between two batch sizes tried, log E is a straight line over log B. Nothing is told beyond the largest.

    Args:
        batch_sizes: shape (points,), in any order.
        examples: to the target, shape (points,); points without are left out.
        reference: the examples without overhead; by default the median of the three smallest batch sizes, since the
            cheapest of all is the luckiest; of two batch sizes the smaller.
        overhead: as a fraction.

    >>> overhead_rule([64, 128, 256], [1000, 1100, 1500], reference=1000).batch_size.__round__()
    155
    >>> overhead_rule([64, 128, 256], [1000, 1000, 1000])
    Rule(batch_size=256.0, is_at_least=True, reference=1000.0)
    """
    sizes, costs = known_pairs(batch_sizes, examples)
    if not len(sizes):
        return Rule(np.nan, False, np.nan)
    if reference is None:
        reference = float(np.median(costs[:3]) if len(costs) > 2 else costs[0])
    cheap = np.flatnonzero(costs <= reference * (1 + overhead))
    if not len(cheap):
        return Rule(np.nan, False, reference)
    last = int(cheap[-1])
    if last == len(sizes) - 1:
        return Rule(float(sizes[last]), True, reference)
    between = np.log(costs[last : last + 2])
    share = (np.log(reference * (1 + overhead)) - between[0]) / (between[1] - between[0])
    return Rule(float(sizes[last] * (sizes[last + 1] / sizes[last]) ** share), False, reference)


def knee_of(curve: pd.DataFrame) -> Knee | None:
    """Return the knee of the curve of one recipe, with the resolution of its looks; None below four batch sizes."""
    known = fitted_sizes(curve)
    steps = known["look_step"].to_numpy(float)
    reading = float(np.median(steps)) if len(steps) else 0.0
    return knee(known["examples_per_iteration"], known["iterations_to_target"], resolution=reading)


def fitted_sizes(curve: pd.DataFrame) -> pd.DataFrame:
    """Return the rows whose S is known: no bound. They alone are in the definitions, and in the fit."""
    return curve[curve["iterations_to_target"].notna() & ~curve["is_at_most"]]


def reference_examples(curve: pd.DataFrame) -> float:
    """Return the examples to which the rule compares each batch size of a recipe."""
    return _rule(fitted_sizes(curve)).reference


def critical_batch(curve: pd.DataFrame) -> pd.DataFrame:
    """Return the critical batch size by each definition, a row per recipe.

    Args:
        curve: the table of `scaling_curve`.

    Returns:
        recipe; batch_sizes: whose S is known; left_out: the others, in no definition: no lr reached the target, or
        it was met at the first look.
        rule_batch_size: by the 20 % rule (`overhead_rule`); rule_is_at_least; rule_reference_examples;
        rule_low, rule_high: what it is with every E at its upper and at its lower end: 0 where no batch size would do,
        infinite where all would. Missing where a batch size has no interval.
        knee_batch_size, with knee_low, knee_high, min_iterations, min_examples, power_low, power_high and is_widened:
        by the fitted curve (`knee.knee`); missing below four batch sizes.
    """
    return pd.DataFrame(list(_definitions(curve)), columns=CRITICAL)


CRITICAL = [
    *("recipe", "batch_sizes", "left_out"),
    *("rule_batch_size", "rule_low", "rule_high", "rule_is_at_least", "rule_reference_examples"),
    *("knee_batch_size", "knee_low", "knee_high", "min_iterations", "min_examples"),
    *("power_low", "power_high", "is_widened"),
]


def _definitions(curve: pd.DataFrame) -> Iterator[dict[str, Any]]:
    for recipe, rows in curve.groupby("recipe", sort=False):
        known = fitted_sizes(rows)
        rule, (low, high) = _rule(known), _rule_ends(known)
        found = {
            "recipe": recipe,
            "batch_sizes": len(known),
            "left_out": len(rows) - len(known),
            "rule_batch_size": rule.batch_size,
            "rule_low": low,
            "rule_high": high,
            "rule_is_at_least": rule.is_at_least,
            "rule_reference_examples": rule.reference,
        }
        fit = knee_of(rows)
        if fit is not None:
            found |= {
                "knee_batch_size": fit.best.batch_size,
                "knee_low": fit.low,
                "knee_high": fit.high,
                "min_iterations": fit.best.min_iterations,
                "min_examples": fit.best.min_examples,
                "power_low": fit.power_low,
                "power_high": fit.power_high,
                "is_widened": fit.is_widened,
            }
        yield found


def _rule(known: pd.DataFrame, *, end: str = "", reference: float | None = None) -> Rule:
    return overhead_rule(known["examples_per_iteration"], known[f"examples_to_target{end}"], reference=reference)


def _rule_ends(known: pd.DataFrame) -> tuple[float, float]:
    """Return where the overhead passes 20 % with every E at its upper, and at its lower end; see `critical_batch`.

    The reference errs too, by as much as the batch size that it is of. Two errors add up in squares.
    """
    ends = known[["examples_to_target", "examples_to_target_low", "examples_to_target_high"]]
    if ends.empty or ends.isna().any(axis=None):
        return np.nan, np.nan
    with np.errstate(divide="ignore"):  # a lower end may be 0
        middle, low, high = np.log(ends.to_numpy(float).T)
    of_reference = np.argsort(middle[:3])[(len(middle[:3]) - 1) // 2]
    reference = _rule(known).reference
    up = np.hypot(high - middle, (middle - low)[of_reference])
    down = np.hypot(middle - low, (high - middle)[of_reference])
    sizes = known["examples_per_iteration"]
    first = overhead_rule(sizes, np.exp(np.minimum(middle + up, 700)), reference=reference)
    last = overhead_rule(sizes, np.exp(np.maximum(middle - down, -700)), reference=reference)
    return float(np.nan_to_num(first.batch_size)), np.inf if last.is_at_least else last.batch_size
