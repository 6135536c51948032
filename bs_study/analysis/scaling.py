"""Best lr per batch size, stable band, scaling rule."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import pandas as pd

from bs_study.analysis.best import best
from bs_study.analysis.fit import Line, log_line
from bs_study.words import typed

Cells = Collection[tuple[int, float]]
Lrs = list[float]


def scaling(
    convergence: pd.DataFrame,
    trials: pd.DataFrame,
    *,
    smoothness: pd.DataFrame | None = None,
    grid: Cells = (),
) -> pd.DataFrame:
    """Return which lrs work at each batch size.

    Args:
        convergence: gives the lrs that reach the target: those whose median seed did.
        trials: the ended ones.
        smoothness: gives each trial's stability in its first 1000 iterations. Without it, all that didn't diverge count
            as stable.
        grid: further (batch size, lr) cells that were asked for and have not ended: they move the grid's edge only.

    Returns:
        batch_size; best_lr (by iterations; missing where none reached); largest_stable_lr: the largest lr of which all
        trials whose stability is known are stable; smallest_unstable_lr: the next above it (the smallest of all if
        none is stable), where one is unstable or diverged; band_low_lr, band_high_lr: the smallest and largest lr that
        reach the target, band_octaves = log2(high / low), band_gaps: lrs between them that don't; diverged_share of
        the trials; best_lr_on_edge: '', 'low', 'high', or 'both' where the grid has this lr alone; lrs_to_add: two more
        beyond that edge, in the grid's own steps, as '1.28, 2.56'; lr_step: the ratio of neighbouring lrs there
        (missing for one lr).
    """
    best_lr = best(convergence).set_index("batch_size")["best_lr_by_iterations"]
    is_stable = _stability(trials, smoothness)
    diverged = (trials["status"] == "diverged").groupby(trials["batch_size"]).mean()
    rows = []
    for size in best_lr.index:
        cells = convergence[convergence["batch_size"] == size]
        lrs = sorted({*cells["lr"], *(lr for other, lr in grid if other == size)})
        rows.append(
            {"batch_size": size, "best_lr": best_lr[size]}
            | _stable_lrs({lr: stable for (other, lr), stable in is_stable.items() if other == size})
            | _band(cells)
            | {"diverged_share": diverged[size]}
            | _edge(lrs, best_lr=best_lr[size])
        )
    return pd.DataFrame(rows, columns=_COLUMNS)


_COLUMNS = [
    "batch_size",
    "best_lr",
    "largest_stable_lr",
    "smallest_unstable_lr",
    "band_low_lr",
    "band_high_lr",
    "band_octaves",
    "band_gaps",
    "diverged_share",
    "best_lr_on_edge",
    "lrs_to_add",
    "lr_step",
]


def _stability(trials: pd.DataFrame, smoothness: pd.DataFrame | None) -> dict[tuple[int, float], bool]:
    """Return for each cell of which it is known whether all its trials are stable."""
    if smoothness is None:
        known = trials[trials["status"].isin(["completed", "diverged"])]
        is_stable = known["status"] == "completed"
    else:
        known = smoothness[(smoothness["window"] == "first_1000") & smoothness["stability"].notna()]
        is_stable = known["stability"] == "stable"
    return dict(is_stable.groupby([known["batch_size"], known["lr"]]).all().items())  # type: ignore[arg-type]


def _stable_lrs(is_stable: dict[float, bool]) -> dict[str, float]:
    largest = max((lr for lr, stable in is_stable.items() if stable), default=np.nan)
    beyond = min((lr for lr in is_stable if not lr <= largest), default=np.nan)
    return {"largest_stable_lr": largest, "smallest_unstable_lr": beyond}


def _band(cells: pd.DataFrame) -> dict[str, float]:
    reached = cells.loc[cells["iterations_to_target"].notna(), "lr"]
    low, high = float(reached.min()), float(reached.max())
    between = cells["lr"].between(low, high).sum()
    octaves = float(np.log2(high / low)) if len(reached) else np.nan
    gaps = float(between - len(reached)) if len(reached) else np.nan
    return {"band_low_lr": low, "band_high_lr": high, "band_octaves": octaves, "band_gaps": gaps}


def _edge(lrs: Lrs, *, best_lr: float) -> dict[str, object]:
    """Return on which edge of the grid the best lr lies, what to add there, and the grid's step."""
    below, above = [lr for lr in lrs if lr < best_lr], [lr for lr in lrs if lr > best_lr]
    sides = [name for name, beyond in (("low", below), ("high", above)) if not beyond]
    edge = "" if np.isnan(best_lr) else "both" if len(sides) == 2 else "".join(sides)
    steps = [best_lr / below[-1]] if below else []
    steps += [above[0] / best_lr] if above else []
    to_add = _lrs_beyond(best_lr, edge=edge, step=max(steps, default=2.0))
    return {"best_lr_on_edge": edge, "lrs_to_add": to_add, "lr_step": max(steps, default=np.nan)}


def _lrs_beyond(lr: float, *, edge: str, step: float) -> str:
    lower = [lr / step**2, lr / step] if edge in ("low", "both") else []
    higher = [lr * step, lr * step**2] if edge in ("high", "both") else []
    return ", ".join(typed(float(f"{value:.4g}")) for value in lower + higher)


def lr_fit(scaling: pd.DataFrame) -> pd.DataFrame:
    """Return the exponent p of best lr = c * batch_size^p, as one row.

    Least squares on logs. Best lrs on an edge of the grid are left out: the true one may lie beyond it, at an unknown
    distance. A best lr is known to a step of the grid only, so the interval is at least what that error alone gives
    (the largest step of the batch sizes that count, see `fit.line`). Below three batch sizes there is no interval.

    Returns:
        exponent, exponent_low, exponent_high (95 %), log_lr_at_one (log c), batch_sizes (points), left_out (those on an
        edge), verdict: which of linear (1) and square root (1/2) the interval holds.
    """
    known = scaling[scaling["best_lr"].notna()]
    inside = known[known["best_lr_on_edge"] == ""]
    resolution = float(np.log(inside["lr_step"].astype(float)).max()) if len(inside) else 0.0
    fit = log_line(inside["batch_size"], inside["best_lr"], resolution=resolution)
    row = {
        "exponent": fit.slope,
        "exponent_low": fit.low,
        "exponent_high": fit.high,
        "log_lr_at_one": fit.intercept,
        "batch_sizes": fit.points,
        "left_out": len(known) - len(inside),
        "verdict": _verdict(fit),
    }
    return pd.DataFrame([row])


def _verdict(fit: Line) -> str:
    if np.isnan(fit.low):
        return f"undecided: {fit.points} batch sizes have a best lr inside the grid, and an interval needs 3"
    rules = (("linear (1)", 1.0), ("square root (1/2)", 0.5), ("a constant lr (0)", 0.0))
    possible = [name for name, exponent in rules if fit.low <= exponent <= fit.high]
    refuted = [name for name, exponent in rules if not fit.low <= exponent <= fit.high]
    if not possible:
        return "neither linear (1), nor square root (1/2), nor a constant lr (0) is within the interval"
    if not refuted:
        return "undecided: linear (1), square root (1/2) and a constant lr (0) are all within the interval"
    return f"{' and '.join(possible)} within the interval, {' and '.join(refuted)} not"
