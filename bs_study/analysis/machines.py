"""The machines that a store knows, side by side: the best batch size on each, and what it takes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from bs_study.analysis.fastest_batch import FastestBatch, fastest_batch
from bs_study.analysis.throughput_fit import throughput_fit
from bs_study.analysis.timings import KIND

MACHINES = [
    *(*KIND, "is_own", "source", "recipe", "batch_sizes", "batch_size", "lr"),
    *("seconds", "seconds_low", "seconds_high", "dollars", "joules", "peak_memory_bytes"),
    *("fitted_batch_size", "fitted_batch_size_low", "fitted_batch_size_high"),
]


def machines(costs: pd.DataFrame, times: pd.DataFrame, critical: pd.DataFrame) -> pd.DataFrame:
    """Return the best batch size on each machine, a row per machine and recipe, the quickest first.

    Args:
        costs: `costs.costs`; of several GPUs nothing counts, since that is modelled.
        times: `machine_times`.
        critical: `critical_batch`: the fitted curve of updates of each recipe.

    Returns:
        device_name, threads, is_own (trials ran on it), source (timings or trials), recipe; batch_sizes whose time to
        the target is known; batch_size: the one of least time, with its lr, seconds, dollars, joules and
        peak_memory_bytes.
        fitted_batch_size: the fastest one by the fitted curves of updates and of the time of one
        (`fastest_batch`); _low, _high: those that take at most a tenth longer, within those tried. Missing where the
        curve of updates is no simple one (`is_widened`), and where the fastest lies beyond those tried.
    """
    return pd.DataFrame(list(_rows(costs[costs["gpus"] == 1], times, critical)), columns=MACHINES).sort_values(
        "seconds", kind="stable", ignore_index=True
    )


def _rows(costs: pd.DataFrame, times: pd.DataFrame, critical: pd.DataFrame) -> Iterator[dict[str, object]]:
    for _, own in costs.groupby([*KIND, "recipe"], sort=False, dropna=False):
        best = own.sort_values("seconds", kind="stable").iloc[0]
        timed = times.merge(own[[*KIND, "recipe"]].drop_duplicates(), on=[*KIND, "recipe"])
        fitted = _fitted(timed, critical[critical["recipe"] == best["recipe"]])
        least, most = own["batch_size"].min(), own["batch_size"].max()
        is_known = least <= fitted.batch_size <= most
        yield {name: best[name] for name in MACHINES if name in best} | {
            "batch_sizes": len(own),
            "fitted_batch_size": fitted.batch_size if is_known else np.nan,
            "fitted_batch_size_low": max(least, fitted.low) if is_known else np.nan,
            "fitted_batch_size_high": min(most, fitted.high) if is_known else np.nan,
        }


def _fitted(timed: pd.DataFrame, critical: pd.DataFrame) -> FastestBatch:
    """Return the fastest batch size of a machine by both fits."""
    line = throughput_fit(timed.assign(examples_per_iteration=timed["batch_size"])).iloc[0]
    knee = critical.iloc[0] if len(critical) else None
    if knee is None or knee["is_widened"] == 1:
        return FastestBatch(np.nan, np.nan, np.nan, np.nan)
    return fastest_batch(
        line["a_seconds"],
        line["b_seconds_per_example"],
        knee=knee["knee_batch_size"],
        min_iterations=knee["min_iterations"],
    )
