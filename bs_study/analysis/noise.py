"""How the noise of the loss goes with the batch size."""

from __future__ import annotations

import numpy as np
import pandas as pd

from bs_study.analysis.fit import CONFIDENCE, MIN_FOR_INTERVAL, Line, line

_SLOPE = ["slope", "slope_low", "slope_high", "intercept", "batch_sizes"]


def noise_slope(
    smoothness: pd.DataFrame,
    *,
    examples_per_iteration: pd.Series[float] | None = None,
    confidence: float = CONFIDENCE,
) -> pd.DataFrame:
    """Return the slope of log noise on log batch size, a row per recipe, lr and window.

    Independent examples give noise = c / sqrt(B), a slope of -1/2. Least squares on one point per batch size, the mean
    log noise of its trials, so that seeds don't pass for batch sizes. Trials that diverged, and those without noise to
    take the log of, are left out. Two batch sizes give a slope without interval, one gives none.

    Args:
        smoothness: a row per trial and window, with its noise and stability.
        examples_per_iteration: the batch size of a point, by recipe and batch size; where it lacks, the nominal one.
        confidence: of the interval.

    Returns:
        recipe, lr, window, slope, slope_low, slope_high (by Student's t), intercept (noise = exp(intercept) * B^slope),
        batch_sizes (points), left_out (trials).
    """
    rows = []
    for key, trials in _with_log_noise(smoothness, examples_per_iteration).groupby(["recipe", "lr", "window"]):
        fit = _line_of(trials.groupby("examples")["log_noise"].mean(), confidence=confidence)
        rows.append((*key, *_numbers(fit), int(trials["log_noise"].isna().sum())))
    return pd.DataFrame(rows, columns=["recipe", "lr", "window", *_SLOPE, "left_out"])


def noise_trend(
    smoothness: pd.DataFrame,
    *,
    examples_per_iteration: pd.Series[float] | None = None,
    confidence: float = CONFIDENCE,
) -> pd.DataFrame:
    """Return the slope of log noise on log batch size over all lrs together, a row per recipe and window.

    A point is a batch size: its mean log noise over lrs. Lrs are no points of their own, since trials of one seed see
    the same batches. Each point has the same lrs, those with noise at all batch sizes. Where there is no such lr, the
    batch size with noise at the fewest lrs is left out. Lrs with noise at fewer than three batch sizes don't count.

    Args:
        smoothness: a row per trial and window, with its noise and stability.
        examples_per_iteration: as of `noise_slope`.
        confidence: of the interval.

    Returns:
        recipe, window, lrs (how many count), slope, slope_low, slope_high, intercept, batch_sizes (points).
    """
    rows = []
    for key, trials in _with_log_noise(smoothness, examples_per_iteration).groupby(["recipe", "window"]):
        cells = trials.pivot_table(index="lr", columns="examples", values="log_noise")
        shared = _rows_that_lack_nothing(cells[cells.notna().sum(axis=1) >= MIN_FOR_INTERVAL])
        fit = _line_of(shared.mean(), confidence=confidence)
        rows.append((*key, len(shared), *_numbers(fit)))
    return pd.DataFrame(rows, columns=["recipe", "window", "lrs", *_SLOPE])


def _with_log_noise(smoothness: pd.DataFrame, examples_per_iteration: pd.Series[float] | None) -> pd.DataFrame:
    """Return the rows with their recipe, the examples of their iterations, and log noise; NaN where it is left out."""
    table = smoothness.assign(recipe=smoothness.get("recipe", ""), examples=smoothness["batch_size"].astype(float))
    if examples_per_iteration is not None:
        cells = pd.MultiIndex.from_frame(table[["recipe", "batch_size"]])
        known = examples_per_iteration.reindex(cells).to_numpy(float)
        table["examples"] = np.where(np.isfinite(known), known, table["examples"])
    noise = table["noise"].astype(float)
    return table.assign(log_noise=np.log(noise.where((table["stability"] != "diverged") & (noise > 0))))


def _line_of(points: pd.Series[float], *, confidence: float) -> Line:
    return line(np.log(points.index.to_numpy(float)), points, confidence=confidence)


def _numbers(fit: Line) -> tuple[float, ...]:
    return fit.slope, fit.low, fit.high, fit.intercept, fit.points


def _rows_that_lack_nothing(cells: pd.DataFrame) -> pd.DataFrame:
    """Return the rows without a missing value, less those columns without which there are such rows."""
    cells = cells.dropna(axis=1, how="all")
    while len(cells) and not cells.notna().all(axis=1).any():
        cells = cells.drop(columns=cells.notna().sum().idxmin())
    return cells.dropna()
