"""Verdicts: how the gradients of consecutive iterations go with the batch size, and where lrs stop being stable.

The frames are those of one recipe. Each batch size is judged at one lr, its best.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import pandas as pd
from scipy import stats

from bs_study.analysis.fit import CONFIDENCE, MIN_FOR_INTERVAL, FloatArray, Line, line
from bs_study.analysis.verdict import CLAIM_CONFIDENCE, Claim, Doubt, Verdict, judged

Window = Literal["early", "late"]
CLAIM_OF: dict[Window, Claim] = {"early": "gradients_early", "late": "gradients_late"}


def gradients_agree(
    noise_scale: pd.DataFrame,
    *,
    window: Window,
    lrs: Mapping[int, float],
    examples_per_iteration: Mapping[int, float] | None = None,
    confidence: float = CLAIM_CONFIDENCE,
) -> Verdict:
    """Judge whether gradients of consecutive iterations agree more as the batch grows, in one window of training.

    The trend of their mean cosine on log batch size. Its error is never taken to be less than the errors of the means
    make it, since those of small batches rest on few probes. Supported: it rises. Contradicted: it falls. Apart from
    that, `against` has the batch sizes whose consecutive gradients point against each other (see `_points_against`).

    Args:
        lrs: at which each batch size is judged.
        examples_per_iteration: by batch size, where that is not the batch size itself.
    """
    rows = noise_scale[(noise_scale["window"] == window) & noise_scale["cos_next"].notna()]
    rows = rows[rows["lr"] == rows["batch_size"].map(lrs)].sort_values("batch_size")
    sizes = [int(size) for size in rows["batch_size"]]
    x = [(examples_per_iteration or {}).get(size, size) for size in sizes]
    fit = _trend(np.log(x), rows, confidence=confidence)
    is_against = [_points_against(row, looks=2 * len(rows)) for row in rows.to_dict("records")]
    evidence = {
        **fit.evidence(confidence),
        "cos_next": dict(zip(sizes, rows["cos_next"], strict=True)),
        "cos_expected": dict(zip(sizes, rows["cos_expected"], strict=True)),
        "lr": {size: lrs[size] for size in sizes},
        "against": [size for size, is_so in zip(sizes, is_against, strict=True) if is_so],
    }
    doubts = []
    if len(sizes) < MIN_FOR_INTERVAL:
        doubts.append(Doubt("few_batch_sizes", count=len(sizes)))
    elif not (fit.low > 0 or fit.high < 0):
        doubts.append(Doubt("slope_unclear"))
    return judged(CLAIM_OF[window], doubts=doubts, supports=fit.low > 0, evidence=evidence)


def _trend(x: FloatArray, rows: pd.DataFrame, *, confidence: float) -> Line:
    """Return the line of the mean cosines on x, its interval at least as wide as the errors of these means make it."""
    fit = line(x, rows["cos_next"], confidence=confidence)
    if np.isnan(fit.low):
        return fit
    pairs = rows["cos_pairs"].to_numpy(float)
    of_means = (rows["cos_next_high"] - rows["cos_next"]) / _student(CONFIDENCE, pairs - 1)
    of_pairs = (of_means * np.sqrt(pairs)).to_numpy(float)
    known = of_pairs[np.isfinite(of_pairs)]
    errors = np.where(np.isfinite(of_pairs), of_pairs, known.max(initial=0.0)) / np.sqrt(pairs)  # one pair has none
    away = x - x.mean()
    error = np.sqrt(np.sum((away * errors) ** 2)) / np.sum(away**2)
    half = max(fit.high - fit.slope, float(error * _student(confidence, fit.points - 2)))
    return fit._replace(low=fit.slope - half, high=fit.slope + half)


def _student(confidence: float, degrees: FloatArray | float) -> FloatArray:
    """Return Student's t at which two-sided intervals end; NaN without degrees of freedom."""
    return np.asarray(stats.t.ppf((1 + confidence) / 2, degrees))


