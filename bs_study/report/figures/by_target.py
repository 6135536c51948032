"""What if the target were different: the time of each batch size at its best lr to each of some targets."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bs_study.analysis.trials import Cell
from bs_study.report.axes import LineLabel, clock_axis, label_lines, to_target
from bs_study.report.cell_points import cell_name
from bs_study.report.curves import some_of
from bs_study.report.figure import ReportFigure, anchor
from bs_study.report.inline import mark
from bs_study.report.style import INK, Colours, batch_colours, batch_markers, new_figure, styled
from bs_study.target import read_target
from bs_study.words import amount, goal, setting

_MOST_LINES = 8


@styled
def time_by_target(table: pd.DataFrame, *, clock: str = "train_seconds", colours: Colours | None = None) -> Figure:
    """Return the time to each target, a line for each batch size, with a ring around the best at each target.

    Args:
        table: a row per target and batch size: target (text), value (of its metric), recipe, batch_size, lr (the best
            at that target), seconds (what the clock shows; missing where it was not reached), is_best. Of one recipe,
            or of the best recipe at each target. Targets are drawn in the order of the rows.
        clock: of the column seconds.
        colours: of each batch size; by default those of the table.
    """
    colours = colours or batch_colours(table["batch_size"])
    targets = list(dict.fromkeys(table["target"]))
    best = sorted({int(size) for size in table.loc[table["is_best"], "batch_size"]})[: _MOST_LINES - 2]
    sizes = some_of(sorted(int(size) for size in table["batch_size"].unique()), most=_MOST_LINES, kept=best)
    markers = batch_markers(sizes)
    figure = new_figure(width=5.4, height=3.8)
    axes = figure.subplots()
    clock_axis(axes.yaxis, table["seconds"], clock=clock)
    axes.set_xlim(-0.3, len(targets) - 0.7)
    labels = []
    for size in sizes:
        rows = table[table["batch_size"] == size].sort_values("seconds").drop_duplicates("target")
        rows = rows.set_index("target").reindex(targets)
        axes.plot(range(len(targets)), rows["seconds"], color=colours[size], linewidth=1.2)
        _points(axes, rows, (colours[size], markers[size]), clock=clock)
        known = rows["seconds"].dropna()
        if len(known):
            labels.append(LineLabel(float(known.iloc[-1]), setting(size), colours[size], marker=markers[size]))
    values = table.drop_duplicates("target")["value"]
    axes.set_xticks(range(len(targets)), [setting(value) for value in values])
    axes.set_xlabel(f"target, {read_target(str(targets[0])).metric}" if targets else "target")
    axes.set_title(to_target(clock), loc="left", fontsize=10)
    label_lines(axes, labels, title="batch size")
    return figure


def _points(axes: Axes, rows: pd.DataFrame, look: tuple[str, str], *, clock: str) -> None:
    """Draw a batch size at each target that it reached, as a mark, with a ring where it is the best."""
    colour, marker = look
    for place, (target, row) in enumerate(rows.iterrows()):
        if not np.isfinite(row["seconds"]):
            continue
        if row["is_best"]:
            axes.plot([place], [row["seconds"]], "o", color=INK, markersize=14, fillstyle="none", markeredgewidth=1.6)
        (drawn,) = axes.plot([place], [row["seconds"]], marker, color=colour, markersize=6, zorder=4)
        cell = Cell(str(row["recipe"]), int(row["batch_size"]), float(row["lr"]))
        size, best = setting(cell.batch_size), ", the best" if row["is_best"] else ""
        text = f"{goal(target)}: {cell_name(cell)}: {amount(row['seconds'], clock=clock)}{best}"
        mark(drawn, f"t{place}-b{size}", text, link=anchor(f"curves-b{size}", cell.recipe))


def by_target(table: pd.DataFrame) -> ReportFigure:
    """Return the figure of a table of targets, of the recipe that is recommended most."""
    best = table.loc[table["is_best"], "recipe"].mode()
    rows = table[table["recipe"] == best.iloc[0]] if len(best) else table
    return ReportFigure(
        "time_by_target",
        "Time to other targets",
        caption=lambda source: "Each batch size at its best lr at each target. A ring: the best there so far.",
        has_rows=lambda source: rows.loc[rows["seconds"].notna(), "target"].nunique() > 1,
        draw=lambda source: time_by_target(rows, clock=source.clock, colours=source.colours),
    )
