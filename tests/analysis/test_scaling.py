import numpy as np
import pandas as pd
import pytest
from bs_study.analysis.censoring import TARGET_CLOCKS

from bs_study.analysis.scaling import lr_fit, scaling

LRS = (0.01, 0.02, 0.04, 0.08)


def cells(times):
    """Convergence, as far as scaling reads it, of iterations to the target by (batch size, lr); NaN missed."""
    rows = []
    for (size, lr), iterations in times.items():
        row = {"batch_size": size, "lr": lr, "missed": int(np.isnan(iterations))}
        for clock in TARGET_CLOCKS:
            row |= {f"{clock}_to_target": iterations, f"censored_{clock}": 1000.0 if np.isnan(iterations) else np.nan}
        rows.append(row)
    return pd.DataFrame(rows)


def trials(statuses):
    return pd.DataFrame(
        [{"trial_id": f"{size}-{lr}", "batch_size": size, "lr": lr, "status": s} for (size, lr), s in statuses.items()]
    )


def scaling_of(times, *, statuses=None, smoothness=None, grid=(), size=10):
    all_completed = dict.fromkeys(times, "completed")
    table = scaling(cells(times), trials(all_completed | (statuses or {})), smoothness=smoothness, grid=grid)
    return table.set_index("batch_size").loc[size]


def stability_of(classes):
    return pd.DataFrame(
        [
            {"batch_size": size, "lr": lr, "window": "first_1000", "stability": each}
            for (size, lr), value in classes.items()
            for each in value
        ]
    )


def test_the_band_runs_from_the_smallest_to_the_largest_lr_that_reaches_the_target():
    row = scaling_of(dict(zip([(10, lr) for lr in LRS], [np.nan, 50.0, 30.0, 40.0], strict=True)))
    assert (row["band_low_lr"], row["band_high_lr"], row["band_octaves"]) == (0.02, 0.08, 2.0)
    assert row["best_lr"] == 0.04
    assert row["band_gaps"] == 0


def test_an_lr_inside_the_band_that_misses_is_a_gap():
    row = scaling_of(dict(zip([(10, lr) for lr in LRS], [60.0, np.nan, 30.0, 40.0], strict=True)))
    assert (row["band_octaves"], row["band_gaps"]) == (3.0, 1)


def test_where_no_lr_reaches_the_target_there_is_no_band_no_best_and_no_edge():
    row = scaling_of({(10, 0.01): np.nan, (10, 0.02): np.nan})
    assert row[["best_lr", "band_low_lr", "band_octaves", "band_gaps"]].isna().all()
    assert (row["best_lr_on_edge"], row["lrs_to_add"]) == ("", "")


@pytest.mark.parametrize(
    ("times", "edge", "to_add"),
    [
        ([10.0, 20.0, 30.0], "low", "0.0025, 0.005"),
        ([30.0, 20.0, 10.0], "high", "0.08, 0.16"),
        ([30.0, 10.0, 20.0], "", ""),
    ],
)
def test_a_best_lr_on_the_edge_of_the_grid_names_the_lrs_beyond_it(times, edge, to_add):
    row = scaling_of(dict(zip([(10, lr) for lr in LRS], times, strict=False)))
    assert (row["best_lr_on_edge"], row["lrs_to_add"]) == (edge, to_add)


def test_a_grid_of_one_lr_has_both_edges():
    row = scaling_of({(10, 0.1): 5.0})
    assert (row["best_lr_on_edge"], row["lrs_to_add"]) == ("both", "0.025, 0.05, 0.2, 0.4")
    assert row["band_octaves"] == 0


def test_lrs_still_to_end_move_the_edge():
    times = {(10, 0.01): 30.0, (10, 0.02): 10.0}
    assert scaling_of(times)["best_lr_on_edge"] == "high"
    assert scaling_of(times, grid=[(10, 0.04), (20, 0.08)])["best_lr_on_edge"] == ""


def test_the_largest_stable_lr_is_the_largest_of_which_all_seeds_are_stable():
    times = {(10, lr): 10.0 for lr in LRS}
    smoothness = stability_of(
        {
            (10, 0.01): ["stable", "stable"],
            (10, 0.02): ["stable", None],
            (10, 0.04): ["stable", "unstable"],
            (10, 0.08): ["diverged"],
        }
    )
    row = scaling_of(times, smoothness=smoothness)
    assert (row["largest_stable_lr"], row["smallest_unstable_lr"]) == (0.02, 0.04)


def test_out_of_memory_says_nothing_about_stability():
    times = {(10, 0.01): 10.0, (10, 0.02): np.nan, (10, 0.04): np.nan}
    row = scaling_of(times, statuses={(10, 0.02): "diverged", (10, 0.04): "out_of_memory"})
    assert (row["largest_stable_lr"], row["smallest_unstable_lr"]) == (0.01, 0.02)
    assert row["diverged_share"] == pytest.approx(1 / 3)


def test_all_diverged_leaves_no_stable_lr():
    times = {(10, 0.01): np.nan, (10, 0.02): np.nan}
    row = scaling_of(times, statuses=dict.fromkeys(times, "diverged"))
    assert np.isnan(row["largest_stable_lr"])
    assert row["smallest_unstable_lr"] == 0.01
    assert row["diverged_share"] == 1


def test_no_cells_give_no_rows_and_no_fit():
    table = scaling(cells({(1, 0.1): 1.0})[:0], trials({(1, 0.1): "completed"})[:0])
    assert len(table) == 0
    assert lr_fit(table).iloc[0]["verdict"].startswith("undecided")


def best_lrs(lrs, *, edges=(), step=2.0):
    rows = [
        {"batch_size": size, "best_lr": lr, "best_lr_on_edge": "high" if size in edges else "", "lr_step": step}
        for size, lr in lrs.items()
    ]
    return lr_fit(pd.DataFrame(rows)).iloc[0]


@pytest.mark.parametrize("exponent", [0.0, 0.5, 1.0])
def test_the_exponent_is_that_of_the_power_law_that_made_the_lrs(exponent):
    row = best_lrs({size: 0.01 * size**exponent for size in (1, 8, 64, 512)})
    assert row["exponent"] == pytest.approx(exponent)
    assert np.exp(row["log_lr_at_one"]) == pytest.approx(0.01)
    assert row["exponent_low"] < exponent < row["exponent_high"]


def test_a_best_lr_on_the_edge_is_left_out_of_the_fit():
    row = best_lrs({1: 0.01, 4: 0.02, 16: 0.04, 64: 0.04}, edges=[64])
    assert row["exponent"] == pytest.approx(0.5)
    assert (row["batch_sizes"], row["left_out"]) == (3, 1)


def test_two_best_lrs_have_no_interval_and_no_verdict():
    row = best_lrs({1: 0.01, 4: 0.02, 16: np.nan})
    assert np.isnan(row["exponent_low"])
    assert row["verdict"].startswith("undecided: 2 batch sizes")


def test_the_verdict_names_the_rules_that_the_interval_holds():
    sizes = [4**k for k in range(7)]
    assert best_lrs({size: 0.001 * size for size in sizes})["verdict"].startswith("linear (1) within")
    assert best_lrs({size: 0.001 * size**0.5 for size in sizes})["verdict"].startswith("square root (1/2) within")
    assert best_lrs({size: 0.001 * size**1.5 for size in sizes})["verdict"].startswith("neither")
    assert best_lrs({1: 0.01, 2: 0.01, 4: 0.02})["verdict"].startswith("undecided")
