"""Which lrs work at each batch size: the best, the stable ones, the band that reaches the target."""

from __future__ import annotations

import collections
import itertools
from collections.abc import Collection
from typing import Any

import numpy as np
import pandas as pd

from bs_study.analysis.throughput import examples_per_iteration

Cells = Collection[tuple[str, int, float]]
_TIME = "iterations_to_target"


def scaling(
    convergence: pd.DataFrame,
    trials: pd.DataFrame,
    *,
    best: pd.DataFrame,
    smoothness: pd.DataFrame | None = None,
    grid: Cells = (),
) -> pd.DataFrame:
    """Return which lrs work, a row per recipe and batch size.

    Args:
        convergence: gives the lrs that reach the target: those whose median seed did.
        trials: the ended ones.
        best: gives the best lr of each batch size by iterations.
        smoothness: gives each trial's stability in its first 1000 iterations. Without it, all that didn't diverge count
            as stable, but for those that were outrun.
        grid: further (recipe, batch size, lr) cells that were asked for and have not ended: they move the grid's edge
            only.

    Returns:
        recipe, batch_size; examples_per_iteration (the batch size of a point of a trend); lrs (tried and ended).
        best_lr (by iterations; missing where none reached); largest_tied_lr: the largest lr that is as good, itself if
        none; interpolated_lr: the vertex of the parabola through the best lr and its neighbours on log axes, within
        half a step of it (their middle where lrs tie; the best lr where a neighbour did not reach).
        best_lr_on_edge: '', 'low', 'high', or 'both' where all lrs of the grid are as good; add_lr_1, add_lr_2: two
        lrs beyond that edge in the grid's own step, one on each side for 'both', missing without an edge; lr_step: the
        largest ratio of the best lr to a neighbour in the grid (missing for one lr).
        largest_stable_lr: the largest lr of which all trials whose stability is known are stable;
        smallest_unstable_lr: the next lr above it (the smallest of all if none is stable) of which a trial is not.
        band_low_lr, band_high_lr: the smallest and largest lr that reach the target, band_octaves = log2(high / low),
        band_gaps: lrs between them that don't; diverged_share of the trials.
    """
    cells = convergence.assign(recipe=convergence.get("recipe", "")).sort_values("lr")
    ended = trials.assign(recipe=trials.get("recipe", ""))
    by_size = dict(list(cells.groupby(["recipe", "batch_size"])))
    of_best = best.assign(recipe=best.get("recipe", "")).set_index(["recipe", "batch_size"])
    is_stable = _is_stable(ended, smoothness)
    asked: dict[Any, set[float]] = collections.defaultdict(set)
    for recipe, size, lr in grid:
        asked[recipe, size].add(lr)
    examples: dict[Any, float] = examples_per_iteration(ended).to_dict()
    is_diverged = ended["status"] == "diverged"
    diverged: dict[Any, Any] = is_diverged.groupby([ended["recipe"], ended["batch_size"]]).mean().to_dict()
    best_lr: dict[Any, float] = of_best["best_lr_by_iterations"].to_dict()
    rows = []
    for key, lr in best_lr.items():
        of_size = by_size[key]
        lrs = sorted(asked[key].union(of_size["lr"]))
        rows.append(
            dict(zip(("recipe", "batch_size"), key, strict=True))
            | {"examples_per_iteration": examples[key], "lrs": len(of_size), "best_lr": lr}
            | _edge(lrs, of_size, best_lr=lr)
            | _stable_lrs(is_stable.get(key, {}))
            | _band(of_size)
            | {"diverged_share": diverged[key]}
        )
    return pd.DataFrame(rows, columns=_COLUMNS)


_COLUMNS = [
    "recipe",
    "batch_size",
    "examples_per_iteration",
    "lrs",
    "best_lr",
    "largest_tied_lr",
    "interpolated_lr",
    "best_lr_on_edge",
    "add_lr_1",
    "add_lr_2",
    "lr_step",
    "largest_stable_lr",
    "smallest_unstable_lr",
    "band_low_lr",
    "band_high_lr",
    "band_octaves",
    "band_gaps",
    "diverged_share",
]


