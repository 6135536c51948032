"""The fixed cost of an iteration and the cost of an example."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import stats

from bs_study.analysis.fit import CONFIDENCE, MIN_FOR_INTERVAL, FloatArray

DOUBLING_GAIN = 0.10


def throughput_fit(throughput: pd.DataFrame) -> pd.DataFrame:
    """Return the fit of iteration time t = a + b * examples per iteration, a row per recipe.

    Weighted by 1 / t, for times span decades and their errors are relative: minimises sum(((t - a - b E) / t)^2) with
    a, b >= 0. 95 % intervals by the t distribution; their lower ends are not below 0. From the line follow the
    half-limit batch size a / b, where throughput E / t(E) is half of its limit 1 / b, and the batch size beyond which
    doubling gains less than 10 %: 2 t(E) / t(2E) - 1 = a / (a + 2 b E) < 0.1, so E > 4.5 a / b.

    Two batch sizes give the line without intervals, fewer give no line. With b = 0 no limit was seen: it is missing.

    Args:
        throughput: what `throughput` or `clean_throughput` returns. The latter is of no recipe: one row, named "".

    Returns:
        recipe, a_seconds, a_low, a_high, b_seconds_per_example, b_low, b_high, half_limit_batch_size,
        limit_examples_per_second, doubling_gain_limit_batch_size, worst_relative_error (max |fit - t| / t),
        batch_sizes (number of points).
    """
    by_recipe = throughput.assign(recipe=throughput.get("recipe", "")).groupby("recipe", sort=False)
    return pd.DataFrame([{"recipe": name} | _fit_row(rows) for name, rows in by_recipe], columns=_FIT_COLUMNS)


_FIT_COLUMNS = [
    "recipe",
    "a_seconds",
    "a_low",
    "a_high",
    "b_seconds_per_example",
    "b_low",
    "b_high",
    "half_limit_batch_size",
    "limit_examples_per_second",
    "doubling_gain_limit_batch_size",
    "worst_relative_error",
    "batch_sizes",
]


def _fit_row(throughput: pd.DataFrame) -> dict[str, float]:
    known = throughput[throughput["iteration_seconds"] > 0]
    examples = known["examples_per_iteration"].to_numpy(float)
    seconds = known["iteration_seconds"].to_numpy(float)
    (a, b), low, high = _fixed_and_per_example(examples, seconds)
    half_limit = a / b if b > 0 else np.nan
    return {
        "a_seconds": a,
        "a_low": low[0],
        "a_high": high[0],
        "b_seconds_per_example": b,
        "b_low": low[1],
        "b_high": high[1],
        "half_limit_batch_size": half_limit,
        "limit_examples_per_second": 1 / b if b > 0 else np.nan,
        "doubling_gain_limit_batch_size": (1 - DOUBLING_GAIN) / (2 * DOUBLING_GAIN) * half_limit,
        "worst_relative_error": float(np.max(np.abs((a + b * examples) / seconds - 1), initial=0.0))
        if len(known) > 1
        else np.nan,
        "batch_sizes": len(known),
    }


def _fixed_and_per_example(examples: FloatArray, seconds: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return (a, b), the lower and the upper ends of their intervals."""
    missing = np.full(2, np.nan)
    if len(seconds) < 2:
        return missing, missing, missing
    design = np.column_stack([np.ones_like(examples), examples]) / seconds[:, None]
    ones = np.ones_like(seconds)
    estimate, half = _coefficients(design, ones)
    upper = np.maximum(estimate + half, 0)
    if estimate.min() < 0:
        bound = int(estimate.argmin())
        free = 1 - bound
        alone, alone_half = _coefficients(design[:, [free]], ones)
        estimate[bound], half[bound] = 0.0, upper[bound]
        estimate[free], half[free] = alone[0], alone_half[0]
        upper[free] = alone[0] + alone_half[0]
    if len(seconds) < MIN_FOR_INTERVAL:
        return estimate, missing, missing
    return estimate, np.maximum(estimate - half, 0), upper


def _coefficients(design: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the least-squares coefficients of y on the columns of design, and the half-widths of their intervals.

    Half-width: t(n - p) * sqrt(diag((X'X)^-1) * RSS / (n - p)); NaN where n <= p. scipy has intervals for a line with
    equal weights, and bounds without intervals.

    Args:
        design: shape (points, coefficients), of full column rank.
        y: shape (points,).
    """
    scale = np.linalg.norm(design, axis=0)  # columns may lie decades apart
    inverse = np.linalg.pinv(design / scale)
    estimate = (inverse @ y) / scale
    freedom = len(y) - design.shape[1]
    if freedom < 1:
        return estimate, np.full_like(estimate, np.nan)
    variance = np.sum((y - design @ estimate) ** 2) / freedom
    errors = np.sqrt(np.sum(inverse**2, axis=1) * variance) / scale
    return estimate, errors * stats.t.ppf((1 + CONFIDENCE) / 2, freedom)
