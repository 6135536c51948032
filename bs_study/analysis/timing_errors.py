"""How far a measured time may be off, and the ratio of two of them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from bs_study.analysis.fit import FloatArray
from bs_study.analysis.throughput_fit import throughput_fit

MEASURED_ALONE_ERROR = 0.03
"""By which the times of two measurements differ beyond their repeats: clocks, temperature, placement in memory."""
MIN_REPEATS = 3  # beyond the first of each batch size, all together; fewer show no spread


class TimingErrors(NamedTuple):
    """Standard errors of the logs of iteration times, shape (batch sizes,), and their degrees of freedom."""

    errors: FloatArray
    freedom: float


def timing_errors(throughput: pd.DataFrame) -> TimingErrors:
    """Return how far the iteration time of each row may be off by chance.

    The spread of repeats s follows from what they span: two quartiles (trials), or the quickest and the slowest (the
    timing pass), divided by what m normal numbers span (Blom 1958: the rank r of m is at the normal quantile of
    (r - 3/8) / (m + 1/4)). It is pooled over batch sizes, and a batch size with more counts with its own. Repeats are
    trials, which differ by their neighbours; epochs where there is one trial; repeats of the timing pass. A median of m
    has at most the error s * sqrt(pi / 2 / m). Simulated intervals of ratios hold the truth more often than they say.

    Where there are too few repeats, the spread about the fit a + b * examples stands for it, with n - 2 degrees.
    """
    of_pass = throughput["source"] == "timings"
    trials, epochs = throughput["trials"].to_numpy(float), throughput["epochs"].to_numpy(float)
    repeats = np.where(of_pass | (trials < 2), epochs, trials)
    rank = np.where(of_pass, repeats, 1 + 0.75 * (repeats - 1))
    ends = throughput[["iteration_seconds_low", "iteration_seconds_high"]].to_numpy(float)
    spanned = np.log(ends[:, 1] / ends[:, 0])
    has_spread = (repeats > 1) & np.isfinite(spanned)
    weight = np.where(has_spread, repeats - 1, 0.0)
    if weight.sum() < MIN_REPEATS:
        return _about_the_fit(throughput)
    of_normal = 2 * stats.norm.ppf((rank - 0.375) / (repeats + 0.25))
    spread = np.divide(spanned, of_normal, where=has_spread, out=np.zeros_like(spanned))
    pooled = np.sqrt(np.sum(weight * spread**2) / weight.sum())
    return TimingErrors(np.maximum(spread, pooled) * np.sqrt(np.pi / 2 / repeats), float(weight.sum()))


def _about_the_fit(throughput: pd.DataFrame) -> TimingErrors:
    known = len(throughput)
    if known < 3:
        return TimingErrors(np.full(known, np.nan), np.nan)
    fit = throughput_fit(throughput).iloc[0]
    fitted = fit["a_seconds"] + fit["b_seconds_per_example"] * throughput["examples_per_iteration"]
    relative = fitted / throughput["iteration_seconds"] - 1
    return TimingErrors(np.full(known, np.sqrt(np.sum(relative**2) / (known - 2))), float(known - 2))


def ratio_half_widths(measured: TimingErrors, *, to: int, confidence: float) -> FloatArray:
    """Return half the widths of the intervals of the logs of each row's time over that of one row, 0 for itself.

    Repeats differ by Student's t on their degrees of freedom, measurements by a normal of a known spread.

    Args:
        measured: the errors of all rows.
        to: position of the row that the others are compared with.
        confidence: that all of these intervals hold the truth (Bonferroni).
    """
    level = 1 - (1 - confidence) / 2 / max(1, len(measured.errors) - 1)
    by_repeats = stats.t.ppf(level, measured.freedom) * np.hypot(measured.errors, measured.errors[to])
    halves: FloatArray = np.hypot(by_repeats, stats.norm.ppf(level) * np.sqrt(2) * MEASURED_ALONE_ERROR)
    halves[to] = 0.0
    return halves
