"""Verdicts: what an epoch and an iteration cost as the batch grows.

Times are compared one with another by `timing_errors`, at the level that one of several claims has
(`verdict.CLAIM_CONFIDENCE`). The frames are those of one recipe.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from bs_study.analysis.fit import MIN_FOR_INTERVAL, FloatArray
from bs_study.analysis.timing_errors import ratio_half_widths, timing_errors
from bs_study.analysis.verdict import CLAIM_CONFIDENCE, Doubt, Verdict, judged

LEVEL = 0.10  # epoch times that differ by less count as level
FLAT = 0.25  # an iteration that takes less than so much longer hardly takes longer
FLAT_RANGE = 4  # and that over batch sizes at least so far apart


def epoch_time_falls(throughput: pd.DataFrame, *, confidence: float = CLAIM_CONFIDENCE) -> Verdict:
    """Judge whether an epoch takes less time as the batch grows, until loading or the device limits it.

    Supported: from the smallest batch size to the fastest the epoch time never rises (beyond 10 %) and falls in all,
    beyond the errors of the times (at least 12 %). Contradicted: the smallest is the fastest, and the largest slower in
    the same sense.

    Evidence: epoch_seconds by batch size; fastest_batch_size; level_from_batch_size, the smallest within 10 % of it,
    with its load_share and limited_by ('load' or 'device'); ratio (of the smallest's time to the fastest's, or of the
    largest's where the smallest is the fastest) with low and high; confidence.
    """
    timed = _sorted(throughput, "epoch_seconds")
    seconds = timed["epoch_seconds"].to_numpy(float)
    evidence: dict[str, Any] = {"epoch_seconds": _by_batch_size(timed, "epoch_seconds")}
    if len(timed) < MIN_FOR_INTERVAL:
        return judged("epoch_time", doubts=[_few(timed)], supports=False, evidence=evidence)
    fastest = int(seconds.argmin())
    slow, fast = (0, fastest) if fastest else (len(timed) - 1, 0)
    ratio, low, high = _ratios(timed, "epoch_seconds", to=fast, confidence=confidence)[slow].tolist()
    evidence |= _limit(timed, fastest)
    evidence |= {"ratio": ratio, "ratio_low": low, "ratio_high": high, "confidence": confidence}
    doubts = []
    if low <= 1:
        doubts.append(Doubt("within_timing", batch_size=int(timed["batch_size"].iloc[slow])))
    elif fastest and np.any(seconds[1 : fastest + 1] > (1 + LEVEL) * seconds[:fastest]):
        doubts.append(Doubt("mixed"))
    return judged("epoch_time", doubts=doubts, supports=fastest > 0, evidence=evidence)


def _limit(timed: pd.DataFrame, fastest: int) -> dict[str, Any]:
    """Return from where on the epoch time is level, and what takes the time there."""
    level = int((timed["epoch_seconds"] <= timed["epoch_seconds"].iloc[fastest] * (1 + LEVEL)).to_numpy().argmax())
    row = timed.iloc[level]
    share = float(row["load_seconds"] / row["epoch_seconds"])
    return {
        "fastest_batch_size": int(timed["batch_size"].iloc[fastest]),
        "level_from_batch_size": int(row["batch_size"]),
        "load_share": share,
        "limited_by": "load" if share > 0.5 else "device",
    }


def iteration_time_is_flat(throughput: pd.DataFrame, *, confidence: float = CLAIM_CONFIDENCE) -> Verdict:
    """Judge up to which batch size the time of one iteration hardly depends on the batch size.

    Hardly: it takes less than 25 % longer than that of the smallest batch size, beyond the errors of the times.
    Supported if that holds up to a batch size at least 4 times the smallest. Contradicted if one within a factor of 4
    takes more than 25 % longer, in the same sense.

    Evidence: iteration_seconds by batch size; up_to_batch_size; longer_by there, with low and high; confidence.
    """
    timed = _sorted(throughput, "iteration_seconds")
    sizes = timed["batch_size"].to_numpy(int)
    evidence: dict[str, Any] = {"iteration_seconds": _by_batch_size(timed, "iteration_seconds")}
    if len(timed) < MIN_FOR_INTERVAL:
        return judged("iteration_time", doubts=[_few(timed)], supports=False, evidence=evidence)
    ratios = _ratios(timed, "iteration_seconds", to=0, confidence=confidence)
    surely_longer, surely_flat = ratios[:, 1] > 1 + FLAT, ratios[:, 2] < 1 + FLAT
    end = len(timed) if surely_flat.all() else int(surely_flat.argmin())  # the first that may take longer
    evidence |= {"up_to_batch_size": int(sizes[end - 1]), "confidence": confidence}
    names = ("longer_by", "longer_by_low", "longer_by_high")
    evidence |= dict(zip(names, (ratios[end - 1] - 1).tolist(), strict=True))
    is_near = sizes <= FLAT_RANGE * sizes[0]
    supports = bool(sizes[end - 1] >= FLAT_RANGE * sizes[0])
    doubts = []
    if not supports and not np.any(is_near & surely_longer):
        if end == len(timed):
            doubts = [Doubt("narrow_range")]
        elif surely_longer[end]:
            doubts = [Doubt("far_apart", batch_size=int(sizes[end]))]
        else:
            doubts = [Doubt("too_spread", batch_size=int(sizes[end]))]
    return judged("iteration_time", doubts=doubts, supports=supports, evidence=evidence)


def _sorted(throughput: pd.DataFrame, clock: str) -> pd.DataFrame:
    return throughput[throughput[clock] > 0].sort_values("batch_size").reset_index(drop=True)


def _few(timed: pd.DataFrame) -> Doubt:
    return Doubt("few_batch_sizes", count=len(timed))


def _ratios(timed: pd.DataFrame, clock: str, *, to: int, confidence: float) -> FloatArray:
    """Return how many times as long each row takes as one of them, with low and high; shape (rows, 3).

    The intervals pay for the comparison of each row with that one.
    """
    seconds = timed[clock].to_numpy(float)
    halves = ratio_half_widths(timing_errors(timed), to=to, confidence=confidence)
    ratios: FloatArray = (seconds / seconds[to])[:, None] * np.exp(np.outer(halves, [0.0, -1.0, 1.0]))
    return ratios


def _by_batch_size(table: pd.DataFrame, column: str) -> dict[int, float]:
    return dict(zip(table["batch_size"], table[column], strict=True))
