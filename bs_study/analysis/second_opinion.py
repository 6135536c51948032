"""The noise scale beside the measured critical batch size: a second opinion, and never the answer."""

from __future__ import annotations

import pandas as pd

NOISE = ("noise_scale", "noise_scale_low", "noise_scale_high")
SCALED = ("noise_scale_scaled", "noise_scale_scaled_low", "noise_scale_scaled_high")
MEASURED = (
    *("rule_batch_size", "rule_low", "rule_high", "rule_is_at_least"),
    *("knee_batch_size", "knee_low", "knee_high"),
)
SECOND_OPINION = ["recipe", "batch_size", "lr", "window", *NOISE, *SCALED, *MEASURED]


def second_opinion(critical: pd.DataFrame, curve: pd.DataFrame, noise: pd.DataFrame) -> pd.DataFrame:
    """Return the noise scale late in training next to the critical batch size, a row per recipe that has both.

    The noise scale is of a point, and grows as the gradient shrinks. A batch size by it would hold only if Hessian and
    covariance were multiples of the identity, and G that of the whole run (McCandlish et al. 2018, section 2.2). So it
    can agree with what was measured, or make one ask why not. It decides nothing.

    It is taken from the largest batch size at its best lr whose noise scale has an upper end, since G is best known
    there; else from the largest with a lower end above 0.

    Args:
        critical: the table `critical_batch`.
        curve: the table `scaling_curve`, of which the best lr of each batch size.
        noise: the table `noise_scale`.

    Returns:
        recipe; batch_size, lr and window that the noise scale is of; noise_scale with _low and _high, and likewise
        noise_scale_scaled, which is that of adam's steps; rule_batch_size and knee_batch_size with their ends.
    """
    if critical.empty or curve.empty or noise.empty:
        return pd.DataFrame(columns=SECOND_OPINION)
    late = noise[noise["window"] == "late"].merge(curve[["recipe", "batch_size", "lr"]])
    told = late[late["noise_scale_low"] > 0].assign(is_bounded=late["noise_scale_high"] < float("inf"))
    best = told.sort_values(["is_bounded", "batch_size"]).drop_duplicates("recipe", keep="last")
    both = critical[["recipe", *MEASURED]].merge(best, on="recipe")
    return both[SECOND_OPINION]
