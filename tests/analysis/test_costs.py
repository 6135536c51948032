"""What the target costs: times of updates and of one, on one machine and on others, with prices and a deadline."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from bs_study.analysis.costs import cheapest_in_time, costs, least, pareto
from bs_study.analysis.critical_batch import critical_batch
from bs_study.analysis.machine_times import machine_times
from bs_study.analysis.machines import machines
from bs_study.config.costs import cost_settings
from tests.analysis.machine_worlds import (
    KNEE,
    MIN_ITERATIONS,
    NO_EPOCHS,
    SIZES,
    A,
    B,
    curve,
    iterations,
    times,
    timing,
    timings,
    trials,
)

ALONE = [timing(size) for size in SIZES]


def row(table: pd.DataFrame, size: int, name: str = "abacus", gpus: int = 1) -> pd.Series:
    (found,) = table[
        (table["batch_size"] == size) & (table["device_name"] == name) & (table["gpus"] == gpus)
    ].iterrows()
    return found[1]


def test_a_batch_size_costs_its_updates_times_the_time_of_one() -> None:
    joules = [timing(size, energy_joules=2.0, peak_memory_bytes=7 * size) for size in SIZES]
    one = row(costs(curve(), times(*joules), asked=cost_settings(price_per_hour=36)), 512)
    seconds = iterations(512) * (A + B * 512)
    assert one["seconds"] == pytest.approx(seconds)
    assert (one["seconds_low"], one["seconds_high"]) == pytest.approx((0.9 * 0.95 * seconds, 1.2 * 1.1 * seconds))
    assert (one["gpu_seconds"], one["dollars"]) == pytest.approx((seconds, seconds / 100))
    assert one["joules"] == pytest.approx(2 * iterations(512))
    assert (one["peak_memory_bytes"], one["source"], one["is_own"], one["is_modelled"]) == (
        3584,
        "timings",
        True,
        False,
    )


def test_without_price_energy_or_deadline_these_are_missing() -> None:
    table = costs(curve(), times(*ALONE))
    assert table[["dollars", "joules", "rank_by_dollars", "within_deadline"]].isna().all(axis=None)
    assert table["seconds"].notna().all()


def test_without_an_interval_of_updates_there_is_none_of_seconds() -> None:
    alone = curve().assign(iterations_to_target_low=np.nan, iterations_to_target_high=np.nan)
    table = costs(alone, times(*ALONE))
    assert table["seconds"].notna().all()
    assert table[["seconds_low", "seconds_high"]].isna().all(axis=None)


def test_a_batch_size_that_missed_costs_nothing_that_is_known() -> None:
    table = costs(curve(missed=[4096]), times(*ALONE))
    assert table["batch_size"].tolist() == list(SIZES[:-1])
    assert costs(curve(missed=SIZES), times(*ALONE)).empty
    assert costs(curve().head(0), times()).empty


def test_each_cost_has_its_ranks_and_those_that_tie_share_one() -> None:
    table = costs(curve(), times(*(timing(size, peak_memory_bytes=10) for size in SIZES)))
    assert table.sort_values("seconds")["rank_by_seconds"].tolist() == list(range(1, len(SIZES) + 1))
    assert set(table["rank_by_peak_memory_bytes"]) == {1}
    assert least(table, "seconds")["batch_size"] == 512  # type: ignore[index]
    assert least(table, "dollars") is None


def test_a_store_without_a_timing_pass_costs_what_its_trials_clocks_tell() -> None:
    table = costs(curve(), times())
    assert set(table["source"]) == {"trials"}
    assert row(table, 512)["seconds"] == pytest.approx(2 * iterations(512) * (A + B * 512))


def test_a_machine_that_was_not_timed_at_a_size_that_it_trained_goes_by_its_trials_alone() -> None:
    assert set(costs(curve(), times(*ALONE[1:]))["source"]) == {"trials"}


def test_on_another_machine_updates_are_taken_over_and_only_the_time_is_its_own() -> None:
    table = costs(curve(), times(*ALONE, *(timing(size, "loom", speed=3) for size in SIZES)))
    assert row(table, 512, "loom")["seconds"] == pytest.approx(row(table, 512)["seconds"] / 3)
    assert (row(table, 512)["is_own"], row(table, 512, "loom")["is_own"]) == (True, False)
    assert table["device_name"].drop_duplicates().tolist() == ["abacus", "loom"]


def test_between_batch_sizes_that_were_timed_the_time_is_a_line_on_logs_and_beyond_there_is_none() -> None:
    table = costs(curve(), times(*ALONE, timing(128, "loom"), timing(512, "loom")))
    loom = table[table["device_name"] == "loom"]
    assert loom["batch_size"].tolist() == [128, 256, 512]
    assert loom["is_interpolated"].tolist() == [False, True, False]
    middle = np.sqrt((A + B * 128) * (A + B * 512))
    assert loom["seconds"].iloc[1] == pytest.approx(iterations(256) * middle)


def test_two_counts_of_threads_are_two_machines_and_the_newest_timing_counts() -> None:
    later = timing(512, end_time=pd.Timestamp(1, tz="UTC"), iteration_seconds=1.0)
    table = costs(curve(), times(*ALONE, later, timing(512, threads=8)))
    of_512 = table[table["batch_size"] == 512]
    assert of_512["threads"].tolist() == [1, 8]
    assert of_512["seconds"].iloc[0] == pytest.approx(iterations(512))


def test_a_timing_stands_for_each_recipe() -> None:
    both = pd.concat([curve(), curve(recipe="adam").assign(iterations_to_target=100.0)])
    table = costs(both, times(*ALONE, recipes=("", "adam")))
    assert table.groupby("recipe").size().to_dict() == {"": 7, "adam": 7}
    assert table.loc[table["recipe"] == "adam", "seconds"].max() == pytest.approx(100 * (A + B * 4096))


def test_k_gpus_take_the_updates_of_all_their_examples_and_wait_for_the_gradients_of_all() -> None:
    asked = cost_settings(gpus=[4], bandwidth=1, latency=50, price_per_hour=36)
    table = costs(curve(), times(*ALONE), asked=asked)
    four = row(table, 1024, gpus=4)
    waits = 2 * 3 / 4 * 4e6 / 1e9 + 2 * 3 * 50e-6
    seconds = iterations(1024) * (A + B * 256 + waits)
    assert four["seconds"] == pytest.approx(seconds)
    assert (four["gpu_seconds"], four["dollars"]) == pytest.approx((4 * seconds, 4 * seconds / 100))
    assert (four["is_modelled"], four["batch_size_per_gpu"], four["lr"]) == (True, 256, 0.1)
    assert np.isnan(four["joules"])
    shared = table[table["gpus"] == 4]
    assert shared["batch_size"].tolist() == [256, 512, 1024, 2048, 4096]  # 64 examples each, at least


def test_between_batch_sizes_that_were_tried_updates_are_a_line_on_logs_but_not_across_one_that_missed() -> None:
    asked = cost_settings(gpus=2)
    sizes = (64, 256, 1024, 4096)
    alone = [timing(size) for size in sizes]
    table = costs(curve(sizes), times(*alone, sizes=sizes), asked=asked)
    between = row(table, 512, gpus=2)
    assert (between["is_interpolated"], between["batch_size_per_gpu"]) == (True, 256)
    assert np.isnan(between["lr"])
    waits = 2 / 2 * 4e6 / 1e11 + 2 * 10e-6
    expected = np.sqrt(iterations(256) * iterations(1024)) * (A + B * 256 + waits)
    assert between["seconds"] == pytest.approx(expected)
    gap = costs(curve(sizes, missed=[256]), times(*alone, sizes=sizes), asked=asked)
    assert gap.loc[gap["gpus"] == 2, "batch_size"].tolist() == [1024, 2048, 4096]


def test_without_the_number_of_parameters_no_gpus_are_modelled() -> None:
    table = costs(curve(), times(*(timing(size, parameters=None) for size in SIZES)), asked=cost_settings(gpus=2))
    assert set(table["gpus"]) == {1}


def test_a_bound_on_updates_makes_its_seconds_a_bound_and_those_beside_it() -> None:
    sizes = (64, 256, 1024)
    bound = curve(sizes, is_at_most=[True, False, False])
    table = costs(bound, times(*(timing(size) for size in sizes), sizes=sizes), asked=cost_settings(gpus=2))
    told = table.set_index(["gpus", "batch_size"])["is_at_most"].to_dict()
    assert told == {(1, 64): True, (1, 256): False, (1, 1024): False, (2, 128): True, (2, 256): False} | {
        (2, 512): False, (2, 1024): False,
    }  # fmt: skip


def test_the_cheapest_within_a_deadline_is_not_the_fastest_where_gpus_cost() -> None:
    asked = cost_settings(gpus=[2, 4], price_per_hour=1, deadline=45)
    table = costs(curve(), times(*ALONE), asked=asked)
    assert table["within_deadline"].tolist() == (table["seconds"] <= 45).tolist()
    cheap, fast = cheapest_in_time(table), least(table, "seconds")
    assert cheap is not None
    assert fast is not None
    in_time = table[table["seconds"] <= 45]
    assert cheap["dollars"] == in_time["dollars"].min() < fast["dollars"]
    assert cheapest_in_time(costs(curve(), times(*ALONE), asked=cost_settings(deadline=1))) is None


def test_no_row_of_the_pareto_table_is_slower_and_dearer_than_another() -> None:
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"seconds": rng.integers(1, 30, 200), "dollars": rng.integers(1, 30, 200)})
    found = pareto(table.assign(device_name="abacus", threads=1, gpu_seconds=1.0))
    pairs = list(table.itertuples(index=False))
    slow = [
        not any(b.seconds <= a.seconds and b.dollars <= a.dollars and tuple(a) != tuple(b) for b in pairs)
        for a in pairs
    ]
    assert found.tolist() == slow


def test_without_prices_machines_are_not_held_against_each_other() -> None:
    both = times(*ALONE, *(timing(size, "loom", speed=3) for size in SIZES))
    best = costs(curve(), both).query("is_pareto")
    assert best["device_name"].tolist() == ["abacus", "loom"]
    priced = costs(curve(), both, asked=cost_settings(price_per_hour={"abacus": 1, "loom": 2})).query("is_pareto")
    assert set(priced["device_name"]) == {"loom"}  # thrice as fast at twice the price


def test_a_price_is_that_of_the_longest_part_of_a_machine_s_name() -> None:
    both = times(*ALONE, timing(512, "Loom XL"))
    asked = cost_settings(price_per_hour=["3600", "loom=7200", "LOOM XL=36000"])
    table = costs(curve(), both, asked=asked)
    assert row(table, 512)["dollars"] == pytest.approx(row(table, 512)["seconds"])
    assert row(table, 512, "Loom XL")["dollars"] == pytest.approx(10 * row(table, 512, "Loom XL")["seconds"])


def test_the_table_finds_the_fastest_of_a_known_truth() -> None:
    """T* is 53.298 s at 632.5; of the batch sizes tried 512 comes nearest."""
    table = costs(curve(), times(*ALONE))
    truth = {size: MIN_ITERATIONS * (1 + KNEE / size) * (A + B * size) for size in SIZES}
    best = least(table, "seconds")
    assert best is not None
    assert best["batch_size"] == min(truth, key=lambda size: truth[size]) == 512
    assert 53.298 < best["seconds"] < 1.1 * 53.298


def test_trials_that_do_not_tell_their_machine_are_of_one_without_a_name() -> None:
    bare = trials("abacus").drop(columns=["device_name", "threads"])
    known = machine_times(timings(), bare, NO_EPOCHS, recipes=[""])
    table = costs(curve(), known)
    assert (len(table), set(table["device_name"]), table["threads"].isna().all()) == (7, {""}, True)
    assert machines(table, known, critical_batch(curve()))["batch_size"].tolist() == [512]
