"""What if the target were different: a line for each batch size, the best of each target in a ring."""

from __future__ import annotations

import math

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bs_study.report import figures

COLUMNS = ["target", "value", "recipe", "batch_size", "lr", "seconds", "is_best"]


def table(seconds: dict[int, list[float]]) -> pd.DataFrame:
    """Return the times of each batch size to accuracies of 0.9, 0.95, ..."""
    rows = [
        (f"accuracy>={0.9 + 0.05 * k:g}", 0.9 + 0.05 * k, "", size, 0.1, times[k], times[k] == _least(seconds, k))
        for k in range(len(next(iter(seconds.values()))))
        for size, times in seconds.items()
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def _least(seconds: dict[int, list[float]], k: int) -> float:
    return min(times[k] for times in seconds.values() if not math.isnan(times[k]))


def marks(figure: Figure) -> dict[str, Line2D]:
    return {str(line.get_gid()): line for line in figure.axes[0].lines if line.get_gid()}


TWO = table({16: [1.0, 5.0], 64: [2.0, 3.0]})


def test_each_batch_size_is_a_mark_at_its_time_to_each_target() -> None:
    found = marks(figures.time_by_target(TWO))
    assert {name: float(line.get_ydata()[0]) for name, line in found.items()} == {  # type: ignore[index]
        "t0-b16": 1, "t1-b16": 5, "t0-b64": 2, "t1-b64": 3
    }  # fmt: skip
    assert str(found["t1-b64"].get_label()) == "_accuracy≥0.95: batch size 64, lr 0.1: 3 s, the best"


def test_the_best_at_each_target_has_a_ring() -> None:
    figure = figures.time_by_target(TWO)
    rings = [line for line in figure.axes[0].lines if line.get_markersize() == 14]
    assert sorted((float(ring.get_xdata()[0]), float(ring.get_ydata()[0])) for ring in rings) == [(0, 1), (1, 3)]  # type: ignore[index]


def test_a_target_that_was_not_reached_has_no_mark() -> None:
    assert sorted(marks(figures.time_by_target(table({16: [1.0, math.nan], 64: [2.0, 3.0]})))) == [
        "t0-b16", "t0-b64", "t1-b64"
    ]  # fmt: skip


def test_lines_are_named_in_text_and_told_apart_by_marker() -> None:
    figure = figures.time_by_target(TWO)
    assert {"16", "64"} <= {text.get_text() for text in figure.axes[0].texts}
    found = marks(figure)
    assert found["t0-b16"].get_marker() != found["t0-b64"].get_marker()


def test_of_many_batch_sizes_eight_are_drawn_and_the_best_ones_among_them() -> None:
    many = table({2**k: [1.0 + abs(k - 7), 1.0 + abs(k - 9)] for k in range(20)})
    sizes = {int(name.split("-b")[1]) for name in marks(figures.time_by_target(many))}
    assert len(sizes) <= 8
    assert {2**7, 2**9} <= sizes


def test_the_targets_stand_below_by_their_values_in_order() -> None:
    axes = figures.time_by_target(TWO).axes[0]
    assert [text.get_text() for text in axes.get_xticklabels()] == ["0.9", "0.95"]
    assert axes.get_xlabel() == "target, accuracy"
