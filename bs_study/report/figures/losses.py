"""Loss of the first iterations: all batch sizes over each other, and one panel each."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bs_study.analysis.windows import FIRST_ITERATIONS
from bs_study.report.axes import LineLabel, label_lines, log_axis
from bs_study.report.curves import Source, by_batch_size
from bs_study.report.figure import ReportFigure, has_numbers
from bs_study.report.inline import mark
from bs_study.report.style import Colours, batch_colours, batch_markers, new_figure, styled
from bs_study.report.trial_words import curve_name
from bs_study.words import count, number, setting

_MOST_VECTORS = 20_000  # points; more are drawn as an image inside the SVG, which would grow to megabytes


@styled
def first_losses(losses: pd.DataFrame, *, colours: Colours | None = None) -> Figure:
    """Return the loss of the first iterations, all batch sizes over each other, the smallest at the back.

    Args:
        losses: columns batch_size, lr, seed, iteration, loss; one lr for each batch size. The first seed is drawn.
        colours: of each batch size; by default those of the table.
    """
    colours = colours or batch_colours(losses["batch_size"])
    figure = new_figure(height=4.2)
    axes = figure.subplots()
    one_seed = losses[losses["seed"] == losses.groupby("batch_size")["seed"].transform("min")]
    _frame(axes, losses)
    labels = []
    markers = batch_markers(colours)
    for size, curve in by_batch_size(one_seed):
        _draw(axes, curve, (colours[size], markers[size]), width=0.9, is_image=len(one_seed) > _MOST_VECTORS)
        labels.append(LineLabel(_last_level(curve), setting(size), colours[size], marker=markers[size]))
    label_lines(axes, labels, title="batch size")
    return figure


@styled
def first_loss_panels(losses: pd.DataFrame, *, colours: Colours | None = None) -> Figure:
    """Return the loss of the first iterations with a panel for each batch size, all seeds in it, on one log scale."""
    colours = colours or batch_colours(losses["batch_size"])
    groups = list(by_batch_size(losses))
    columns = min(3, max(len(groups), 1))
    rows = max(math.ceil(len(groups) / columns), 1)
    figure = new_figure(width=6.4, height=max(2.7, 0.5 + 1.6 * rows))
    panels = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for axes in panels.flat[len(groups) :]:
        axes.set_visible(False)
    for axes, (size, group) in zip(panels.flat, groups, strict=False):
        axes.set_xlim(0, _last_iteration(losses))
        for _, curve in group.groupby("seed"):
            _draw(axes, curve, (colours[size], "o"), width=0.7, is_image=len(losses) > _MOST_VECTORS)
        axes.set_title(f"{setting(size)}  (lr {setting(group['lr'].iloc[0])})", fontsize=10, loc="left")
    _log_losses(panels[0][0], losses)
    figure.supxlabel("iteration", fontsize=10)
    figure.supylabel("training loss (nats per example)", fontsize=10)
    return figure


def _draw(axes: Axes, curve: pd.DataFrame, look: tuple[str, str], *, width: float, is_image: bool) -> None:
    """Draw a curve, and its end as a mark: a cross where the loss turned NaN.

    Args:
        look: colour and marker.
    """
    colour, marker = look
    finite = curve[np.isfinite(curve["loss"])].sort_values("iteration")
    axes.plot(finite["iteration"], finite["loss"], color=colour, linewidth=width, rasterized=is_image)
    if finite.empty:
        return
    is_nan = len(finite) < len(curve)
    first, last = finite.iloc[0], finite.iloc[-1]
    (end,) = axes.plot([last["iteration"]], [last["loss"]], "X" if is_nan else marker, color=colour, markersize=5)
    end.set_zorder(4)
    size, lr, seed = last["batch_size"], last["lr"], int(last["seed"])
    losses = [f"{number(one['loss'])} at iteration {count(one['iteration'])}" for one in (first, last)]
    text = f"{curve_name(size, lr, seed)}: loss {losses[0]}, {losses[1]}{', then no number' if is_nan else ''}"
    mark(end, f"b{setting(size)}-s{seed}", text)


def _frame(axes: Axes, losses: pd.DataFrame) -> None:
    axes.set_xlim(0, _last_iteration(losses))
    axes.set_ylim(0, loss_limit(losses))
    axes.set_xlabel("iteration")
    axes.set_ylabel("training loss (nats per example)")


def _log_losses(axes: Axes, losses: pd.DataFrame) -> None:
    """Scale from the lowest but 1 % of the losses, some of which are almost 0, to the top of the other figure."""
    positive = losses["loss"][np.isfinite(losses["loss"]) & (losses["loss"] > 0)]
    if len(positive):
        log_axis(axes.yaxis, [float(positive.quantile(0.01)), loss_limit(losses)], margin=0.03)


def _last_iteration(losses: pd.DataFrame) -> float:
    return float(max(losses["iteration"].max(), 2)) if len(losses) else 1.0


def loss_limit(losses: pd.DataFrame) -> float:
    """Return the top of the loss axis: 1.6 times the median first loss, or less where no loss is so high.

    A diverging trial's losses grow without limit and would flatten all others.
    """
    finite = losses[np.isfinite(losses["loss"])]
    if finite.empty:
        return 1.0
    start = finite[finite["iteration"] == finite["iteration"].min()]["loss"].median()
    return float(min(1.6 * start, 1.05 * finite["loss"].max())) or 1.0


def _last_level(curve: pd.DataFrame) -> float:
    finite = curve[np.isfinite(curve["loss"])].sort_values("iteration")
    return float(finite["loss"].tail(50).median()) if len(finite) else 0.0


def _first_caption(source: Source) -> str:
    return (
        f"Training loss of each of the first {count(FIRST_ITERATIONS)} iterations, one seed each, nothing smoothed; "
        f"spikes above the top are cut off, a marker ends each curve. {source.lrs_text}"
    )


def _panels_caption(source: Source) -> str:
    return (
        f"The same curves apart, {source.seeds_text} in a panel, on one log scale: "
        "a swing shows relative to the level. A cross ends a loss that turned NaN."
    )


FIRST_LOSSES = ReportFigure(
    "first_losses",
    "Loss of the first iterations",
    caption=_first_caption,
    has_rows=lambda source: has_numbers(source.losses, "loss"),
    draw=lambda source: first_losses(source.losses, colours=source.colours),
)
FIRST_LOSSES_PANELS = ReportFigure(
    "first_losses_panels",
    "The same, a panel for each batch size",
    caption=_panels_caption,
    has_rows=lambda source: has_numbers(source.losses, "loss"),
    draw=lambda source: first_loss_panels(source.losses, colours=source.colours),
)
