"""Verdicts: what the batch size does to the loss curve and to the lrs that work.

All are judged at the level that one of several claims has (`verdict.CLAIM_CONFIDENCE`), by trends with one point per
batch size. The frames are those of one recipe.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from bs_study.analysis.fit import MIN_FOR_INTERVAL, Line, log_line
from bs_study.analysis.lr_fit import lr_fit
from bs_study.analysis.noise import noise_slope, noise_trend
from bs_study.analysis.verdict import CLAIM_CONFIDENCE, Doubt, Verdict, judged

_SLOPE = ("slope", "slope_low", "slope_high")


def noise_falls(
    smoothness: pd.DataFrame,
    *,
    examples_per_iteration: pd.Series[float] | None = None,
    confidence: float = CLAIM_CONFIDENCE,
) -> Verdict:
    """Judge whether the loss oscillates less as the batch grows.

    The trend of log noise on log batch size over all lrs together, in the first 1000 iterations. Supported: it falls,
    and it rises neither at an lr alone nor at an equal loss level. Contradicted: it rises, it falls at no lr, and at an
    equal loss level it rises too, as does the spread about the rolling median there. The latter tell noise from the
    steep curve of a large batch that learns in few iterations.

    Args:
        smoothness: a row per trial and window.
        examples_per_iteration: as of `noise_slope`.
    """
    judged_windows = smoothness[smoothness["window"].isin(["first_1000", "equal_loss"])]
    how: Any = {"examples_per_iteration": examples_per_iteration, "confidence": confidence}
    trends, lrs = noise_trend(judged_windows, **how), noise_slope(judged_windows, **how)
    first, level = (
        _tally(*(table[table["window"] == window] for table in (trends, lrs)))
        for window in ("first_1000", "equal_loss")
    )
    evidence = {name: first[name] for name in (*_SLOPE, "batch_sizes")} | {"confidence": confidence}
    evidence |= {"first_1000": first, "equal_loss": level}
    doubts = _noise_doubts(first, level)
    if not doubts and first["slope_low"] > 0:
        spread = np.sqrt(judged_windows["detrended_variance"].astype(float))
        at_level = judged_windows.assign(noise=spread)[judged_windows["window"] == "equal_loss"]
        is_noise = level["slope_low"] > 0 and noise_trend(at_level, **how)["slope_low"].iloc[0] > 0
        doubts = [] if is_noise else [Doubt("equal_loss_unclear")]
    return judged("noise", doubts=doubts, supports=first["slope_high"] < 0, evidence=evidence)


def _tally(trend: pd.DataFrame, lrs: pd.DataFrame) -> dict[str, Any]:
    """Return the trend over all lrs, and at how many lrs alone the noise falls and rises for certain."""
    row = trend.iloc[0] if len(trend) else dict.fromkeys(_SLOPE, np.nan) | {"lrs": 0, "batch_sizes": 0}
    return {
        **{name: float(row[name]) for name in _SLOPE},
        "batch_sizes": int(row["batch_sizes"]),
        "lrs": int(row["lrs"]),
        "falls": int((lrs["slope_high"] < 0).sum()),
        "rises": int((lrs["slope_low"] > 0).sum()),
        "slopes": dict(zip(lrs["lr"], lrs["slope"], strict=True)),
    }


def _noise_doubts(first: dict[str, Any], level: dict[str, Any]) -> list[Doubt]:
    if np.isnan(first["slope_low"]):
        return [Doubt("few_batch_sizes", count=first["batch_sizes"])]
    if first["slope_low"] <= 0 <= first["slope_high"]:
        return [Doubt("slope_unclear")]
    falls = first["slope_high"] < 0
    at_an_lr = first["rises" if falls else "falls"] > 0
    at_level = level["slope_low"] > 0 if falls else level["slope_high"] < 0
    return [Doubt("mixed")] if at_an_lr or at_level else []


def small_batch_needs_small_lr(scaling: pd.DataFrame, *, confidence: float = CLAIM_CONFIDENCE) -> Verdict:
    """Judge whether a small batch needs a small lr, and spikes, gets stuck or diverges with too large a one.

    The trend of the largest stable lr against batch size, on log axes. It is known to a step of the grid only: the
    largest ratio of an unstable lr to the stable one below it. Supported: it rises, and too large an lr was seen at the
    smallest batch size. A batch size that is stable up to the largest lr counts with that lr, which can only hide a
    rise. Contradicted: it falls, and no batch size is stable up to the largest lr. A batch size without a stable lr is
    below all others: it speaks against a rise unless it is the smallest, and against a fall unless it is the largest.
    """
    scaling = scaling.sort_values("batch_size")
    known = scaling[scaling["largest_stable_lr"].notna()]
    steps = known["smallest_unstable_lr"].astype(float) / known["largest_stable_lr"].astype(float)
    fit = log_line(
        known["examples_per_iteration"],
        known["largest_stable_lr"],
        resolution=float(np.log(steps.max())) if steps.notna().any() else 0.0,
        confidence=confidence,
    )
    evidence = fit.evidence(confidence) | {"largest_stable_lr": _by_batch_size(scaling, "largest_stable_lr")}
    doubts = _stability_doubts(scaling, known, fit)
    return judged("small_batch_lr", doubts=doubts, supports=fit.low > 0, evidence=evidence)


def _stability_doubts(scaling: pd.DataFrame, known: pd.DataFrame, fit: Line) -> list[Doubt]:
    if len(scaling) and scaling["lrs"].max() < 2:
        return [Doubt("few_lrs", count=int(scaling["lrs"].max()))]
    if len(known) < MIN_FOR_INTERVAL:
        return [Doubt("few_batch_sizes", count=len(known))]
    to_the_edge = known.loc[known["smallest_unstable_lr"].isna(), "batch_size"]
    hiding = to_the_edge if fit.high < 0 else to_the_edge[to_the_edge == scaling["batch_size"].iloc[0]]
    if len(hiding):
        return [Doubt("stable_to_the_edge", batch_size=int(size)) for size in hiding]
    if fit.low <= 0 <= fit.high:
        return [Doubt("slope_unclear")]
    sizes = known["batch_size"]
    without = scaling.loc[scaling["largest_stable_lr"].isna() & scaling["smallest_unstable_lr"].notna(), "batch_size"]
    against = without > sizes.min() if fit.low > 0 else without < sizes.max()
    return [Doubt("never_stable", batch_size=int(size)) for size in without[against]]


def large_batch_wants_large_lr(scaling: pd.DataFrame, *, confidence: float = CLAIM_CONFIDENCE) -> Verdict:
    """Judge whether a larger batch wants a larger lr: whether the exponent of the best lr lies above 0 or below it.

    Best lrs on the edge of the grid are left out, and named where too few others are left.

    Args:
        scaling: gives the best lrs.
    """
    fits = lr_fit(scaling, confidence=confidence)
    names = ("exponent", "exponent_low", "exponent_high", "batch_sizes", "left_out", "saturates_at")
    fit = dict(fits.iloc[0]) if len(fits) else dict.fromkeys(names, np.nan) | {"batch_sizes": 0, "left_out": 0}
    evidence = {name: fit[name] for name in names} | {"confidence": confidence}
    evidence |= {"best_lr": _by_batch_size(scaling, "best_lr")}
    doubts = _best_lr_doubts(scaling, fit)
    return judged("large_batch_lr", doubts=doubts, supports=fit["exponent_low"] > 0, evidence=evidence)


def _best_lr_doubts(scaling: pd.DataFrame, fit: dict[str, Any]) -> list[Doubt]:
    if scaling["best_lr"].isna().all():
        return [Doubt("nothing_reached")]
    if np.isnan(fit["exponent_low"]):
        on_edge = scaling.loc[scaling["best_lr_on_edge"] != "", ["batch_size", "best_lr"]]
        edges = [Doubt("lr_on_edge", batch_size=int(b), lr=lr) for b, lr in on_edge.itertuples(index=False, name=None)]
        return [Doubt("few_batch_sizes", count=int(fit["batch_sizes"])), *edges]
    return [Doubt("slope_unclear")] if fit["exponent_low"] <= 0 <= fit["exponent_high"] else []


def _by_batch_size(table: pd.DataFrame, column: str) -> dict[int, float]:
    return dict(zip(table["batch_size"], table[column], strict=True))
