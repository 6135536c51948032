"""Epoch, load, compute and iteration time against batch size."""

from __future__ import annotations

import numpy as np
import pandas as pd

from bs_study.analysis.fit import MIN_FOR_INTERVAL, FloatArray, coefficients
from bs_study.analysis.trials import complete_trials

EPOCH_PARTS = ["epoch_seconds", "load_seconds", "compute_seconds"]
MEASURES = [*EPOCH_PARTS, "iteration_seconds", "examples_per_second"]
DOUBLING_GAIN = 0.10


def throughput(epochs: pd.DataFrame, trials: pd.DataFrame, *, train_examples: float = np.nan) -> pd.DataFrame:
    """Return how long an epoch and an iteration take, a row per batch size, warm-up left out.

    A trial's measure is the median over its epochs; a batch size's is the median over its trials, whatever became of
    them (a diverging iteration takes as long). Of a trial count the epochs that are whole and free of warm-up; where
    it has none, its partial ones, scaled up to a whole epoch by examples; where it has no epoch row at all, the sums
    of its trials row. `epochs_left_out` says how many rows did not count.

    `<measure>_low` and `<measure>_high` are quartiles: over trials, of each trial's lower (upper) quartile over epochs.
    iteration_seconds = epoch_seconds / timed iterations, and examples_per_second = timed examples / epoch_seconds.
    A whole epoch is the most examples that an epoch of this batch size had; or the whole training set, if that is a
    batch more: then no epoch of this batch size was whole. (A loop that drops the last, incomplete batch loses less.)

    Args:
        epochs: the store's table; iterations and examples are cumulative, the clocks leave warm-up out.
        trials: the store's table; the first `warmup_iterations` of a trial are in no epoch's clock, but in its
            `warmup_seconds`. Where these are missing or 0, nothing was timed apart, and every iteration counts.
        train_examples: the training set's; if it isn't known, the longest epoch of the study stands for it.

    Returns:
        batch_size, trials (timed ones; with 0 all times are missing), epochs, epochs_left_out, load_share (of an epoch,
        load_seconds / epoch_seconds), and for each of epoch_seconds, load_seconds, compute_seconds, iteration_seconds,
        examples_per_second: it, its low, its high; source, which says that they are the clocks of trials.
    """
    spans = _timed_spans(epochs, complete_trials(trials), train_examples=train_examples)
    counted = spans[spans["counts"]]
    table = pd.DataFrame(index=pd.Index(np.unique(trials["batch_size"].to_numpy(np.int64)), name="batch_size"))
    by_batch_size = counted.groupby("batch_size")
    table["trials"] = by_batch_size["trial_id"].nunique()
    table["epochs"] = by_batch_size.size()
    table["epochs_left_out"] = spans.groupby("batch_size").size() - table["epochs"].fillna(0)
    for measure in MEASURES:
        by_trial = counted.groupby(["batch_size", "trial_id"])[measure]
        for suffix, share in (("", 0.5), ("_low", 0.25), ("_high", 0.75)):
            table[measure + suffix] = by_trial.quantile(share).groupby("batch_size").quantile(share)
    table.insert(3, "load_share", table["load_seconds"] / table["epoch_seconds"])
    counts = ["trials", "epochs", "epochs_left_out"]
    table[counts] = table[counts].fillna(0).astype(int)
    table["source"] = "trials"
    return table.reset_index()


def _timed_spans(epochs: pd.DataFrame, trials: pd.DataFrame, *, train_examples: float) -> pd.DataFrame:
    """Return a row per timed stretch of a trial: its measures, and whether it counts."""
    spans = epochs[["trial_id", "epoch", "iterations", "examples", *EPOCH_PARTS]].sort_values(["trial_id", "epoch"])
    spans = pd.concat([frame for frame in (spans, _whole_trials(spans, trials)) if len(frame)] or [spans])
    warm = trials["warmup_iterations"].where(trials["warmup_seconds"] > 0, 0)
    spans = spans.merge(trials[["trial_id", "batch_size"]].assign(warm=warm), on="trial_id").astype(
        dict.fromkeys(["iterations", "examples", *EPOCH_PARTS], float)
    )
    before = spans.groupby("trial_id")[["iterations", "examples"]].shift(fill_value=0.0)
    done = spans["iterations"] - before["iterations"]
    spans["examples"] -= before["examples"]
    first_timed = np.maximum(before["iterations"], np.minimum(spans["warm"], spans["iterations"]))
    spans["timed"] = spans["iterations"] - first_timed
    full = _full_examples(spans, train_examples=train_examples)
    return _with_measures(spans, timed_share=spans["timed"] / done.where(done > 0), full=full)


