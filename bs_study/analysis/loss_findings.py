"""What the batch size does to the loss curve and to the lrs that work."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from bs_study.analysis.finding import Finding, Verdict, direction, slope_evidence
from bs_study.analysis.fit import MIN_FOR_INTERVAL, log_line, mean_interval
from bs_study.words import count, setting


def noise_falls(noise_slope: pd.DataFrame) -> Finding:
    """Judge whether the loss oscillates less as the batch grows.

    At each lr the slope of log noise on log batch size falls if its interval lies below 0. Supported: it rises at no
    lr, and falls at more than half of them, or the mean of the slopes of three lrs or more falls by its own interval;
    and at an equal loss level it does not rise at most lrs. The reverse contradicts.
    """
    first = _tally(noise_slope, window="first_1000")
    level = _tally(noise_slope, window="equal_loss")
    judged = functools.partial(
        Finding,
        "noise",
        "The loss oscillates less as the batch grows",
        how="Slope of log noise on log batch size at each lr in the first 1,000 iterations, "
        "its 95 % interval against 0 (-1/2 is independent noise).",
        evidence={"first_1000": first, "equal_loss": level},
    )
    if first["lrs"] == 0:
        return judged("undecided", reason="no lr has the noise of 3 batch sizes")
    if _goes(first, "falls", "rises") and level["rises"] <= level["lrs"] / 2:
        return judged("supported")
    if _goes(first, "rises", "falls") and level["falls"] <= level["lrs"] / 2:
        return judged("contradicted")
    counts = f"it falls at {first['falls']} of {first['lrs']} lrs and rises at {first['rises']}, the others can't tell"
    return judged("undecided", reason=counts)


def _goes(tally: Mapping[str, Any], way: str, other: str) -> bool:
    is_mean = tally["mean_slope_high"] < 0 if way == "falls" else tally["mean_slope_low"] > 0
    return bool(tally[other] == 0 and (tally[way] > tally["lrs"] / 2 or is_mean))


def _tally(noise_slope: pd.DataFrame, *, window: str) -> dict[str, Any]:
    """Return at how many lrs the noise falls and rises for certain; lrs without an interval don't count."""
    known = noise_slope[(noise_slope["window"] == window) & noise_slope["slope_low"].notna()]
    mean, low, high = mean_interval(known["slope"])
    return {
        "lrs": len(known),
        "falls": int((known["slope_high"] < 0).sum()),
        "rises": int((known["slope_low"] > 0).sum()),
        "mean_slope": mean,
        "mean_slope_low": low,
        "mean_slope_high": high,
        "slopes": dict(zip(known["lr"], known["slope"], strict=True)),
    }


def small_batch_needs_small_lr(scaling: pd.DataFrame, convergence: pd.DataFrame) -> Finding:
    """Judge whether a small batch needs a small lr, and spikes or diverges with too large a one.

    Supported: the smallest batch size spikes or diverges at an lr above all its stable ones, and the largest stable lr
    rises with the batch size (log-log trend). A batch size that is stable up to the largest lr of the grid counts with
    that lr, which can only hide a rise. Contradicted: the largest stable lr falls, and no batch size is stable up to
    the edge of the grid.
    """
    known = scaling[scaling["largest_stable_lr"].notna()]
    fit = log_line(known["batch_size"], known["largest_stable_lr"], resolution=_largest_step(convergence))
    judged = functools.partial(
        Finding,
        "small_batch_lr",
        "A small batch needs a small lr: too large an lr makes it spike or diverge",
        how="Slope of the largest lr without spikes above the first loss and without divergence, against batch size "
        "on log axes, its 95 % interval against 0.",
        evidence=slope_evidence(fit) | {"largest_stable_lr": _by_batch_size(scaling, "largest_stable_lr")},
    )
    if len(known) < MIN_FOR_INTERVAL:
        return judged("undecided", reason=f"a trend needs 3 batch sizes with a stable lr, and there are {len(known)}")
    if np.isnan(scaling["smallest_unstable_lr"].iloc[0]):
        size = setting(scaling["batch_size"].iloc[0])
        return judged("undecided", reason=f"batch size {size} was stable up to the largest lr of the grid")
    trend = direction(fit)
    if trend == "rises":
        return judged("supported")
    if trend == "falls" and known["smallest_unstable_lr"].notna().all():
        return judged("contradicted")
    return judged("undecided", reason="the interval of the trend holds 0, or the grid ends before the stable lrs do")


def _largest_step(convergence: pd.DataFrame) -> float:
    """Return the largest step between neighbouring lrs of the grid, as a difference of logs."""
    logs = np.log(convergence.sort_values(["batch_size", "lr"])["lr"])
    steps = logs.groupby(convergence["batch_size"]).diff()
    return float(steps.max()) if steps.notna().any() else 0.0


def _by_batch_size(table: pd.DataFrame, column: str) -> dict[int, float]:
    return dict(zip(table["batch_size"], table[column], strict=True))


def large_batch_wants_large_lr(scaling: pd.DataFrame, lr_fit: pd.DataFrame) -> Finding:
    """Judge whether a larger batch wants a larger lr: the exponent of best lr against batch size is above 0."""
    fit = lr_fit.iloc[0]
    evidence = {name: fit[name] for name in ("exponent", "exponent_low", "exponent_high", "batch_sizes", "left_out")}
    judged = functools.partial(
        Finding,
        "large_batch_lr",
        "A large batch wants a larger lr",
        how="Exponent of the best lr (by iterations) against batch size, best lrs on the edge of the grid left out, "
        "its 95 % interval against 0.",
        evidence=evidence | {"best_lr": _by_batch_size(scaling, "best_lr")},
    )
    verdict: Verdict = (
        "supported" if fit["exponent_low"] > 0 else "contradicted" if fit["exponent_high"] < 0 else "undecided"
    )
    if verdict != "undecided":
        return judged(verdict)
    if np.isnan(fit["exponent_low"]):
        points, left_out = count(fit["batch_sizes"]), count(fit["left_out"])
        return judged(
            verdict,
            reason=f"{points} batch sizes have a best lr inside the grid ({left_out} on its edge), and 3 are needed",
        )
    return judged(verdict, reason="the interval of the exponent holds 0")
