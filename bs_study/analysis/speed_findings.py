"""What an epoch and an iteration cost as the batch grows."""

from __future__ import annotations

import functools
from typing import Any

import pandas as pd

from bs_study.analysis.finding import Finding, direction
from bs_study.analysis.fit import MIN_FOR_INTERVAL, log_line
from bs_study.words import setting

LEVEL = 0.10  # epoch times that differ by less count as level
FLAT = 0.25  # an iteration that takes less than so much longer hardly takes longer
FLAT_RANGE = 4  # and that over batch sizes at least so far apart
SPREAD_EPOCHS = 3  # fewer epochs show no spread


def epoch_time_falls(throughput: pd.DataFrame) -> Finding:
    """Judge whether an epoch takes less time as the batch grows, until loading or the device limits it.

    Supported: from the smallest batch size to the fastest the epoch time never rises (beyond 10 %), falls by more than
    10 % in all, and the quartile ranges of both ends are apart; where there are too few epochs for quartiles, the trend
    must show in an interval instead. Contradicted: the smallest is fastest, and the largest slower in the same sense.
    """
    timed = throughput[throughput["epoch_seconds"] > 0].reset_index(drop=True)
    judged = functools.partial(
        Finding,
        "epoch_time",
        how="Median epoch times from the smallest batch size to the fastest: no rise, a fall of more than 10 %, "
        "quartiles (or repeats, of the timing pass) apart.",
    )
    claim = "An epoch takes less time as the batch grows, until loading or the device limits it"
    if len(timed) < MIN_FOR_INTERVAL:
        return judged(claim, "undecided", evidence=_epoch_times(timed), reason=_too_few(timed))
    fastest = int(timed["epoch_seconds"].argmin())
    evidence = _epoch_times(timed) | _limit(timed, fastest)
    if fastest > 0 and _is_faster(timed, fastest, 0) and _never_rises(timed["epoch_seconds"].iloc[: fastest + 1]):
        size = evidence["level_from_batch_size"]
        by = f"An epoch takes less time as the batch grows, up to batch size {size}"
        is_seen = size < timed["batch_size"].iloc[-1]
        return judged(
            f"{by}, where {evidence['limited_by']} limits it" if is_seen else by, "supported", evidence=evidence
        )
    if fastest == 0 and _is_faster(timed, 0, len(timed) - 1):
        return judged(claim, "contradicted", evidence=evidence)
    return judged(claim, "undecided", evidence=evidence, reason="the epoch times neither fall nor rise clearly")


def _epoch_times(timed: pd.DataFrame) -> dict[str, Any]:
    return {"epoch_seconds": dict(zip(timed["batch_size"], timed["epoch_seconds"], strict=True))}


def _limit(timed: pd.DataFrame, fastest: int) -> dict[str, Any]:
    """Return from where on the epoch time is level, and what takes the time there."""
    level = int((timed["epoch_seconds"] <= timed["epoch_seconds"].iloc[fastest] * (1 + LEVEL)).to_numpy().argmax())
    row = timed.iloc[level]
    share = row["load_seconds"] / row["epoch_seconds"]
    return {
        "fastest_batch_size": timed["batch_size"].iloc[fastest],
        "level_from_batch_size": int(row["batch_size"]),
        "load_share": share,
        "limited_by": "loading" if share > 0.5 else "the device",
    }


def _never_rises(seconds: pd.Series[float]) -> bool:
    return bool((seconds.pct_change().dropna() <= LEVEL).all())


def _is_faster(timed: pd.DataFrame, fast: int, slow: int) -> bool:
    one, other = timed.iloc[fast], timed.iloc[slow]
    if not one["epoch_seconds"] < (1 - LEVEL) * other["epoch_seconds"]:
        return False
    if min(one["epochs"], other["epochs"]) >= SPREAD_EPOCHS:
        return bool(one["epoch_seconds_high"] < other["epoch_seconds_low"])
    between = timed.iloc[min(fast, slow) : max(fast, slow) + 1]
    trend = direction(log_line(between["batch_size"], between["epoch_seconds"]))
    return trend == ("falls" if fast > slow else "rises")


def iteration_time_is_flat(throughput: pd.DataFrame) -> Finding:
    """Judge up to which batch size the time of one iteration hardly depends on the batch size.

    Hardly: all batch sizes up to there take less than 25 % longer than the smallest. Supported if they span a factor of
    4 or more; contradicted if a batch size within a factor of 4 takes longer than that, its quartiles being apart (or,
    where there are too few epochs for quartiles, the trend showing in an interval).
    """
    timed = throughput[throughput["iteration_seconds"] > 0].reset_index(drop=True)
    judged = functools.partial(
        Finding,
        "iteration_time",
        how="Median iteration times that exceed the smallest batch size's by less than 25 %, over a factor of 4 in "
        "batch size.",
    )
    claim = "The time of one iteration hardly depends on the batch size"
    seconds = timed["iteration_seconds"]
    evidence = {"iteration_seconds": dict(zip(timed["batch_size"], seconds, strict=True))}
    if len(timed) < MIN_FOR_INTERVAL:
        return judged(claim, "undecided", evidence=evidence, reason=_too_few(timed))
    is_longer = (seconds > (1 + FLAT) * seconds.iloc[0]).to_numpy()
    longer = int(is_longer.argmax()) if is_longer.any() else len(timed)  # row of the first that takes longer
    smallest, flat = timed["batch_size"].iloc[0], timed["batch_size"].iloc[longer - 1]
    evidence |= {"up_to_batch_size": flat, "longer_by": seconds.iloc[longer - 1] / seconds.iloc[0] - 1}
    if flat >= FLAT_RANGE * smallest:
        return judged(f"{claim}, up to batch size {setting(flat)}", "supported", evidence=evidence)
    if longer < len(timed) and timed["batch_size"].iloc[longer] <= FLAT_RANGE * smallest and _is_longer(timed, longer):
        return judged(claim, "contradicted", evidence=evidence)
    return judged(
        claim, "undecided", evidence=evidence, reason="the batch sizes are too far apart or their times too spread"
    )


def _is_longer(timed: pd.DataFrame, row: int) -> bool:
    """Return whether an iteration of this row's batch size takes longer than the smallest's beyond their spread."""
    first, other = timed.iloc[0], timed.iloc[row]
    if min(first["epochs"], other["epochs"]) >= SPREAD_EPOCHS:
        return bool(first["iteration_seconds_high"] < other["iteration_seconds_low"])
    return direction(log_line(timed["batch_size"], timed["iteration_seconds"])) == "rises"


def _too_few(timed: pd.DataFrame) -> str:
    return f"a trend needs 3 batch sizes, and {len(timed)} were timed"
