"""Machines side by side, and the fastest batch size in closed form."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from bs_study.analysis.costs import costs
from bs_study.analysis.critical_batch import critical_batch
from bs_study.analysis.fastest_batch import fastest_batch
from bs_study.analysis.interpolation import between
from bs_study.analysis.machines import machines
from bs_study.analysis.parallel import communication_seconds, shared_batch_sizes
from bs_study.config.costs import cost_settings
from tests.analysis.machine_worlds import KNEE, MIN_ITERATIONS, SIZES, A, B, curve, times, timing


def test_the_fastest_batch_size_is_that_of_the_closed_form() -> None:
    found = fastest_batch(A, B, knee=KNEE, min_iterations=MIN_ITERATIONS)
    assert found.batch_size == pytest.approx(632.5, abs=0.05)
    assert found.seconds == pytest.approx(53.298, abs=5e-4)
    assert (round(found.low), round(found.high)) == (334, 1197)


def test_at_the_ends_of_its_range_a_batch_size_takes_a_tenth_longer() -> None:
    found = fastest_batch(0.002, 3e-6, knee=400, min_iterations=900)
    at = [900 * (1 + 400 / size) * (0.002 + 3e-6 * size) for size in (found.batch_size, found.low, found.high)]
    assert at == pytest.approx([found.seconds, 1.1 * found.seconds, 1.1 * found.seconds])


@pytest.mark.parametrize(("a", "b", "knee"), [(0.0, 1e-5, 1000), (0.004, 0.0, 1000), (0.004, 1e-5, np.inf), (1, 1, 0)])
def test_where_no_batch_size_is_fastest_none_is_named(a: float, b: float, knee: float) -> None:
    assert np.isnan(fastest_batch(a, b, knee=knee, min_iterations=2000)).all()


def compared(*rows: dict[str, object], critical: pd.DataFrame | None = None) -> pd.DataFrame:
    known = times(*rows)
    knees = critical_batch(curve()) if critical is None else critical
    return machines(costs(curve(), known, asked=cost_settings(gpus=2)), known, knees)


def test_each_machine_has_its_own_best_batch_size_the_quickest_machine_first() -> None:
    own = [timing(size) for size in SIZES]
    flat = [timing(size, "loom", iteration_seconds=0.004) for size in SIZES]  # a larger batch costs it nothing
    table = compared(*own, *flat)
    assert table["device_name"].tolist() == ["loom", "abacus"]
    assert table["batch_size"].tolist() == [4096, 512]
    assert table["is_own"].tolist() == [False, True]
    assert table["batch_sizes"].tolist() == [7, 7]


def test_the_fits_name_the_batch_size_of_the_closed_form_within_those_tried() -> None:
    (found,) = compared(*(timing(size) for size in SIZES)).to_dict("records")
    ends = [found[f"fitted_batch_size{end}"] for end in ("", "_low", "_high")]
    assert ends == pytest.approx([632.5, 334.1, 1197.3], rel=0.001)
    near = compared(*(timing(size, "loom") for size in (512, 1024))).set_index("device_name").loc["loom"]
    assert (near["fitted_batch_size_low"], near["fitted_batch_size_high"]) == (512, 1024)
    beyond = compared(*(timing(size, "loom") for size in (64, 128))).set_index("device_name").loc["loom"]
    assert np.isnan(beyond["fitted_batch_size"])


def test_of_a_curve_that_is_no_hyperbola_no_fitted_batch_size_is_named() -> None:
    widened = critical_batch(curve()).assign(is_widened=True)
    assert compared(*(timing(size) for size in SIZES), critical=widened)["fitted_batch_size"].isna().all()


def test_gradients_go_round_the_ring_twice() -> None:
    """Each of k GPUs sends 2 (k - 1) parts of bytes / k, one after another."""
    asked = cost_settings(bandwidth=2, latency=30)
    for gpus in (2, 3, 8):
        messages = 2 * (gpus - 1)
        one = 4 * 6e6 / gpus / 2e9 + 30e-6
        assert communication_seconds(gpus, 6e6, asked=asked) == pytest.approx(messages * one)
    assert communication_seconds(1, 6e6, asked=asked) == 0


def test_gpus_share_what_was_tried_and_timed_and_nothing_beyond() -> None:
    assert shared_batch_sizes(3, tried=[90, 100, 300], timed=[10, 40, 100]) == [90, 120, 300]
    assert shared_batch_sizes(2, tried=[], timed=[8]) == []


def test_lines_on_logs_end_at_the_last_point_and_at_a_gap() -> None:
    found = between([5, 10, 20, 40, 80, 160, 320, 640], [10, 40, 160, 320], [8, 2, np.nan, 1])
    assert found.tolist() == pytest.approx([np.nan, 8, 4, 2, np.nan, np.nan, 1, np.nan], nan_ok=True)
    assert between([20], [10, 40], [0.0, 8.0]).tolist() == [0.0]  # an end of an interval that is open
    assert np.isnan(between([20], [], [])).all()
