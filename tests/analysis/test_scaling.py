import numpy as np
import pandas as pd
import pytest

from bs_study.analysis.scaling import scaling

LRS = (0.01, 0.02, 0.04, 0.08)


def cells(times):
    """Convergence, as far as scaling reads it, of iterations to the target by (batch size, lr); NaN missed."""
    rows = [{"batch_size": b, "lr": lr, "iterations_to_target": taken} for (b, lr), taken in times.items()]
    return pd.DataFrame(rows)


def best_of(convergence):
    """The lr of the least time of each batch size, the smallest of those that tie."""
    ordered = convergence.sort_values(["iterations_to_target", "lr"]).drop_duplicates("batch_size")
    lrs = ordered["lr"].where(ordered["iterations_to_target"].notna())
    return ordered.assign(best_lr_by_iterations=lrs).sort_values("batch_size")


def trials(statuses):
    return pd.DataFrame(
        [
            {"batch_size": size, "lr": lr, "status": s, "iterations": 10, "examples": 10 * size}
            for (size, lr), s in statuses.items()
        ]
    )


def scaling_of(times, *, statuses=None, smoothness=None, grid=(), size=10):
    all_completed = dict.fromkeys(times, "completed")
    ended = trials(all_completed | (statuses or {}))
    table = scaling(cells(times), ended, best=best_of(cells(times)), smoothness=smoothness, grid=grid)
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
    assert row["best_lr_on_edge"] == ""
    assert row[["add_lr_1", "add_lr_2", "lr_step", "interpolated_lr"]].isna().all()


@pytest.mark.parametrize(
    ("times", "edge", "to_add"),
    [
        ([10.0, 20.0, 30.0], "low", (0.0025, 0.005)),
        ([30.0, 20.0, 10.0], "high", (0.08, 0.16)),
        ([30.0, 10.0, 20.0], "", (np.nan, np.nan)),
        ([30.0, 10.0, 10.0], "high", (0.08, 0.16)),
        ([10.0, 10.0, 10.0], "both", (0.005, 0.08)),
    ],
    ids=["low", "high", "inside", "tie with the largest", "all tie"],
)
def test_a_best_lr_on_the_edge_of_the_grid_names_two_lrs_beyond_it(times, edge, to_add):
    row = scaling_of(dict(zip([(10, lr) for lr in LRS], times, strict=False)))
    assert row["best_lr_on_edge"] == edge
    assert (row["add_lr_1"], row["add_lr_2"]) == pytest.approx(to_add, nan_ok=True)


def test_a_grid_of_one_lr_has_both_edges():
    row = scaling_of({(10, 0.1): 5.0})
    assert (row["best_lr_on_edge"], row["add_lr_1"], row["add_lr_2"]) == ("both", 0.05, 0.2)
    assert (row["band_octaves"], row["lrs"]) == (0, 1)


def test_the_interpolated_lr_is_where_a_parabola_of_log_times_has_its_least():
    best = 0.025
    times = {(10, lr): np.exp(0.3 * np.log(lr / best) ** 2) for lr in LRS}
    row = scaling_of(times)
    assert (row["best_lr"], row["largest_tied_lr"]) == (0.02, 0.02)
    assert row["interpolated_lr"] == pytest.approx(best)


def test_it_is_the_middle_of_lrs_that_tie_and_the_best_one_where_a_neighbour_missed():
    assert scaling_of(dict(zip([(10, lr) for lr in LRS], [5.0, 3.0, 3.0, 4.0], strict=True)))[
        "interpolated_lr"
    ] == pytest.approx(np.sqrt(0.02 * 0.04))
    assert scaling_of({(10, 0.01): 5.0, (10, 0.02): 3.0, (10, 0.04): np.nan})["interpolated_lr"] == 0.02


def test_lrs_still_to_end_move_the_edge():
    times = {(10, 0.01): 30.0, (10, 0.02): 10.0}
    assert scaling_of(times)["best_lr_on_edge"] == "high"
    assert scaling_of(times, grid=[("", 10, 0.04), ("", 20, 0.08), ("other", 10, 0.04)])["best_lr_on_edge"] == ""


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


def test_a_trial_that_is_stuck_is_not_stable():
    times = {(10, lr): 10.0 for lr in LRS[:2]}
    row = scaling_of(times, smoothness=stability_of({(10, 0.01): ["stable"], (10, 0.02): ["stuck", "stable"]}))
    assert (row["largest_stable_lr"], row["smallest_unstable_lr"]) == (0.01, 0.02)


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


def test_no_cells_give_no_rows():
    nothing = cells({(1, 0.1): 1.0})
    assert len(scaling(nothing[:0], trials({(1, 0.1): "completed"})[:0], best=best_of(nothing)[:0])) == 0


def test_recipes_have_rows_of_their_own():
    times = dict(zip([(10, lr) for lr in LRS], [40.0, 10.0, 30.0, 40.0], strict=True))
    other = dict(zip(times, [40.0, 30.0, 10.0, 40.0], strict=True))
    named = [(cells(times).assign(recipe="a"), "a"), (cells(other).assign(recipe="b"), "b")]
    table = scaling(
        pd.concat([frame for frame, _ in named]),
        pd.concat([trials(dict.fromkeys(times, "completed")).assign(recipe=name) for _, name in named]),
        best=pd.concat([best_of(frame) for frame, _ in named]),
    )
    assert table.columns[0] == "recipe"
    assert table.set_index("recipe")["best_lr"].to_dict() == {"a": 0.02, "b": 0.04}
