"""How many updates and examples the target takes at each batch size, each at its best lr."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from bs_study.analysis.comparison import Field
from bs_study.analysis.critical_batch import knee_of, reference_examples
from bs_study.analysis.fit import FloatArray
from bs_study.analysis.recommendation import cell_result
from bs_study.analysis.trials import Cell

CURVE = [
    *("recipe", "batch_size", "lr", "examples_per_iteration", "seeds"),
    *("iterations_to_target", "iterations_to_target_low", "iterations_to_target_high"),
    *("examples_to_target", "examples_to_target_low", "examples_to_target_high"),
    *("lr_gain", "best_lr_on_edge", "look_step", "is_at_most", "censored_rivals"),
    *("overhead", "doubling_saves", "doubling_costs", "fitted_iterations", "slope_low", "slope_high", "regime"),
]


def scaling_curve(
    best: pd.DataFrame, *, scaling: pd.DataFrame, convergence: pd.DataFrame, by_iterations: Field
) -> pd.DataFrame:
    """Return S(B) and E(B), a row per recipe and batch size, the smallest first.

    Args:
        best: names the best lr of each batch size by iterations.
        scaling: tells of each batch size which lrs lie around the best one.
        convergence: of every cell.
        by_iterations: gives the spread over seeds.

    Returns:
        recipe, batch_size, lr (the best by iterations; all that follows is missing where no lr reached the target),
        examples_per_iteration: B of all trends, examples / iterations: the short last batch counts; seeds.
        iterations_to_target: S, the median over seeds; _low, _high: 95 % of a typical seed, the looks in it, the choice
        of the best of the lrs paid for; below, what a better lr between those tried may save too (`lr_gain`, by the
        parabola through the best lr and its neighbours on logs; missing where a neighbour did not reach the target),
        and 0 where the best lr lies on an edge (`best_lr_on_edge`). Missing with one seed.
        examples_to_target: E = B S, with its ends. look_step: log of the iterations at which seeds met the target over
        those of the look before, their mean. is_at_most: seeds met the target at their first look, so that S is known
        to be no more; such a batch size is in no fit. censored_rivals: lrs that ended earlier than S and had not
        reached the target.
        overhead: E over the median E of the three smallest batch sizes of a known S, less 1.
        doubling_saves: 1 - 2^s, the part of the updates that a doubling saves, with s the slope of log S on log B from
        the batch size before; doubling_costs: 2^(1 + s) - 1, the examples that it costs more.
        fitted_iterations, slope_low, slope_high, regime: by `knee.knee`; missing below four batch sizes.
    """
    if best.empty:
        return pd.DataFrame(columns=CURVE)
    rows = best.rename(columns={"best_lr_by_iterations": "lr", "censored_rivals_by_iterations": "censored_rivals"})
    rows = rows[["recipe", "batch_size", "lr", "iterations_to_target", "censored_rivals"]]
    lrs = scaling[["recipe", "batch_size", "examples_per_iteration", "best_lr_on_edge", "lrs"]]
    curve = rows.merge(lrs, on=["recipe", "batch_size"], how="left").sort_values(["recipe", "batch_size"])
    of_cells = convergence.set_index(["recipe", "batch_size", "lr"])["iterations_to_target"].sort_index()
    told = [_of_cell(row, by_iterations, of_cells) for row in curve.to_dict("records")]
    curve = curve.reset_index(drop=True).join(pd.DataFrame(told))
    for end in ("", "_low", "_high"):
        curve[f"examples_to_target{end}"] = curve[f"iterations_to_target{end}"] * curve["examples_per_iteration"]
    parts = [_compared(rows) for _, rows in curve.groupby("recipe", sort=False)]
    return pd.concat(parts, ignore_index=True)[CURVE]


def _of_cell(row: dict[Any, Any], field: Field, of_cells: pd.Series[float]) -> dict[str, Any]:
    """Return the interval of S at the best lr of a batch size, and what leaves it open."""
    if np.isnan(row["lr"]):
        return dict(zip(_OF_CELL, (0, np.nan, np.nan, np.nan, np.nan, False), strict=True))
    cell = Cell(row["recipe"], row["batch_size"], row["lr"])
    own = cell_result(field, cell, chosen_from=row["lrs"])
    gain = _lr_gain(of_cells.loc[cell[:2]], cell.lr)
    low = 0.0 if row["best_lr_on_edge"] and not np.isnan(own.low) else own.low * (1 - np.nan_to_num(gain))
    times = field.cells[cell]
    step = float(np.mean(times.met - times.unmet))
    return dict(zip(_OF_CELL, (own.seeds, low, own.high, gain, step, own.is_at_most), strict=True))


_OF_CELL = ("seeds", "iterations_to_target_low", "iterations_to_target_high", "lr_gain", "look_step", "is_at_most")


def _lr_gain(counts: pd.Series[float], lr: float) -> float:
    """Return which part of the updates the vertex of the parabola through three lrs saves; missing without three."""
    at = int(np.flatnonzero(counts.index == lr)[0])
    around = counts.iloc[max(at - 1, 0) : at + 2]
    if len(around) < 3 or around.isna().any():
        return np.nan
    x, y = np.log(around.index.to_numpy(float)), np.log(around.to_numpy(float))
    curvature, slope, level = np.polyfit(x - x[1], y - y[1], 2)
    return float(-np.expm1(level - slope**2 / (4 * curvature))) if curvature > 0 else 0.0


def _compared(curve: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of a recipe with what each batch size costs beside the others."""
    sizes, counts = (curve[name].to_numpy(float) for name in ("examples_per_iteration", "iterations_to_target"))
    slopes, fit = _slopes(sizes, counts), knee_of(curve)
    told = [(*fit.slopes(size), fit.regime(size)) for size in sizes] if fit else [(np.nan, np.nan, "")] * len(sizes)
    low, high, regime = zip(*told, strict=True)
    return curve.assign(
        overhead=curve["examples_to_target"] / reference_examples(curve) - 1,
        doubling_saves=1 - 2**slopes,
        doubling_costs=2 ** (1 + slopes) - 1,
        fitted_iterations=fit.best.iterations(sizes) if fit else np.nan,
        slope_low=low,
        slope_high=high,
        regime=regime,
    )


def _slopes(sizes: FloatArray, counts: FloatArray) -> FloatArray:
    """Return the slope of log S on log B from the batch size before that reached the target, where there is one."""
    slopes = np.full(len(sizes), np.nan)
    known = np.flatnonzero(np.isfinite(counts))
    slopes[known[1:]] = np.diff(np.log(counts[known])) / np.diff(np.log(sizes[known]))
    return slopes