def _whole_trials(spans: pd.DataFrame, trials: pd.DataFrame) -> pd.DataFrame:
    """Return the sums of trials that ended before their first epoch row, as if they were an epoch."""
    lacking = trials[~trials["trial_id"].isin(spans["trial_id"])]
    whole = lacking.rename(columns={"train_seconds": "epoch_seconds"}).assign(epoch=np.nan)
    return whole.loc[whole["epoch_seconds"] > 0, list(spans.columns)]


def _with_measures(spans: pd.DataFrame, *, timed_share: pd.Series[float], full: pd.Series[float]) -> pd.DataFrame:
    timed_examples = spans["examples"] * timed_share
    is_timed = (spans["timed"] > 0) & (spans["epoch_seconds"] > 0)
    spans["iteration_seconds"] = spans["epoch_seconds"] / spans["timed"].where(is_timed)
    spans["examples_per_second"] = timed_examples / spans["epoch_seconds"].where(is_timed)
    for clock in EPOCH_PARTS:
        spans[clock] *= (full / timed_examples.where(is_timed)).where(timed_examples != full, 1.0)
    is_whole = is_timed & (timed_examples == full)
    has_whole = is_whole.groupby(spans["trial_id"]).transform("any")
    spans["counts"] = is_timed & (is_whole | ~has_whole)
    return spans


def _full_examples(spans: pd.DataFrame, *, train_examples: float) -> pd.Series[float]:
    """Return the examples of a whole epoch of each row's batch size."""
    of_epochs = spans["examples"].where(spans["epoch"].notna())
    whole = train_examples if train_examples > 0 else of_epochs.max()
    own = of_epochs.groupby(spans["batch_size"]).transform("max")
    return own.where(own > whole - spans["batch_size"], whole)


def throughput_fit(throughput: pd.DataFrame) -> pd.DataFrame:
    """Return the fit of iteration time t(B) = a + b * B, as one row.

    Weighted by 1 / t, for times span decades and their errors are relative: minimises sum(((t - a - b B) / t)^2) with
    a, b >= 0. 95 % intervals by the t distribution; their lower ends are not below 0. From the line follow the
    half-limit batch size a / b, where throughput B / t(B) is half of its limit 1 / b, and the batch size beyond which
    doubling gains less than 10 %: 2 t(B) / t(2B) - 1 = a / (a + 2 b B) < 0.1, so B > 4.5 a / b.

    Two batch sizes give the line without intervals, fewer give no line. With b = 0 no limit was seen: it is missing.

    Returns:
        a_seconds, a_low, a_high, b_seconds_per_example, b_low, b_high, half_limit_batch_size,
        limit_examples_per_second, doubling_gain_limit_batch_size, worst_relative_error (max |fit - t| / t),
        batch_sizes (number of points).
    """
    known = throughput[throughput["iteration_seconds"] > 0]
    batch_size = known["batch_size"].to_numpy(float)
    seconds = known["iteration_seconds"].to_numpy(float)
    estimate, low, high = _fixed_and_per_example(batch_size, seconds)
    a, b = (float(value) for value in estimate)
    has_limit = b > 0
    error = np.abs((a + b * batch_size) / seconds - 1)
    row = {
        "a_seconds": a,
        "a_low": low[0],
        "a_high": high[0],
        "b_seconds_per_example": b,
        "b_low": low[1],
        "b_high": high[1],
        "half_limit_batch_size": a / b if has_limit else np.nan,
        "limit_examples_per_second": 1 / b if has_limit else np.nan,
        "doubling_gain_limit_batch_size": (1 - DOUBLING_GAIN) / (2 * DOUBLING_GAIN) * a / b if has_limit else np.nan,
        "worst_relative_error": float(error.max()) if len(known) > 1 else np.nan,
        "batch_sizes": len(known),
    }
    return pd.DataFrame([row])


def _fixed_and_per_example(batch_size: FloatArray, seconds: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return (a, b), the lower and the upper ends of their intervals."""
    missing = np.full(2, np.nan)
    if len(seconds) < 2:
        return missing, missing, missing
    design = np.column_stack([np.ones_like(batch_size), batch_size]) / seconds[:, None]
    ones = np.ones_like(seconds)
    estimate, half = coefficients(design, ones)
    upper = np.maximum(estimate + half, 0)
    if estimate.min() < 0:
        bound = int(estimate.argmin())
        free = 1 - bound
        alone, alone_half = coefficients(design[:, [free]], ones)
        estimate[bound], half[bound] = 0.0, upper[bound]
        estimate[free], half[free] = alone[0], alone_half[0]
        upper[free] = alone[0] + alone_half[0]
    if len(seconds) < MIN_FOR_INTERVAL:
        return estimate, missing, missing
    return estimate, np.maximum(estimate - half, 0), upper