def _points_against(row: Mapping[Any, Any], *, looks: int) -> bool:
    """Return whether consecutive gradients point against each other, more than such batches of epochs do at one point.

    The interval of their mean cosine lies below 0, and below the least cosine that these batches have as they were
    drawn, by the interval of the noise scale. Of so many looks the interval is right together at 95 %.
    """
    pairs, mean, high, least = (row[name] for name in ("cos_pairs", "cos_next", "cos_next_high", "cos_disjoint_low"))
    if not (pairs > 1 and np.isfinite([high, least]).all()):
        return False
    wider = _student(1 - (1 - CONFIDENCE) / looks, pairs - 1) / _student(CONFIDENCE, pairs - 1)
    return bool(mean + (high - mean) * wider < min(0.0, least))


def stable_lr_at_limit(stable: pd.DataFrame, scaling: pd.DataFrame, *, confidence: float = CLAIM_CONFIDENCE) -> Verdict:
    """Judge whether the largest stable lr lies where lr times sharpness is at the limit, 2 (1 + momentum).

    A batch size is at the limit if the interval of its share lies within a step of the lrs tried, f: from 1/f to f. It
    is off the limit if the interval lies outside. Supported: all batch sizes are at it, three at least. Contradicted:
    all are off it.

    Args:
        stable: of `stable_lrs`, at the same confidence.
        scaling: names batch sizes that are stable up to the largest lr tried.
    """
    known = stable[stable["smallest_unstable_lr"].notna()].sort_values("batch_size")
    sizes = [int(size) for size in known["batch_size"]]
    step = np.log((known["smallest_unstable_lr"] / known["largest_stable_lr"]).to_numpy(float))
    ends = np.log(known[["share_low", "share_high"]].to_numpy(float)).reshape(-1, 2)
    is_at = (ends[:, 0] >= -step) & (ends[:, 1] <= step)
    is_off = (ends[:, 0] > step) | (ends[:, 1] < -step)
    evidence: dict[str, Any] = {
        "batch_sizes": len(known),
        "confidence": confidence,
        "at_limit": [size for size, is_so in zip(sizes, is_at, strict=True) if is_so],
        "off_limit": [size for size, is_so in zip(sizes, is_off, strict=True) if is_so],
        "largest_stable_lr": dict(zip(sizes, known["largest_stable_lr"], strict=True)),
        "stability_share": dict(zip(sizes, known["stability_share"], strict=True)),
        "stability_share_at_next_lr": dict(zip(sizes, known["share_beyond"], strict=True)),
    }
    doubts = _limit_doubts(stable, scaling, known, is_told=is_at | is_off)
    if not doubts and not (is_at.all() or is_off.all()):
        doubts = [Doubt("mixed")]
    return judged("stable_lr_at_limit", doubts=doubts, supports=bool(is_at.all()), evidence=evidence)


def _limit_doubts(
    stable: pd.DataFrame, scaling: pd.DataFrame, known: pd.DataFrame, *, is_told: np.ndarray
) -> list[Doubt]:
    if stable.empty:
        return [Doubt("no_curvature")]
    if len(known) < MIN_FOR_INTERVAL:
        is_to_edge = scaling["largest_stable_lr"].notna() & scaling["smallest_unstable_lr"].isna()
        edges = [Doubt("stable_to_the_edge", batch_size=int(size)) for size in scaling.loc[is_to_edge, "batch_size"]]
        return [Doubt("few_batch_sizes", count=len(known)), *edges]
    sizes = known["batch_size"].astype(int)
    decayed = [Doubt("lr_decayed", batch_size=size) for size in sizes[known["has_decayed"]]]
    alone = known["share_low"].isna()
    one_seed = [Doubt("one_seed", batch_size=size) for size in sizes[alone]]
    return [*decayed, *one_seed] or [Doubt("limit_unclear", batch_size=size) for size in sizes[~is_told]]
