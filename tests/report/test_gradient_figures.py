"""The figures of gradients, of where training ends, and of the stability limit show what their tables say."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from bs_study import Target
from bs_study.report import figures
from bs_study.report.curves import Source
from bs_study.report.figures.gradients import GRADIENT_AGREEMENT
from bs_study.report.figures.minima import MINIMA
from bs_study.report.figures.stable_lr import STABLE_LR
from bs_study.report.style import as_svg
from tests.report import gradient_tables as tables
from tests.report.records import analysis

LRS = dict.fromkeys(tables.SIZES, 0.1)
TARGET = Target("accuracy", 0.95)


def marks(axes: Axes) -> dict[str, tuple[float, float]]:
    """Return where each mark lies, by its name."""
    lines = [line for line in axes.lines if isinstance(line, Line2D) and line.get_gid()]
    return {str(line.get_gid()): (float(line.get_xdata()[0]), float(line.get_ydata()[0])) for line in lines}  # type: ignore[index]


def test_cosines_are_drawn_window_by_window_at_the_lr_of_each_batch_size() -> None:
    rows = tables.noise_scale()
    early, late = figures.gradient_agreement(rows, lrs=LRS).axes
    assert early.get_title(loc="left") == "iterations 1 to 30"
    assert marks(early)["early-b8"] == pytest.approx((8, 8 / 68))
    assert marks(late)["late-b512"] == pytest.approx((512, 512 / 1412))
    (alone,) = figures.gradient_agreement(rows, lrs={8: 0.1, 64: 0.4}).axes[:1]
    assert list(marks(alone)) == ["early-b8"]


def test_the_metric_is_drawn_in_both_views_and_the_sharpness_beside_it() -> None:
    metric, sharpness = figures.minima(tables.minima(), target=TARGET).axes
    found = marks(metric)
    assert found["at_examples-b64"][1] == pytest.approx(1 - 0.89)  # by its distance from 1
    assert found["at_training_loss-b64"][1] == pytest.approx(1 - 0.87)
    assert marks(sharpness)["sharpness-b512"] == pytest.approx((512, 20 / 3))
    assert len(figures.minima(tables.minima(is_sharp=False), target=TARGET).axes) == 1


def test_the_largest_stable_lr_is_drawn_against_its_limit() -> None:
    (axes,) = figures.stable_lr(tables.stable()).axes
    assert marks(axes)["b64"] == pytest.approx((0.1, 0.08))
    dashed = next(line for line in axes.lines if line.get_linestyle() == "--")
    np.testing.assert_array_equal(dashed.get_xdata(), dashed.get_ydata())


def test_one_batch_size_is_drawn_without_intervals() -> None:
    one = tables.noise_scale([8], windows=["late"]).assign(cos_next_low=np.nan, cos_next_high=np.nan)
    assert as_svg(figures.gradient_agreement(one, lrs=LRS))
    ends = tables.minima([8]).assign(metric_at_training_loss=np.nan, largest_eigenvalue=np.nan)
    assert as_svg(figures.minima(ends, target=TARGET))
    assert as_svg(figures.stable_lr(tables.stable([8]).assign(smallest_unstable_lr=np.nan, limit_low=np.nan)))


def test_without_rows_there_is_no_such_figure() -> None:
    source = Source(None, analysis())
    assert not any(figure.has_rows(source) for figure in (GRADIENT_AGREEMENT, MINIMA, STABLE_LR))
