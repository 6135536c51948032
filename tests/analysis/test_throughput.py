import numpy as np
import pandas as pd
import pytest

from bs_study.analysis.throughput import throughput, throughput_fit

A, B = 0.002, 1e-5  # seconds of an iteration: fixed, and per example
TRAIN_EXAMPLES = 1000


def epoch_rows(trial_id, batch_size, *, iterations, seconds_per_iteration, warmup=0):
    """Rows of epochs for cumulative iteration counts, with clocks that leave warm-up iterations out."""
    rows, before = [], 0
    for epoch, end in enumerate(iterations, start=1):
        timed = max(0, end - max(before, warmup))
        seconds = timed * seconds_per_iteration
        row = {"trial_id": trial_id, "batch_size": batch_size, "epoch": epoch, "iterations": end}
        row |= {"examples": min(end * batch_size, epoch * TRAIN_EXAMPLES), "epoch_seconds": seconds}
        rows.append(row | {"load_seconds": seconds / 10, "compute_seconds": seconds * 0.8})
        before = end
    return rows


def trial_rows(*rows):
    return pd.DataFrame([{"status": "completed", "lr": 0.1, "seed": 0} | row for row in rows])


def tables(batch_size, iterations, *, warmup=0, seconds=0.01):
    rows = epoch_rows("t", batch_size, iterations=iterations, seconds_per_iteration=seconds, warmup=warmup)
    trial = {"trial_id": "t", "batch_size": batch_size, "warmup_iterations": warmup, "warmup_seconds": 9.0}
    return pd.DataFrame(rows), trial_rows(trial)


def one(table):
    assert len(table) == 1
    return table.iloc[0]


def test_an_epoch_takes_its_iterations_times_the_time_of_one():
    row = one(throughput(*tables(100, [10, 20, 30])))
    assert row["epoch_seconds"] == pytest.approx(0.1)
    assert row["load_seconds"] == pytest.approx(0.01)
    assert row["compute_seconds"] == pytest.approx(0.08)
    assert row["load_share"] == pytest.approx(0.1)
    assert row["iteration_seconds"] == pytest.approx(0.01)
    assert row["examples_per_second"] == pytest.approx(10_000)


def test_warm_up_iterations_change_no_time():
    for warmup in (0, 3, 10, 17):
        row = one(throughput(*tables(100, [10, 20, 30], warmup=warmup)))
        assert row["epoch_seconds"] == pytest.approx(0.1)
        assert row["iteration_seconds"] == pytest.approx(0.01)


def test_warm_up_that_was_not_timed_apart_is_in_the_clocks():
    epochs, trials = tables(1000, [1])
    row = one(throughput(epochs, trials.assign(warmup_iterations=3, warmup_seconds=np.nan)))
    assert row["epoch_seconds"] == pytest.approx(0.01)


def test_an_epoch_that_is_all_warm_up_is_left_out_and_counted():
    row = one(throughput(*tables(1000, [1, 2, 3, 4, 5], warmup=3)))
    assert (row["epochs"], row["epochs_left_out"]) == (2, 3)
    assert row["iteration_seconds"] == pytest.approx(0.01)


def test_a_single_partly_warm_epoch_is_scaled_up():
    row = one(throughput(*tables(100, [10], warmup=4)))
    assert row["epoch_seconds"] == pytest.approx(0.1)
    assert row["examples_per_second"] == pytest.approx(10_000)


def test_a_trial_of_nothing_but_warm_up_has_no_times():
    row = one(throughput(*tables(1000, [1, 2], warmup=3)))
    assert (row["trials"], row["epochs"], row["epochs_left_out"]) == (0, 0, 2)
    assert np.isnan(row["epoch_seconds"])


def test_a_trial_that_ended_in_mid_epoch_does_not_shorten_the_epoch():
    row = one(throughput(*tables(100, [10, 20, 22])))
    assert row["epoch_seconds"] == pytest.approx(0.1)
    assert row["epochs_left_out"] == 1


def test_a_batch_size_whose_trials_never_finished_an_epoch_is_scaled_to_the_epoch_of_the_others():
    slow = epoch_rows("slow", 1, iterations=[200], seconds_per_iteration=0.01)
    fast = epoch_rows("fast", 100, iterations=[10, 20], seconds_per_iteration=0.01)
    trials = trial_rows({"trial_id": "slow", "batch_size": 1}, {"trial_id": "fast", "batch_size": 100})
    table = throughput(pd.DataFrame(slow + fast), trials).set_index("batch_size")
    assert table.loc[1, "epoch_seconds"] == pytest.approx(1000 * 0.01)


def test_where_no_trial_finished_an_epoch_the_training_set_gives_its_length():
    epochs, trials = tables(1, [200])
    assert one(throughput(epochs, trials))["epoch_seconds"] == pytest.approx(200 * 0.01)
    assert one(throughput(epochs, trials, train_examples=1000))["epoch_seconds"] == pytest.approx(1000 * 0.01)


