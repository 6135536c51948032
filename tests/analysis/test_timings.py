"""Times of the timing pass: whose they are, what follows from them, and that they rank where they are whole."""

import numpy as np
import pandas as pd
import pytest

from bs_study import analyse
from bs_study.analysis.convergence import convergence, time_to_target, trial_times
from bs_study.analysis.timings import clean_iteration_seconds, clean_throughput, trials_own_timings
from bs_study.config import TrialConfig
from bs_study.store.schema import table_schema
from bs_study.store.timings import write_timing
from bs_study.target import Target

TARGET = Target("loss", 0.5, "min")
CONFIG = {"batch_sizes": [10, 20], "lrs": [0.1], "seeds": [0, 1], "max_iterations": 200, "target": "loss<=0.5"}


def timing(batch_size, seconds=0.01, **columns):
    measured = {"iteration_seconds_low": 0.9 * seconds, "iteration_seconds_high": 1.2 * seconds, "repeats": 5}
    measured |= {"iteration_seconds": seconds, "iteration_seconds_spread": 0.3, "iterations": 10}
    measured |= {"load_seconds": 0.1 * seconds, "compute_seconds": 0.8 * seconds, "neighbours": 0}
    where = {"status": "completed", "device_name": "abacus", "threads": 1, "end_time": pd.Timestamp(0, tz="UTC")}
    return {"batch_size": batch_size, "examples_per_second": batch_size / seconds} | measured | where | columns


def timings(*rows):
    return pd.DataFrame(rows, columns=table_schema("timings").names)


def trials(*sizes, **columns):
    row = {"device_name": "abacus", "threads": 1, "status": "completed"} | columns
    return pd.DataFrame([row | {"batch_size": size} for size in sizes])


def test_times_of_the_machine_that_most_trials_ran_on_count():
    both = timings(timing(10, 0.01), timing(10, 0.02, device_name="loom"), timing(10, 0.03, threads=2))
    own = trials_own_timings(both, pd.concat([trials(10), trials(10, 10, device_name="loom")]))
    assert clean_iteration_seconds(own) == {10: 0.02}


def test_of_two_timings_of_a_batch_size_the_newest_counts():
    later = pd.Timestamp(1, tz="UTC")
    own = trials_own_timings(timings(timing(10, 0.02, end_time=later), timing(10, 0.01)), trials(10))
    assert clean_iteration_seconds(own) == {10: 0.02}


@pytest.mark.parametrize("status", ["failed", "out_of_memory"])
def test_times_that_lack_a_batch_size_that_trained_are_not_used_at_all(status):
    half = timings(timing(10), timing(20, status=status))
    assert len(trials_own_timings(half, trials(10, 20))) == 0
    assert len(trials_own_timings(half, pd.concat([trials(10), trials(20, status="out_of_memory")]))) == 1


def test_without_timings_or_without_a_machine_nothing_is_known():
    assert len(trials_own_timings(timings(), trials(10))) == 0
    assert len(trials_own_timings(timings(timing(10)), trials(10).drop(columns="device_name"))) == 0


def test_an_epoch_takes_its_examples_at_the_measured_pace():
    row = clean_throughput(timings(timing(100, 0.01)), train_examples=1000).iloc[0]
    assert row["iteration_seconds"] == 0.01
    assert row["epoch_seconds"] == pytest.approx(0.1)
    assert (row["epoch_seconds_low"], row["epoch_seconds_high"]) == pytest.approx((0.09, 0.12))
    assert (row["load_seconds"], row["compute_seconds"]) == pytest.approx((0.01, 0.08))
    assert row["examples_per_second_high"] == pytest.approx(10_000 / 0.9)
    assert row["load_share"] == pytest.approx(0.1)
    assert row["examples_per_iteration"] == 100
    assert row["source"] == "timings"


def test_a_short_last_batch_counts_with_its_own_examples():
    """An epoch of 1,437 examples in batches of 1,024 has two iterations."""
    own = timings(timing(1024, 0.01, examples_per_second=718.5 / 0.01))
    row = clean_throughput(own, train_examples=1437).iloc[0]
    assert row["examples_per_iteration"] == pytest.approx(718.5)
    assert row["epoch_seconds"] == pytest.approx(0.02)


