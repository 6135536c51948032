"""Times that were measured alone, in the timing pass, and the clocks of a study that follow from them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from bs_study.analysis.throughput import MEASURES
from bs_study.store.timings import DISTURBED

KIND = ["device_name", "threads"]


def trials_own_timings(timings: pd.DataFrame, trials: pd.DataFrame) -> pd.DataFrame:
    """Return the timings that tell of these trials: a row per batch size, of the machine that most of them ran on.

    A machine is a kind: name of the device, and threads. Of a batch size that was timed twice on it (by another
    version, say) the newest counts. None are returned where a batch size of trials that trained has no timing: times
    of two sources do not compare.

    Args:
        timings: the store's table.
        trials: the store's table; without a device's name in it nothing can be told.
    """
    done = timings[timings["status"] == "completed"]
    if done.empty or not {*KIND, "status"} <= set(trials.columns):
        return done.head(0)
    trained = trials[trials["status"].isin(["completed", "diverged"])].dropna(subset=KIND)
    if trained.empty:
        return done.head(0)
    kind = trained[KIND].value_counts().index[0]
    is_own = (done[KIND[0]] == kind[0]) & (done[KIND[1]] == kind[1])
    own = done[is_own].sort_values(["batch_size", "end_time"]).drop_duplicates("batch_size", keep="last")
    is_whole = trained["batch_size"].isin(own["batch_size"]).all()
    return own.reset_index(drop=True) if is_whole else done.head(0)


def clean_iteration_seconds(own_timings: pd.DataFrame) -> dict[int, float]:
    """Return the seconds of an iteration by batch size, measured alone; empty where there are none."""
    pairs = zip(own_timings["batch_size"], own_timings["iteration_seconds"], strict=True)
    return {int(size): float(seconds) for size, seconds in pairs}


def timing_spread(own_timings: pd.DataFrame) -> dict[int, tuple[float, float]]:
    """Return logs of the quickest and the slowest clean iteration time over the median, by batch size."""
    ends = own_timings[["iteration_seconds_low", "iteration_seconds_high"]].div(
        own_timings["iteration_seconds"], axis=0
    )
    logs = np.log(ends.fillna(1.0).to_numpy(float)).tolist()
    return {int(size): (low, high) for size, (low, high) in zip(own_timings["batch_size"], logs, strict=True)}


def ranking_clock(own_timings: pd.DataFrame) -> str:
    """Return the clock by which cells are ranked: iterations times clean iteration time, or the trials' own."""
    return "clean_seconds" if len(own_timings) else "train_seconds"


def clean_throughput(own_timings: pd.DataFrame, *, train_examples: float) -> pd.DataFrame:
    """Return what `throughput` does, from the timing pass in place of the clocks of trials.

    epoch_seconds = train_examples / examples_per_second, and the load and compute of an epoch have the share in it that
    they have in an iteration. examples_per_iteration = examples_per_second * iteration_seconds, which is less than the
    batch size where the last batch is short. `<measure>_low` and `_high` are the quickest and the slowest repeat.
    Without a known `train_examples` the times of an epoch are missing.

    Returns:
        the columns of `throughput` but recipe, where `trials` is 1, the timing, and `epochs` counts its repeats;
        source, which says so; iteration_seconds_spread, (high - low) / median; disturbed, which in older stores follows
        from that; peak_memory_bytes and neighbours.
    """
    own = own_timings
    table = pd.DataFrame({"batch_size": own["batch_size"].astype(np.int64)})
    table["examples_per_iteration"] = own["examples_per_second"] * own["iteration_seconds"]
    table["trials"], table["epochs"] = 1, own["repeats"]
    table["load_share"] = own["load_seconds"] / own["iteration_seconds"]
    table["epochs_left_out"] = 0
    ratios = {end: own[f"iteration_seconds{end}"] / own["iteration_seconds"] for end in ("", "_low", "_high")}
    epoch = train_examples / own["examples_per_second"]
    middle = {
        "epoch_seconds": epoch,
        "load_seconds": epoch * table["load_share"],
        "compute_seconds": epoch * own["compute_seconds"] / own["iteration_seconds"],
        "iteration_seconds": own["iteration_seconds"],
    }
    for measure in MEASURES[:-1]:
        for end, ratio in ratios.items():
            table[measure + end] = middle[measure] * ratio
    for end, ratio in (("", ratios[""]), ("_low", ratios["_high"]), ("_high", ratios["_low"])):
        table[f"examples_per_second{end}"] = own["examples_per_second"] / ratio
    table["source"] = "timings"
    spread = own["iteration_seconds_spread"]
    table["disturbed"] = own["disturbed"].eq(True) | (own["disturbed"].isna() & (spread > DISTURBED))
    return table.join(own[["iteration_seconds_spread", "peak_memory_bytes", "neighbours"]])
