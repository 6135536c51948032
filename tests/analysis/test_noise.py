import numpy as np
import pandas as pd
import pytest

from bs_study.analysis.noise import noise_slope, noise_trend


def smoothness(noise, *, window="first_1000", stability="stable", recipe=""):
    """Rows of trials, from noises by (batch size, lr): a list of one value per seed."""
    return pd.DataFrame(
        [
            {"recipe": recipe, "batch_size": size, "lr": lr, "window": window, "noise": value, "stability": stability}
            for (size, lr), values in noise.items()
            for value in values
        ]
    )


def slope_of(noise_by_batch_size, **columns):
    noise = {(size, 0.1): values for size, values in noise_by_batch_size.items()}
    return noise_slope(smoothness(noise, **columns)).iloc[0]


def test_no_smoothness_gives_no_slope():
    columns = ["batch_size", "lr", "window", "noise", "stability"]
    empty = pd.DataFrame(columns=columns).astype({"noise": float})
    assert len(noise_slope(empty)) == len(noise_trend(empty)) == 0


def test_noise_of_independent_examples_has_slope_minus_one_half():
    row = slope_of({size: [0.7 / np.sqrt(size)] for size in (1, 10, 100, 1000)})
    assert row["slope"] == pytest.approx(-0.5)
    assert row["slope_high"] == pytest.approx(-0.5)
    assert np.exp(row["intercept"]) == pytest.approx(0.7)


def test_seeds_do_not_pass_for_batch_sizes():
    row = slope_of({1: [1.0, 1.1, 0.9], 100: [0.1, 0.11, 0.09]})
    assert row["slope"] == pytest.approx(-0.5)
    assert np.isnan(row["slope_low"])
    assert row["batch_sizes"] == 2


def test_trials_without_noise_are_left_out_and_counted():
    row = slope_of({1: [1.0], 10: [0.0, np.nan]})
    assert (row["batch_sizes"], row["left_out"]) == (1, 2)
    assert np.isnan(row["slope"])
    assert slope_of({1: [1.0], 10: [0.5]}, stability="diverged")["left_out"] == 2


def test_a_point_lies_at_the_mean_examples_of_its_iterations():
    """1,437 examples in batches of 1,024 are iterations of 1,024 and of 413: 718.5 on average."""
    examples = pd.Series({("", 16): 15.97, ("", 128): 119.75, ("", 1024): 718.5})
    noise = {(size, 0.1): [mean**-0.5] for (_, size), mean in examples.items()}
    assert noise_slope(smoothness(noise), examples_per_iteration=examples)["slope"].tolist() == pytest.approx([-0.5])
    assert noise_slope(smoothness(noise))["slope"].iloc[0] != pytest.approx(-0.5, abs=0.01)
    lacking = examples.drop(("", 1024))
    assert noise_trend(smoothness(noise), examples_per_iteration=lacking)["slope"].iloc[0] > -0.5


def test_recipes_have_slopes_of_their_own():
    noise = {(size, 0.1): [1 / size] for size in (1, 10, 100)}
    flat = {(size, 0.1): [1.0] for size in (1, 10, 100)}
    both = pd.concat([smoothness(noise, recipe="a"), smoothness(flat, recipe="b")])
    for table in (noise_slope(both), noise_trend(both)):
        assert table.columns[0] == "recipe"
        assert table.set_index("recipe")["slope"].to_dict() == pytest.approx({"a": -1.0, "b": 0.0})


def test_the_trend_of_all_lrs_has_the_same_lrs_at_each_point():
    """The larger lr is noisier and lacks the smallest batch size: a mean of whatever there is would rise."""
    noise = {(size, 0.1): [size**-0.5] for size in (1, 10, 100, 1000)}
    noise |= {(size, 0.8): [50 * size**-0.5] for size in (10, 100, 1000)}
    row = noise_trend(smoothness(noise)).iloc[0]
    assert row["slope"] == pytest.approx(-0.5)
    assert (row["lrs"], row["batch_sizes"]) == (1, 4)


def test_the_batch_size_with_the_fewest_lrs_goes_where_no_lr_has_all():
    sizes = (1, 10, 100, 1000)
    noise = {(size, lr): [size**-0.5] for size in sizes for lr in (0.1, 0.2, 0.4)}
    for cell in ((1, 0.2), (1, 0.4), (1000, 0.1)):
        del noise[cell]
    row = noise_trend(smoothness(noise)).iloc[0]
    assert (row["lrs"], row["batch_sizes"]) == (2, 3)


def test_lrs_that_share_their_noise_do_not_pass_for_independent_points():
    """All lrs of a batch size see the same batches: only batch sizes are points, and intervals still hold the truth."""
    rng = np.random.default_rng(0)
    sizes, lrs = [2, 8, 32, 128, 512], [0.01, 0.02, 0.04, 0.08]
    worlds = []
    for world in range(300):
        shared = rng.normal(0, 0.1, 5)
        noise = {(b, lr): [np.exp(e + rng.normal(0, 0.02))] for b, e in zip(sizes, shared, strict=True) for lr in lrs}
        worlds.append(smoothness(noise, recipe=str(world)))
    trend = noise_trend(pd.concat(worlds))
    assert ((trend["slope_low"] <= 0) & (trend["slope_high"] >= 0)).mean() >= 0.93


def test_an_lr_with_noise_at_few_batch_sizes_takes_none_from_the_others():
    noise = {(size, 0.1): [size**-0.5] for size in (1, 10, 100)} | {(1000, 0.2): [5.0], (10_000, 0.2): [9.0]}
    row = noise_trend(smoothness(noise)).iloc[0]
    assert row["slope"] == pytest.approx(-0.5)
    assert (row["lrs"], row["batch_sizes"]) == (1, 3)