def test_a_trial_without_an_epoch_row_counts_by_its_sums():
    fast = epoch_rows("fast", 100, iterations=[10, 20], seconds_per_iteration=0.01)
    slow = {"iterations": 200, "examples": 200, "train_seconds": 2.0, "load_seconds": 0.2, "compute_seconds": 1.6}
    trials = trial_rows({"trial_id": "slow", "batch_size": 1, **slow}, {"trial_id": "fast", "batch_size": 100})
    table = throughput(pd.DataFrame(fast), trials).set_index("batch_size")
    assert table.loc[1, "epoch_seconds"] == pytest.approx(10.0)
    assert table.loc[1, "iteration_seconds"] == pytest.approx(0.01)


def test_a_loop_that_drops_the_last_batch_has_an_epoch_of_its_own_length():
    rows = [
        {"trial_id": "t", "epoch": k, "iterations": 2 * k, "examples": 800 * k, "epoch_seconds": 1.0}
        | {"load_seconds": 0.1, "compute_seconds": 0.8}
        for k in (1, 2)
    ]
    whole = epoch_rows("u", 100, iterations=[10], seconds_per_iteration=0.01)
    trials = trial_rows({"trial_id": "t", "batch_size": 400}, {"trial_id": "u", "batch_size": 100})
    table = throughput(pd.DataFrame(rows + whole), trials).set_index("batch_size")
    assert table.loc[400, "epoch_seconds"] == pytest.approx(1.0)


def test_each_trial_has_one_voice_however_many_epochs_it_ran():
    rows = epoch_rows("long", 100, iterations=range(10, 1010, 10), seconds_per_iteration=0.01)
    rows += epoch_rows("a", 100, iterations=[10], seconds_per_iteration=0.03)
    rows += epoch_rows("b", 100, iterations=[10], seconds_per_iteration=0.02)
    trials = trial_rows(*({"trial_id": name, "batch_size": 100} for name in ("long", "a", "b")))
    row = one(throughput(pd.DataFrame(rows), trials))
    assert row["iteration_seconds"] == pytest.approx(0.02)
    assert row["iteration_seconds_low"] <= row["iteration_seconds"] <= row["iteration_seconds_high"]
    assert row["trials"] == 3


def test_epochs_of_running_trials_do_not_count():
    epochs, trials = tables(100, [10, 20])
    stranger = pd.DataFrame(epoch_rows("running", 100, iterations=[10], seconds_per_iteration=9.0))
    assert one(throughput(pd.concat([epochs, stranger]), trials))["iteration_seconds"] == pytest.approx(0.01)


def test_no_trials_give_no_rows():
    epochs, trials = tables(100, [10])
    assert len(throughput(epochs[:0], trials[:0])) == 0


def fit_of(batch_sizes, seconds):
    return one(throughput_fit(pd.DataFrame({"batch_size": batch_sizes, "iteration_seconds": seconds})))


def test_the_fit_finds_the_line_that_made_the_times():
    sizes = np.array([1, 6, 60, 600, 6000, 60000])
    fit = fit_of(sizes, A + B * sizes)
    assert fit["a_seconds"] == pytest.approx(A)
    assert fit["b_seconds_per_example"] == pytest.approx(B)
    assert fit["half_limit_batch_size"] == pytest.approx(A / B)
    assert fit["limit_examples_per_second"] == pytest.approx(1 / B)
    assert (fit["a_low"], fit["a_high"]) == pytest.approx((A, A))


def test_beyond_the_doubling_limit_twice_the_batch_gains_less_than_a_tenth():
    fit = fit_of([10, 100, 1000], [A + B * size for size in (10, 100, 1000)])
    limit = fit["doubling_gain_limit_batch_size"]
    gain = (2 * limit / (A + B * 2 * limit)) / (limit / (A + B * limit)) - 1
    assert gain == pytest.approx(0.10)


def test_intervals_hold_the_truth_as_often_as_they_say():
    rng = np.random.default_rng(0)
    sizes = np.array([1, 10, 100, 1000, 10000])
    held = [
        fit["b_low"] <= B <= fit["b_high"]
        for fit in (fit_of(sizes, (A + B * sizes) * rng.normal(1, 0.05, 5)) for _ in range(200))
    ]
    assert 0.90 < np.mean(held) < 0.99


def test_two_batch_sizes_give_a_line_without_interval_and_one_gives_none():
    fit = fit_of([10, 100], [A + B * 10, A + B * 100])
    assert fit["a_seconds"] == pytest.approx(A)
    assert np.isnan([fit["a_low"], fit["b_high"]]).all()
    assert np.isnan(fit_of([10], [0.1])["a_seconds"])
    assert fit_of([], [])["batch_sizes"] == 0


def test_times_that_do_not_depend_on_the_batch_show_no_limit():
    fit = fit_of([1, 10, 100], [0.01, 0.01, 0.01])
    assert fit["a_seconds"] == pytest.approx(0.01)
    assert fit["b_seconds_per_example"] == pytest.approx(0, abs=1e-12)
    falling = fit_of([1, 10, 100], [0.011, 0.010, 0.009])
    assert falling["b_seconds_per_example"] == 0
    assert np.isnan(falling["half_limit_batch_size"])


def test_a_negative_fixed_cost_is_zero():
    fit = fit_of([1, 10, 100], [1e-5, 2e-4, 3e-3])
    assert fit["a_seconds"] == 0
    assert fit["a_low"] == 0
    assert fit["half_limit_batch_size"] == 0
