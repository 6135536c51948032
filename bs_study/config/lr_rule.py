"""How the lr of a grid, and the moments of Adam, follow the batch size: pure functions of a rule and a ratio.

The ratio is k = B / base, of a trial's batch size and the one that the grid's lrs are meant for.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal

from bs_study.words import setting, typed

LrRule = Literal["none", "linear", "sqrt"]

LEAST_BETA = 1e-12
"""A beta below this is 0 but for rounding."""


def lr_multiplier(rule: LrRule, ratio: float) -> float:
    """Return what the lr is multiplied by: 1, k (linear; Goyal et al. 2017) or √k (sqrt; Krizhevsky 2014).

    >>> [lr_multiplier(rule, 4.0) for rule in ("none", "linear", "sqrt")]
    [1.0, 4.0, 2.0]
    """
    return {"none": 1.0, "linear": ratio, "sqrt": math.sqrt(ratio)}[rule]


def scaled_moments(rule: LrRule, ratio: float, *, beta1: float, beta2: float, eps: float) -> dict[str, float]:
    """Return beta1, beta2 and eps of Adam as the square-root rule moves them; as they are by another rule.

    1 - beta becomes (1 - beta)·k, eps becomes eps/√k (Malladi et al. 2022).
    """
    if rule != "sqrt" or ratio == 1:
        return {"beta1": beta1, "beta2": beta2, "eps": eps}
    return {"beta1": 1 - (1 - beta1) * ratio, "beta2": 1 - (1 - beta2) * ratio, "eps": eps / math.sqrt(ratio)}


def refuse_extreme_lr(rule: LrRule, ratio: float, *, lr: float, batch_size: int) -> None:
    """Raise if the rule makes an lr 0 or infinite."""
    scaled = lr * lr_multiplier(rule, ratio)
    if not 0 < scaled < math.inf:
        raise ValueError(
            f"lr_rule: {rule} makes lr {setting(lr)} at batch size {batch_size} {scaled:g}. Give other lrs"
        )


def refuse_extreme_moments(
    moments: Mapping[str, float], before: Mapping[str, float], *, optimizer: str, base: int, batch_size: int
) -> None:
    """Raise if the rule makes a beta no decay, or an eps 0 or infinite.

    A beta falls with the batch size, to 0 at base / (1 - beta); far below the base it is rounded to 1.
    """
    for name in ("beta1", "beta2"):
        told = f"lr_rule: sqrt makes {name} of {optimizer} {typed(moments[name])} at batch size {batch_size}"
        if moments[name] < min(LEAST_BETA, before[name]):
            largest = setting(base / (1 - before[name]))
            raise ValueError(f"{told}, not between 0 and 1. Use batch sizes below {largest}, or another rule")
        if moments[name] >= 1:
            raise ValueError(f"{told}, not between 0 and 1. Use a smaller base_batch_size, or another rule")
    if not 0 < moments["eps"] < math.inf:
        raise ValueError(
            f"lr_rule: sqrt makes eps of {optimizer} {moments['eps']} at batch size {batch_size}. "
            "Use another base_batch_size, or another rule"
        )
