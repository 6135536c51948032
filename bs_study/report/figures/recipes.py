"""Time to the target against batch size, a line for each recipe."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bs_study.report.axes import batch_axis, log_axis
from bs_study.report.style import MUTED, new_figure, styled
from bs_study.words import CLOCK_WORDS

# Okabe and Ito's, without yellow: told apart by the colour-blind, and on white; the markers tell them apart in grey.
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#000000", "#56b4e9", "#e69f00")
_MARKERS = "osD^vPX*"
_DODGE = 1.035  # between neighbouring recipes, so that their bars do not cover each other


@styled
def target_by_recipe(recipes: pd.DataFrame, convergence: pd.DataFrame, *, clock: str = "train_seconds") -> Figure:
    """Return what each recipe took to the target at its best lr, against batch size.

    Args:
        recipes: columns batch_size, recipe, best_lr_by_<clock>, <clock>_to_target.
        convergence: of all recipes, with a column recipe: gives the smallest and largest over seeds.
        clock: train_seconds, clean_seconds, compute_seconds, wall_seconds, iterations or examples.
    """
    names = list(dict.fromkeys(convergence["recipe"]))
    time = f"{clock}_to_target"
    spread = convergence[["recipe", "batch_size", "lr", f"{time}_low", f"{time}_high"]]
    cells = recipes.rename(columns={f"best_lr_by_{clock}": "lr"})[["recipe", "batch_size", "lr", time]]
    rows = cells.merge(spread, how="left", on=["recipe", "batch_size", "lr"])
    figure = new_figure(height=4.0 + 0.2 * ((len(names) + 1) // 2))
    axes = figure.subplots()
    batch_axis(axes.xaxis, recipes["batch_size"])
    log_axis(axes.yaxis, rows[[time, f"{time}_low", f"{time}_high"]].to_numpy(float).ravel(), margin=0.12)
    for place, name in enumerate(names):
        own = rows[rows["recipe"] == name].sort_values("batch_size")
        _draw(axes, own, time=time, place=place, shift=_DODGE ** (place - (len(names) - 1) / 2), name=name)
    axes.set_ylabel(f"{CLOCK_WORDS[clock]} to the target" + (" (s)" if clock.endswith("seconds") else ""))
    if rows[time].isna().any():
        axes.annotate("× missed", (1.0, 1.0), xycoords="axes fraction", ha="right", va="bottom", color=MUTED)
    figure.legend(loc="outside upper left", ncols=2, frameon=False, fontsize=9)
    return figure


def _draw(axes: Axes, rows: pd.DataFrame, *, time: str, place: int, shift: float, name: str) -> None:
    colour, marker = _COLOURS[place % len(_COLOURS)], _MARKERS[place % len(_MARKERS)]
    sizes = rows["batch_size"].to_numpy(float) * shift
    values = rows[time].to_numpy(float)
    axes.plot(sizes, values, marker=marker, color=colour, markersize=6, linewidth=1.4, label=name)
    axes.vlines(sizes, rows[f"{time}_low"], rows[f"{time}_high"], color=colour, linewidth=3, alpha=0.35)
    missed = sizes[np.isnan(values)]
    top = axes.get_xaxis_transform()
    axes.plot(missed, [0.97] * len(missed), "x", color=colour, transform=top, clip_on=False)