def _is_stable(trials: pd.DataFrame, smoothness: pd.DataFrame | None) -> dict[Any, dict[float, bool]]:
    """Return by recipe and batch size, for each lr of which it is known, whether all its trials are stable."""
    if smoothness is None:
        is_cut_off = trials.get("stop_reason", pd.Series("", index=trials.index)) == "outrun"
        known = trials[trials["status"].isin(["completed", "diverged"]) & ~is_cut_off]
        is_stable = known["status"] == "completed"
    else:
        known = smoothness[(smoothness["window"] == "first_1000") & smoothness["stability"].notna()]
        known = known.assign(recipe=known.get("recipe", ""))
        is_stable = known["stability"] == "stable"
    of_cells: dict[Any, bool] = is_stable.groupby([known["recipe"], known["batch_size"], known["lr"]]).all().to_dict()
    by_size: dict[Any, dict[float, bool]] = collections.defaultdict(dict)
    for (recipe, size, lr), stable in of_cells.items():
        by_size[recipe, size][lr] = stable
    return by_size


def _stable_lrs(is_stable: dict[float, bool]) -> dict[str, float]:
    largest = max((lr for lr, stable in is_stable.items() if stable), default=np.nan)
    beyond = min((lr for lr in is_stable if not lr <= largest), default=np.nan)
    return {"largest_stable_lr": largest, "smallest_unstable_lr": beyond}


def _band(cells: pd.DataFrame) -> dict[str, float]:
    reached = cells.loc[cells[_TIME].notna(), "lr"]
    low, high = float(reached.min()), float(reached.max())
    between = cells["lr"].between(low, high).sum()
    octaves = float(np.log2(high / low)) if len(reached) else np.nan
    gaps = float(between - len(reached)) if len(reached) else np.nan
    return {"band_low_lr": low, "band_high_lr": high, "band_octaves": octaves, "band_gaps": gaps}


def _edge(lrs: list[float], cells: pd.DataFrame, *, best_lr: float) -> dict[str, object]:
    """Return which lrs are as good as the best, on which edge of the grid they lie, and which to add there."""
    if np.isnan(best_lr):
        return {"best_lr_on_edge": ""}
    times = cells.set_index("lr")[_TIME]
    largest = float(times.index[times == times.min()].max())
    around = lrs[max(0, lrs.index(best_lr) - 1) : lrs.index(largest) + 2]
    steps = [above / below for below, above in itertools.pairwise(around)]
    step = max(steps, default=2.0)
    is_lowest, is_highest = best_lr == lrs[0], largest == lrs[-1]
    below, above = best_lr / step, largest * step
    edge, first, second = {
        (True, True): ("both", below, above),
        (True, False): ("low", below / step, below),
        (False, True): ("high", above, above * step),
        (False, False): ("", np.nan, np.nan),
    }[is_lowest, is_highest]
    return {
        "largest_tied_lr": largest,
        "interpolated_lr": _vertex(times.reindex(around)) if best_lr == largest else np.sqrt(best_lr * largest),
        "best_lr_on_edge": edge,
        "add_lr_1": float(f"{first:.4g}"),
        "add_lr_2": float(f"{second:.4g}"),
        "lr_step": max(steps, default=np.nan),
    }


def _vertex(times: pd.Series[float]) -> float:
    """Return where the parabola through three times has its least, on log axes; of fewer, the lr of the least time."""
    if len(times) < 3 or times.isna().any():
        return float(times.index[int(times.argmin())])
    curvature, slope, _ = np.polyfit(np.log(times.index.to_numpy(float)), np.log(times.to_numpy(float)), 2)
    return float(np.exp(-slope / (2 * curvature)))
