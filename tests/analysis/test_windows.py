from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from bs_study.analysis.loss_variance import window_statistics
from bs_study.analysis.windows import Curve, smoothness


def trial_row(trial_id, batch_size, *, iterations, lr=0.1, seed=0, status="completed"):
    row = {"trial_id": trial_id, "batch_size": batch_size, "lr": lr, "seed": seed, "status": status}
    return row | {"iterations": iterations, "examples": iterations * batch_size}


def table_of(curves, rows):
    """The smoothness of curves by trial id, for batches that are all whole."""
    sizes = {row["trial_id"]: row["batch_size"] for row in rows}

    def curve_of(trial_id):
        loss = np.asarray(curves[trial_id], np.float32)
        return Curve((np.arange(len(loss)) + 1) * sizes[trial_id], loss)

    return smoothness(curve_of, pd.DataFrame(rows)).set_index(["trial_id", "window"])


def noisy(count, level=1.0, seed=0):
    return level + np.random.default_rng(seed).normal(0, 0.1, count)


def test_the_first_window_is_the_first_1000_iterations_and_all_of_a_shorter_trial():
    loss = noisy(1500)
    rows = [trial_row("a", 10, iterations=1500), trial_row("b", 10, iterations=400, seed=1)]
    table = table_of({"a": loss, "b": loss[:400]}, rows)
    single = loss.astype(np.float32)
    expected = window_statistics(single[:1000], first_loss=float(single[0]), batch_size=10, fate="stuck")
    assert table.loc[("a", "first_1000"), list(expected)].to_dict() == expected
    assert table.loc[("b", "first_1000"), "iterations"] == 400


def test_equal_examples_end_where_the_shortest_completed_trial_does():
    rows = [
        trial_row("small", 10, iterations=500),
        trial_row("large", 100, iterations=300),
        trial_row("gone", 100, iterations=3, seed=1, status="diverged"),
    ]
    table = table_of({"small": noisy(500), "large": noisy(300), "gone": [2, 9, np.nan]}, rows)
    window = table.xs("equal_examples", level="window")
    assert window["limit"].unique().tolist() == [5000]
    assert window["iterations"].to_dict() == {"small": 500, "large": 50, "gone": 0}
    assert np.isnan(window.loc["gone", "noise"])
    assert window.loc["gone", "stability"] == "diverged"


def test_equal_loss_begins_where_a_hundred_losses_first_average_the_common_level():
    # Straight lines: the small batch falls to 0.5 and the large one to 1, so that their lowest means are comparable.
    small, large = np.linspace(2, 0, 2001), np.linspace(2, 1, 2001)
    rows = [trial_row("small", 10, iterations=2001), trial_row("large", 100, iterations=2001)]
    table = table_of({"small": small, "large": large}, rows)
    level = table.loc[("large", "equal_loss"), "limit"]
    starts = range(0, 2001 - 100, 10)
    assert level == pytest.approx(min(large[s : s + 100].mean() for s in starts), abs=1e-6)
    start = next(s for s in starts if small[s : s + 100].mean() <= level + 1e-7)
    row = table.loc[("small", "equal_loss")]
    assert row["iterations"] == 100
    assert row["loss_variance"] == pytest.approx(small[start : start + 100].var(ddof=1), rel=1e-4)
    assert row["max_loss_ratio"] == pytest.approx(small[start] / 2, rel=1e-5)


def test_a_trial_that_never_reaches_the_common_loss_has_no_window_there():
    rows = [trial_row(f"b{size}", size, iterations=300) for size in (10, 100)]
    rows.append(trial_row("stuck", 100, iterations=300, lr=0.9))
    table = table_of({"b10": noisy(300, 0.5), "b100": noisy(300, 1), "stuck": noisy(300, 2.3)}, rows)
    window = table.xs("equal_loss", level="window")
    assert window["iterations"].to_dict() == {"b10": 100, "b100": 100, "stuck": 0}
    assert pd.isna(window.loc["stuck", "stability"])


def test_too_short_a_trial_has_no_loss_level():
    table = table_of({"a": noisy(99)}, [trial_row("a", 10, iterations=99)])
    assert table.loc[("a", "equal_loss"), "iterations"] == 0


def test_a_trial_without_iterations_has_rows_without_statistics():
    table = table_of({"a": []}, [trial_row("a", 10, iterations=0, status="out_of_memory")])
    assert len(table) == 3
    assert table["iterations"].eq(0).all()
    assert table["stability"].isna().all()


def test_the_limits_are_each_recipes_own_and_the_recipe_is_the_first_column():
    curves = {"b10": noisy(300, 0.5), "b20": noisy(200, 1.0), "c10": noisy(250, 3.0), "c20": noisy(400, 2.0)}
    rows = [trial_row(name, int(name[1:]), iterations=len(curves[name])) for name in curves]
    together = table_of(curves, [row | {"recipe": {"b": "adam", "c": "sgd"}[row["trial_id"][0]]} for row in rows])
    assert together.reset_index(drop=True).columns[0] == "recipe"
    for recipe, first in (("adam", "b"), ("sgd", "c")):
        alone = table_of(curves, [row for row in rows if row["trial_id"][0] == first])
        assert alone["recipe"].eq("").all()
        pd.testing.assert_frame_equal(
            together[together["recipe"] == recipe].drop(columns="recipe"), alone.drop(columns="recipe")
        )


def test_no_trials_give_no_rows():
    table = smoothness(
        lambda trial_id: Curve(np.zeros(0, int), np.zeros(0)), pd.DataFrame([trial_row("a", 1, iterations=1)])[:0]
    )
    assert len(table) == 0


def test_the_curves_of_a_store_are_each_trials_own(write_study, trial):
    study = write_study([trial(10, 0.1, loss=[3, 2, 1]), trial(20, 0.1, loss=[5, 4])])
    table = smoothness(study, study.trials()).set_index(["trial_id", "window"])
    assert table.loc[("b10-lr0.1-s0", "first_1000"), ["iterations", "loss_variance"]].tolist() == [3, 1.0]
    assert table.loc[("b20-lr0.1-s0", "first_1000"), ["iterations", "loss_variance"]].tolist() == [2, 0.5]
    assert table.loc[("b20-lr0.1-s0", "equal_examples"), "iterations"] == 1


def test_rows_in_another_writers_order_are_put_in_order(write_study, trial):
    study = write_study([trial(10, 0.1, loss=[4, 3, 2, 1])])
    file = Path(study.paths.trial_file("iterations", "b10-lr0.1-s0"))
    pq.write_table(pq.read_table(file).take([3, 1, 0, 2]), file)
    table = smoothness(study, study.trials())
    assert table["max_loss_ratio"].tolist()[:1] == [1.0]
    assert table["detrended_variance"].tolist()[:1] == [0.0]
