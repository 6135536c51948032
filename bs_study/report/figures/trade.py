"""The trade: examples against iterations to the target, a point for each batch size."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from bs_study.analysis.critical_batch import fitted_sizes, knee_of
from bs_study.report.axes import log_axis
from bs_study.report.curves import Source
from bs_study.report.figure import ReportFigure, anchor, has_numbers
from bs_study.report.inline import mark
from bs_study.report.style import ACCENT, MUTED, Colours, batch_colours, new_figure, styled
from bs_study.words import counted, number, setting


@styled
def examples_by_iterations(curve: pd.DataFrame, *, colours: Colours | None = None) -> Figure:
    """Return what each batch size takes of iterations and of examples, each at its best lr, with the fitted trade.

    The curve is (S/S_min - 1) (E/E_min - 1) = 1; at its knee, the diamond, both are twice their least.

    Args:
        curve: the table `scaling_curve` of one recipe.
    """
    colours = colours or batch_colours(curve["batch_size"])
    figure = new_figure(width=5.4, height=3.8)
    axes = figure.subplots()
    reached = curve[curve["iterations_to_target"].notna()]
    fit = knee_of(curve)
    drawn = reached[["iterations_to_target", "examples_to_target"]].to_numpy(float)
    if fit is not None:
        within = fitted_sizes(curve)["examples_per_iteration"]
        sizes = np.geomspace(within.min(), within.max(), 200)
        fitted = np.column_stack([fit.best.iterations(sizes), fit.best.iterations(sizes) * sizes])
        axes.plot(*fitted.T, color=ACCENT, linewidth=1.3)
        drawn = np.concatenate([drawn, fitted])
        if sizes[0] <= fit.best.batch_size <= sizes[-1]:
            knee = [2 * fit.best.min_iterations], [2 * fit.best.min_examples]
            axes.plot(*knee, "D", color=ACCENT, markersize=8, fillstyle="none", zorder=3)
    log_axis(axes.xaxis, drawn[:, 0], margin=0.12)
    log_axis(axes.yaxis, drawn[:, 1], margin=0.25)
    for row in reached.to_dict("records"):
        size, at = row["batch_size"], (row["iterations_to_target"], row["examples_to_target"])
        (point,) = axes.plot(*([value] for value in at), "o", color=colours[size], markersize=7, zorder=4)
        took = f"{counted(at[0], 'iteration')}, {number(at[1])} examples to the target"
        text = f"batch size {setting(size)}, lr {setting(row['lr'])}: {took}"
        mark(point, f"b{setting(size)}", text, link=anchor(f"curves-b{setting(size)}", row["recipe"]))
        axes.annotate(
            setting(size), at, xytext=(0, 8), textcoords="offset points", ha="center", color=MUTED, fontsize=9
        )
    axes.set_xlabel("iterations to the target")
    axes.set_ylabel("examples to the target")
    return figure


def _caption(source: Source) -> str:
    text = "Each batch size at its best lr by iterations. To the left: fewer updates. Down: fewer examples."
    if knee_of(source.table("scaling_curve")) is None:
        return text
    return f"{text} The curve is the fitted one. At the diamond, its knee, both are twice their least."


EXAMPLES_BY_ITERATIONS = ReportFigure(
    "examples_by_iterations",
    "Examples against iterations",
    caption=_caption,
    has_rows=lambda source: has_numbers(source.table("scaling_curve"), "iterations_to_target"),
    draw=lambda source: examples_by_iterations(source.table("scaling_curve"), colours=source.colours),
)
