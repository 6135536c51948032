"""How sharp the loss is where training ends, and what part of the largest stable lr its lr is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from bs_study.analysis.probes import probes_of, windows_of
from bs_study.analysis.trials import CELL

SHARPNESS = [
    *(*CELL, "trials"),
    *("largest_eigenvalue", "largest_eigenvalue_low", "largest_eigenvalue_high"),
    *("step_lr", "stability_share", "batch_sharpness", "batch_share", "is_beyond"),
]


def stability_share(
    sharpness: pd.Series[float], lr: pd.Series[float], momentum: pd.Series[float], *, is_nesterov: pd.Series[bool]
) -> pd.Series[float]:
    """Return lr over the largest lr at which descent on a quadratic of this sharpness is stable; above 1 it is not.

    With sharpness λ, descent with momentum m shrinks each error as long as lr λ < 2 (1 + m), and Nesterov's, as torch
    has it, as long as lr λ < 2 (1 + m) / (1 + 2 m). An L2 penalty is a part of the loss that is descended: add weight
    decay to λ. Without momentum it is lr λ / 2.

    Sources: the roots of the recursion of each error, as in Goh 2017, Why momentum really works; Cohen et al. 2021,
    Gradient descent on neural networks typically occurs at the edge of stability, appendix B.

    Args:
        sharpness: λ, in nats per example per square of the weights' unit.
        lr: of the iteration.
        momentum: m.
        is_nesterov: whether momentum is Nesterov's.
    """
    limit = 2 * (1 + momentum) / (1 + 2 * momentum.where(is_nesterov, 0.0))
    return sharpness * lr / limit


def sharpness_table(gradients: pd.DataFrame, trials: pd.DataFrame) -> pd.DataFrame:
    """Return the sharpness of each cell, a row per recipe, batch size and lr of which any is known.

    Trials that completed or diverged count: on a quadratic an lr beyond the limit is one that diverges.

    Args:
        gradients: the store's table with its recipe; without columns where there are no probes.
        trials: as `complete_trials` returns them.

    Returns:
        recipe, batch_size, lr; trials of which it is known.
        largest_eigenvalue: of the Hessian at the end, median over seeds; _low, _high: the smallest and the largest.
        step_lr: at the last probe, median over seeds. Of a trial without probes it is the lr, unless that rises or
        falls.
        stability_share: median over seeds of `stability_share` of the two; missing for adam, whose limit is another.
        batch_sharpness: median over the late probes of all seeds. batch_share: median of the share by it.
        is_beyond: stability_share is above 1. Where all trials diverged and left no eigenvalue, batch_share is: no
        quotient gᵀHg / |g|² is larger than the largest eigenvalue of its H. False where both are missing.
    """
    answers = trials[trials["status"].isin(["completed", "diverged"])]
    probes = probes_of(gradients, answers, statuses=("completed", "diverged"))
    last_lr = answers["trial_id"].map(probes.groupby("trial_id")["step_lr"].last()).astype(float)
    of_trial = answers[[*CELL, "trial_id"]].assign(
        has_diverged=answers["status"] == "diverged",
        largest_eigenvalue=_finite(_column(answers, "largest_eigenvalue", np.nan)),
        step_lr=last_lr.fillna(_constant_lr(answers)),
    )
    of_trial["stability_share"] = _share(of_trial["largest_eigenvalue"], of_trial["step_lr"], answers)
    late = windows_of(probes)["late"]
    batch = late[["trial_id"]].assign(batch_sharpness=_finite(late["batch_sharpness"]))
    own = answers.set_index("trial_id").reindex(batch["trial_id"]).set_index(batch.index)
    batch["batch_share"] = _share(batch["batch_sharpness"], late["step_lr"], own)
    batch = batch.merge(of_trial[[*CELL, "trial_id"]], on="trial_id")
    return _table(of_trial, batch[batch["batch_sharpness"].notna()])


def _table(of_trial: pd.DataFrame, batch: pd.DataFrame) -> pd.DataFrame:
    is_known = of_trial["largest_eigenvalue"].notna() | of_trial["trial_id"].isin(batch["trial_id"])
    cells = of_trial[is_known].groupby(CELL)
    eigenvalues = cells["largest_eigenvalue"]
    table = cells[["largest_eigenvalue", "step_lr", "stability_share"]].median()
    table["trials"] = cells.size()
    table["largest_eigenvalue_low"], table["largest_eigenvalue_high"] = eigenvalues.min(), eigenvalues.max()
    table = table.join(batch.groupby(CELL)[["batch_sharpness", "batch_share"]].median())
    by_batch = table["batch_share"].where(table["stability_share"].isna() & cells["has_diverged"].all())
    table["is_beyond"] = table["stability_share"].fillna(by_batch) > 1
    return table.reset_index()[SHARPNESS]


def _share(sharpness: pd.Series[float], lr: pd.Series[float], trials: pd.DataFrame) -> pd.Series[float]:
    """Return the share of each row by the settings of its trial, in a table of the same index."""
    decay = _column(trials, "weight_decay", 0.0)
    is_nesterov = trials["nesterov"].eq(True) if "nesterov" in trials else pd.Series(False, trials.index)
    share = stability_share(sharpness + decay, lr, trials["momentum"].astype(float), is_nesterov=is_nesterov)
    return share.where(trials["optimizer"].str.lower() == "sgd")


def _constant_lr(trials: pd.DataFrame) -> pd.Series[float]:
    decays = trials["lr_decay"].fillna("none").ne("none") if "lr_decay" in trials else pd.Series(False, trials.index)
    warms = _column(trials, "lr_warmup_iterations", 0.0) + _column(trials, "lr_warmup_epochs", 0.0) > 0
    return trials["lr"].astype(float).mask(decays | warms)


def _column(trials: pd.DataFrame, name: str, default: float) -> pd.Series[Any]:
    """Return a column of numbers that the trials may lack."""
    if name not in trials:
        return pd.Series(default, trials.index, dtype=float)
    return pd.to_numeric(trials[name]).astype(float).fillna(default)


def _finite(values: pd.Series[Any]) -> pd.Series[float]:
    return values.astype(float).replace([np.inf, -np.inf], np.nan)
