"""The largest stable lr of each batch size beside the limit that the sharpness of its trials sets."""

from __future__ import annotations

from collections.abc import Hashable

import numpy as np
import pandas as pd
from scipy import stats

from bs_study.analysis.fit import CONFIDENCE, FloatArray
from bs_study.analysis.spread import seed_spread

_PLACE = ["recipe", "batch_size"]
COLUMNS = [
    *_PLACE,
    *("largest_stable_lr", "smallest_unstable_lr", "trials", "stability_share", "share_low", "share_high"),
    *("share_beyond", "limit_lr", "limit_low", "limit_high", "has_decayed"),
]


def stable_lrs(
    scaling: pd.DataFrame, sharpness: pd.DataFrame, trials: pd.DataFrame, *, confidence: float = CONFIDENCE
) -> pd.DataFrame:
    """Return the largest stable lr of each recipe and batch size, and the stability limit by its trials' sharpness.

    On a quadratic of curvature h gradient descent is stable below the lr 2 (1 + momentum) / h. The largest lr that is
    stable is known to lie from the largest stable one tried up to the next.

    Args:
        scaling: gives the largest stable lr, and the next one above it.
        sharpness: gives the share of the limit at each cell; missing where no eigenvalue or no such limit is known.
        trials: give the eigenvalue of each seed; of weights that have diverged none counts.
        confidence: of the share's interval, by the spread of log eigenvalues over seeds (`seed_spread`).

    Returns:
        recipe, batch_size, largest_stable_lr, smallest_unstable_lr (missing where all lrs are stable); of the trials at
        the former: trials (with an eigenvalue), stability_share (lr over limit) with low and high (missing below two
        seeds), share_beyond (the same at the next lr), limit_lr (the lr at which the share is 1) with its interval,
        has_decayed (whether the lr at the end, where the eigenvalue was taken, was below the trial's). Batch sizes
        without a share at their largest stable lr are left out.
    """
    if scaling.empty or sharpness.empty:
        return pd.DataFrame(columns=COLUMNS)
    cells = sharpness[[*_PLACE, "lr", "stability_share", "step_lr"]]
    table = scaling[[*_PLACE, "largest_stable_lr", "smallest_unstable_lr"]]
    table = table.merge(cells.rename(columns={"lr": "largest_stable_lr"}), on=[*_PLACE, "largest_stable_lr"])
    table = table[table["stability_share"] > 0]
    beyond = cells.rename(columns={"lr": "smallest_unstable_lr", "stability_share": "share_beyond"})
    table = table.merge(beyond.drop(columns="step_lr"), how="left", on=[*_PLACE, "smallest_unstable_lr"])
    logs = _log_eigenvalues(trials)
    spread = seed_spread(logs, resolution={})
    ends = []
    for key in table[[*_PLACE, "largest_stable_lr"]].itertuples(index=False, name=None):
        count, known = len(logs.get(key, ())), spread.of(key)
        half = np.nan
        if known is not None and count > 1:
            half = float(stats.t.ppf((1 + confidence) / 2, known[1])) * np.sqrt(known[0] / count)
        ends.append((count, np.exp(-half), np.exp(half)))
    seeds, low, high = np.array(ends, float).reshape(-1, 3).T
    share, lr = table["stability_share"], table["largest_stable_lr"]
    table = table.assign(trials=seeds.astype(int), share_low=share * low, share_high=share * high, limit_lr=lr / share)
    table = table.assign(limit_low=lr / table["share_high"], limit_high=lr / table["share_low"])
    return table.assign(has_decayed=table["step_lr"] < lr * (1 - 1e-9))[COLUMNS]


def _log_eigenvalues(trials: pd.DataFrame) -> dict[Hashable, FloatArray]:
    if "largest_eigenvalue" not in trials:
        return {}
    known = trials[(trials["status"] == "completed") & (trials["largest_eigenvalue"] > 0)]
    return {key: np.log(own["largest_eigenvalue"].to_numpy(float)) for key, own in known.groupby([*_PLACE, "lr"])}
