"""Where a metric's value lies on an axis, so that the values near the target are apart."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

from bs_study.report.axes import log_axis, log_ticks
from bs_study.report.style import ACCENT
from bs_study.target import Target
from bs_study.words import number, setting

FloatArray = npt.NDArray[np.float64]


class MetricScale:
    """The y axis of a metric.

    Fractions that should be high are drawn by their distance from 1, positive values that should be low by their
    logarithm, all others as they are.
    """

    def __init__(self, values: FloatArray, target: Target) -> None:
        seen = np.append(values, target.value)
        self._target = target
        self._is_fraction = target.direction == "max" and seen.min() >= 0 and seen.max() <= 1 and target.value < 1
        is_log = self._is_fraction or (target.direction == "min" and seen.min() > 0)
        self._is_log = is_log
        distances = 1 - seen
        self._floor = distances[distances > 0].min() / 2 if self._is_fraction else 0.0
        self._seen = seen

    def place(self, value: npt.ArrayLike) -> FloatArray:
        values = np.asarray(value, float)
        return np.maximum(1 - values, self._floor) if self._is_fraction else values

    def set_axis(self, axes: Axes) -> None:
        """Name the y axis, set its ticks, and draw the target as a line across."""
        axes.set_ylabel(f"held-out {self._target.metric}")
        if self._is_log:
            log_axis(axes.yaxis, self.place(self._seen), margin=0.04)
        if self._is_fraction:
            axes.invert_yaxis()
            ticks = log_ticks(*sorted(axes.get_ylim()))
            axes.yaxis.set_major_locator(FixedLocator(ticks))
            axes.yaxis.set_major_formatter(FixedFormatter([number(1 - tick, digits=5) for tick in ticks]))
            axes.yaxis.set_minor_locator(NullLocator())
        height = float(self.place(self._target.value))
        axes.axhline(height, color=ACCENT, linewidth=1, linestyle="--")
        name = axes.annotate(
            f"target {setting(self._target.value)}", (0.005, height), xycoords=("axes fraction", "data")
        )
        name.set(va="bottom", color=ACCENT, fontsize=9)
