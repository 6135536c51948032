"""How the noise of the loss goes with the batch size."""

from __future__ import annotations

from typing import cast

import numpy as np
import pandas as pd

from bs_study.analysis.fit import log_line


def noise_slope(smoothness: pd.DataFrame) -> pd.DataFrame:
    """Return the slope of log noise on log batch size, a row per lr and window.

    Independent examples give noise = c / sqrt(B), a slope of -1/2. Least squares on one point per batch size, the mean
    log noise of its trials, so that seeds don't pass for batch sizes. Trials that diverged, and those without noise to
    take the log of, are left out. Two batch sizes give a slope without interval, one gives none.

    Returns:
        lr, window, slope, slope_low, slope_high (95 %, t distribution), intercept (noise = exp(intercept) * B^slope),
        batch_sizes (points), left_out (trials).
    """
    used = (smoothness["stability"] != "diverged") & (smoothness["noise"] > 0)
    log_noise = smoothness[used].assign(noise=np.log(smoothness.loc[used, "noise"]))
    means = np.exp(log_noise.groupby(["lr", "window", "batch_size"])["noise"].mean()).reset_index()
    left_out = (~used).groupby([smoothness["lr"], smoothness["window"]]).sum()
    rows = []
    for key, count in left_out.items():
        lr, window = cast("tuple[float, str]", key)
        points = means[(means["lr"] == lr) & (means["window"] == window)]
        fit = log_line(points["batch_size"], points["noise"])
        rows.append((lr, window, fit.slope, fit.low, fit.high, fit.intercept, fit.points, count))
    names = ["lr", "window", "slope", "slope_low", "slope_high", "intercept", "batch_sizes", "left_out"]
    return pd.DataFrame(rows, columns=names)
