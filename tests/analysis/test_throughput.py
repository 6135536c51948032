import numpy as np
import pandas as pd
import pytest

from bs_study.analysis.throughput import examples_per_iteration, throughput

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


SHORT = 1437  # examples: no multiple of these batch sizes, so that each epoch's last batch is short


def short_tables(batch_sizes, *, a, b, warmup=0, epochs=5):
    """Rows of trials whose iterations take a + b * their own examples, the short last one too."""
    rows, trials = [], []
    for size in batch_sizes:
        batches = [size] * (SHORT // size) + [SHORT % size] * (SHORT % size > 0)
        taken = [a + b * examples for _ in range(epochs) for examples in batches]
        for epoch in range(epochs):
            first, end = epoch * len(batches), (epoch + 1) * len(batches)
            seconds = sum(taken[max(first, warmup) : end])
            row = {"trial_id": f"b{size}", "epoch": epoch + 1, "iterations": end, "examples": (epoch + 1) * SHORT}
            rows.append(row | {"epoch_seconds": seconds, "load_seconds": seconds / 10, "compute_seconds": seconds})
        trials.append({"trial_id": f"b{size}", "batch_size": size, "warmup_iterations": warmup, "warmup_seconds": 1.0})
    return pd.DataFrame(rows), trial_rows(*trials)


@pytest.mark.parametrize("warmup", [0, 1, 3])
def test_a_short_last_batch_makes_the_mean_iteration_smaller_than_the_batch_size(warmup):
    epochs, trials = short_tables([16, 1024, 1437], a=0.002, b=1e-5, warmup=warmup)
    table = throughput(epochs, trials, train_examples=SHORT).set_index("batch_size")
    assert table["examples_per_iteration"].tolist() == pytest.approx([SHORT / 90, SHORT / 2, SHORT])
    assert table.loc[1024, "iteration_seconds"] == pytest.approx(0.002 + 1e-5 * SHORT / 2)
    assert table.loc[1024, "examples_per_second"] == pytest.approx(SHORT / (2 * 0.002 + 1e-5 * SHORT))


def test_a_warm_first_batch_leaves_the_examples_of_the_short_one():
    epochs, trials = short_tables([1024], a=0.002, b=1e-5, warmup=1, epochs=1)
    row = one(throughput(epochs, trials))
    assert row["examples_per_iteration"] == SHORT - 1024
    assert row["iteration_seconds"] == pytest.approx(0.002 + 1e-5 * (SHORT - 1024))


def test_recipes_have_rows_of_their_own():
    epochs, trials = tables(100, [10, 20, 30])
    slow = epochs.assign(trial_id="u", epoch_seconds=2 * epochs["epoch_seconds"])
    both = pd.concat([trials.assign(recipe="a"), trials.assign(recipe="b", trial_id="u")])
    table = throughput(pd.concat([epochs, slow]), both)
    assert list(table.columns[:3]) == ["recipe", "batch_size", "examples_per_iteration"]
    assert table.set_index("recipe")["iteration_seconds"].to_dict() == pytest.approx({"a": 0.01, "b": 0.02})


def test_the_batch_size_of_a_point_is_examples_over_iterations():
    trials = pd.DataFrame({"batch_size": [1024, 1024, 16], "examples": [SHORT, 1024, 0], "iterations": [2, 1, 0]})
    assert examples_per_iteration(trials).to_dict() == {("", 16): 16.0, ("", 1024): (SHORT + 1024) / 3}