@pytest.mark.parametrize(
    ("flag", "spread", "disturbed"),
    [(True, 0.01, True), (False, 0.3, False), (None, 0.3, True), (None, 0.1, False)],
    ids=["others took the processor", "told not to be", "an older store's repeats differ", "an older store"],
)
def test_a_timing_was_disturbed_as_it_says_or_in_older_stores_as_its_repeats_differ(flag, spread, disturbed):
    own = timings(timing(10, disturbed=flag, iteration_seconds_spread=spread))
    assert clean_throughput(own, train_examples=1000)["disturbed"].tolist() == [disturbed]


def evaluation(iteration, **metrics):
    row = {"epoch": 1.0, "iteration": iteration, "examples": iteration * 10, "load_seconds": 0.0, "eval_seconds": 0.1}
    return row | {"train_seconds": iteration * 0.1, "compute_seconds": iteration * 0.1} | metrics


def rows(iterations, loss):
    keys = {"trial_id": "t", "batch_size": 10, "lr": 0.1, "seed": 0}
    return pd.DataFrame([keys | evaluation(i, loss=value) for i, value in zip(iterations, loss, strict=True)])


def test_clean_seconds_are_the_iterations_times_the_time_of_one():
    evaluations = rows([100, 200], [0.9, 0.4])
    clean = time_to_target(evaluations, target=TARGET, clean={10: 0.01})
    assert clean["clean_seconds_to_target"].tolist() == pytest.approx([2.0])
    assert clean["train_seconds_to_target"].tolist() == pytest.approx([20.0])
    assert time_to_target(evaluations, target=TARGET)["clean_seconds_to_target"].isna().all()


def test_a_trial_that_missed_is_censored_at_its_iterations_times_the_time_of_one():
    trial = {"trial_id": "t", "batch_size": 10, "lr": 0.1, "seed": 0, "status": "completed", "iterations": 300}
    times = trial_times(rows([300], [0.9]), pd.DataFrame([trial]), target=TARGET, clean={10: 0.01})
    cells = convergence(times)
    assert np.isnan(cells["clean_seconds_to_target"].iloc[0])
    assert cells["censored_clean_seconds"].tolist() == pytest.approx([3.0])


@pytest.fixture
def study(write_study, trial):
    """Batch size 10 takes 100 iterations and 20 takes 60, by clocks that say 10 s and 3 s; two seeds each."""
    machine = {"device_name": "abacus", "threads": 1, "neighbours": 1}
    trials = [
        trial(
            size,
            0.1,
            seed,
            evaluations=[
                evaluation(count - 5, loss=0.6, train_seconds=0.95 * seconds),
                evaluation(count, loss=0.4, train_seconds=seconds),
            ],
            columns=machine,
        )
        for size, count, seconds in ((10, 100, 10.0), (20, 60, 3.0))
        for seed in (0, 1)
    ]
    return write_study(trials, config=CONFIG, metrics=("loss",))


def time_alone(study, batch_size, seconds):
    config = TrialConfig(batch_size=batch_size, lr=0.1, seed=0, max_iterations=200)
    write_timing(study.paths, f"timing-b{batch_size}-3f9a2c", config, timing(batch_size, seconds))


def test_a_study_that_was_timed_is_ranked_by_clean_seconds_and_says_so(study):
    time_alone(study, 10, 0.01)
    time_alone(study, 20, 0.1)
    found = analyse(study)
    tables, told = found.tables, found.recommendation
    assert (tables.clock, tables.speed["source"].tolist()) == ("clean_seconds", ["timings"] * 2)
    assert tables.throughput_fit["source"].tolist() == ["timings"]
    assert tables.convergence["clean_seconds_to_target"].tolist() == pytest.approx([1.0, 6.0])
    assert tables.convergence["train_seconds_to_target"].tolist() == pytest.approx([10.0, 3.0])
    assert (told.clock, told.best.batch_size, told.best.value) == ("clean_seconds", 10, pytest.approx(1.0))
    assert told.by_clock["train_seconds"].batch_size == 20
    assert told.fastest.evidence["batch_size"] == 10


def test_a_study_that_was_not_timed_is_ranked_by_its_clocks(study):
    found = analyse(study)
    assert found.recommendation.clock == "train_seconds"
    assert found.recommendation.best.batch_size == 20
    assert "untimed" not in {warning.kind for warning in found.warnings}


def test_a_timing_pass_that_lacks_a_batch_size_is_left_out_and_the_reader_is_told(study):
    time_alone(study, 10, 0.01)
    found = analyse(study)
    assert found.recommendation.clock == "train_seconds"
    assert "untimed" in {warning.kind for warning in found.warnings}
