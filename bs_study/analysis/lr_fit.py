"""How the best lr goes with the batch size: a power law, and where it saturates."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from bs_study.analysis.fit import CONFIDENCE, MIN_FOR_INTERVAL, FloatArray, Line, log_line

LAWS = {"holds_linear": 1.0, "holds_square_root": 0.5, "holds_constant": 0.0}


def lr_fit(scaling: pd.DataFrame, *, confidence: float = CONFIDENCE) -> pd.DataFrame:
    """Return the exponent p of best lr = c * B^p, and the batch size beyond which it is constant, a row per recipe.

    Least squares on logs, one point per batch size: B is its examples per iteration, the lr its interpolated best. Best
    lrs on an edge of the grid are left out: the true one may lie beyond it, at an unknown distance. The error of a
    point is taken to be at least that of a reading of the grid (the largest step of the points, see `fit.line`).

    Saturation: lr = c * min(B, K)^p with p > 0, where the knee K is a batch size or halfway between two on a log axis,
    and at least three lie at or below it. It is told where it fits better than the line by an F test of its one further
    parameter: F = (RSS of the line - RSS of the knee) / max(RSS of the knee / (n - 3), step^2 / 12) beyond the 95 %
    quantile of F(1, n - 3). Simulated power laws are called saturating in less than 5 % of studies.

    Args:
        scaling: a row per recipe and batch size.
        confidence: of the intervals.

    Returns:
        recipe; exponent, exponent_low, exponent_high, log_lr_at_one (log c): of the line over all points; batch_sizes
        (points), left_out (those on an edge); saturates_at: K, exponent_below (p) with _low and _high (all that fit,
        whatever the knee) and saturated_lr (c * K^p), all missing where no saturation is told; holds_linear,
        holds_square_root, holds_constant: whether the interval of the exponent holds 1, 1/2 and 0. It is that below the
        knee where saturation is told. Where a knee fits better than the line, though not enough to be told, either
        interval may hold it. Missing where there is no interval, as with fewer than three points.
    """
    table = scaling.assign(recipe=scaling.get("recipe", ""))
    rows = [{"recipe": name} | _row(rows, confidence) for name, rows in table.groupby("recipe", sort=False)]
    return pd.DataFrame(rows, columns=_COLUMNS).astype(dict.fromkeys(LAWS, "boolean"))


_COLUMNS = [
    "recipe",
    "exponent",
    "exponent_low",
    "exponent_high",
    "log_lr_at_one",
    "batch_sizes",
    "left_out",
    "saturates_at",
    "exponent_below",
    "exponent_below_low",
    "exponent_below_high",
    "saturated_lr",
    *LAWS,
]


def _row(scaling: pd.DataFrame, confidence: float) -> dict[str, object]:
    known = scaling[scaling["best_lr"].notna()]
    inside = known[known["best_lr_on_edge"] == ""]
    step = float(np.log(inside["lr_step"].astype(float)).max()) if len(inside) else 0.0
    examples, lrs = (inside[name].to_numpy(float) for name in ("examples_per_iteration", "interpolated_lr"))
    fit = log_line(examples, lrs, resolution=step, confidence=confidence)
    knee = _knee(np.log(examples), np.log(lrs), step=step, confidence=confidence)
    below = knee if knee and knee.is_told else _NO_KNEE
    return {
        "exponent": fit.slope,
        "exponent_low": fit.low,
        "exponent_high": fit.high,
        "log_lr_at_one": fit.intercept,
        "batch_sizes": fit.points,
        "left_out": len(known) - len(inside),
        "saturates_at": np.exp(below.at),
        "exponent_below": below.slope,
        "exponent_below_low": below.low,
        "exponent_below_high": below.high,
        "saturated_lr": np.exp(below.level),
        **{law: _holds(exponent, fit, knee) for law, exponent in LAWS.items()},
    }


class _Knee(NamedTuple):
    """y = level + slope * min(x - at, 0), the interval of its slope, and whether a line is refuted."""

    at: float
    slope: float
    low: float
    high: float
    level: float
    is_told: bool


_NO_KNEE = _Knee(np.nan, np.nan, np.nan, np.nan, np.nan, is_told=False)


def _holds(exponent: float, fit: Line, knee: _Knee | None) -> bool | None:
    if np.isnan(fit.low):
        return None
    by_line = fit.low <= exponent <= fit.high and not (knee and knee.is_told)
    return bool(by_line or (knee and knee.low <= exponent <= knee.high))


def _knee(x: FloatArray, y: FloatArray, *, step: float, confidence: float) -> _Knee | None:
    """Return the rise that ends at a knee, if it fits better than a line does."""
    distinct, freedom = np.unique(x), len(x) - 3
    if freedom < 1 or len(distinct) <= MIN_FOR_INTERVAL:
        return None
    inner = distinct[MIN_FOR_INTERVAL - 1 : -1]
    at = np.unique(np.concatenate([inner, (inner[1:] + inner[:-1]) / 2, distinct[-1:]]))
    rise = np.minimum(x, at[:, None])  # (knees, points); the last knee is none, its rise is the line
    rise_mean = rise.mean(axis=1)
    spread = np.sum((rise - rise_mean[:, None]) ** 2, axis=1)
    slope = (rise - rise_mean[:, None]) @ (y - y.mean()) / spread
    rss = np.sum((y - y.mean()) ** 2) - slope**2 * spread
    of_line, rss[-1] = rss[-1], np.inf
    rss[slope <= 0] = np.inf
    best = int(rss.argmin())
    variance = max(rss[best] / freedom, step**2 / 12)
    if not rss[best] < of_line:
        return None
    # The slopes of all knees that fit about as well: the profile of the sum of squares.
    room = rss[best] - rss + variance * stats.f.ppf(confidence, 1, freedom)
    half = np.sqrt(np.where(room >= 0, room, np.nan) / spread)
    level = y.mean() + slope[best] * (at[best] - rise_mean[best])
    is_told = of_line - rss[best] > variance * stats.f.ppf(CONFIDENCE, 1, freedom)
    return _Knee(at[best], slope[best], np.nanmin(slope - half), np.nanmax(slope + half), level, is_told)
