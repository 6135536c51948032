"""Ticks of logarithmic axes: few, inside, in order."""

from __future__ import annotations

import pytest

from bs_study.report.axes import log_ticks, time_ticks


@pytest.mark.parametrize(("low", "high"), [(0.08, 1.5), (20, 7200), (59, 61), (90, 200), (1e-6, 1e6), (3000, 4000)])
def test_time_ticks_are_few_inside_and_in_order(low: float, high: float) -> None:
    ticks = time_ticks(low, high)
    assert 2 <= len(ticks) <= 8
    assert ticks == sorted(set(ticks))
    assert all(low * 0.999 <= tick <= high * 1.001 for tick in ticks)


@pytest.mark.parametrize(("low", "high"), [(1, 1.0001), (1, 1.3), (0.9, 31), (1e-6, 1e9), (60000, 60001)])
def test_log_ticks_are_few_and_inside(low: float, high: float) -> None:
    ticks = log_ticks(low, high)
    assert 2 <= len(ticks) <= 8
    assert all(low * 0.999 <= tick <= high * 1.001 for tick in ticks)
