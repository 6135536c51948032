import numpy as np
import pandas as pd
import pytest

from bs_study.analysis.timing_errors import timing_errors
from bs_study.analysis.verdict import CLAIM_CONFIDENCE
from bs_study.analysis.verdicts_speed import epoch_time_falls, iteration_time_is_flat

TRAIN_EXAMPLES = 10_000


def timed(epoch_seconds, *, spread=0.02, repeats=10, load_share=0.1, source="timings"):
    """What `clean_throughput` returns, as far as verdicts read it: the quickest and the slowest repeat 2 % off."""
    rows = []
    for size, seconds in epoch_seconds.items():
        iteration = seconds * size / TRAIN_EXAMPLES
        row = {"batch_size": size, "examples_per_iteration": float(size), "trials": 1, "epochs": repeats}
        row |= {"load_seconds": load_share * seconds, "epoch_seconds": seconds, "iteration_seconds": iteration}
        ends = {"iteration_seconds_low": iteration * (1 - spread), "iteration_seconds_high": iteration * (1 + spread)}
        rows.append(row | ends | {"source": source})
    return pd.DataFrame(rows)


def reasons(verdict):
    assert verdict.outcome == "undecided"
    return [doubt.reason for doubt in verdict.doubts]


FALLING = {1: 100.0, 10: 12.0, 100: 3.0, 1000: 2.1, 10000: 2.0}


def test_epochs_that_get_shorter_until_the_device_limits_them_support_the_claim():
    verdict = epoch_time_falls(timed(FALLING))
    assert (verdict.claim, verdict.outcome, verdict.doubts) == ("epoch_time", "supported", ())
    assert (verdict.evidence["fastest_batch_size"], verdict.evidence["level_from_batch_size"]) == (10_000, 1000)
    assert verdict.evidence["limited_by"] == "device"
    assert epoch_time_falls(timed(FALLING, load_share=0.8)).evidence["limited_by"] == "load"
    assert verdict.evidence["ratio"] == pytest.approx(50)
    assert 1 < verdict.evidence["ratio_low"] < 50 < verdict.evidence["ratio_high"]


def test_a_rise_beyond_the_fastest_batch_size_is_a_limit_not_a_contradiction():
    verdict = epoch_time_falls(timed(FALLING | {100_000: 9.0}))
    assert verdict.outcome == "supported"
    assert verdict.evidence["fastest_batch_size"] == 10_000


def test_epochs_that_get_longer_contradict_it():
    assert epoch_time_falls(timed({1: 1.0, 10: 2.0, 100: 4.0})).outcome == "contradicted"


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        (timed(FALLING)[:0], "few_batch_sizes"),
        (timed({10: 2.0, 100: 1.0}), "few_batch_sizes"),
        (timed({1: 1.0, 10: 0.97, 100: 0.95}), "within_timing"),
        (timed({1: 1.0, 10: 0.5, 100: 0.45}, spread=0.9, repeats=3), "within_timing"),
        (timed({1: 1.0, 10: 0.3, 100: 0.45}, repeats=1), "within_timing"),
        (timed({1: 10.0, 10: 1.0, 100: 8.0, 1000: 0.9}), "mixed"),
    ],
    ids=["nothing", "two", "level", "spread", "one repeat each, no line", "up and down"],
)
def test_epoch_times_that_do_not_settle_it_leave_it_undecided(table, reason):
    assert reasons(epoch_time_falls(table)) == [reason]


def test_single_repeats_settle_it_where_they_lie_on_a_line():
    exact = {size: 2.0 + 100.0 / size for size in (1, 10, 100, 1000)}
    assert epoch_time_falls(timed(exact, repeats=1)).outcome == "supported"


def iterations(seconds, **how):
    return timed({size: value * TRAIN_EXAMPLES / size for size, value in seconds.items()}, **how)


def test_iterations_that_take_as_long_support_the_claim_up_to_where_they_do():
    verdict = iteration_time_is_flat(iterations({1: 1.0, 10: 1.03, 100: 1.05, 1000: 3.0}))
    assert (verdict.claim, verdict.outcome) == ("iteration_time", "supported")
    assert verdict.evidence["up_to_batch_size"] == 100
    assert verdict.evidence["longer_by"] == pytest.approx(0.05)
    assert verdict.evidence["longer_by_high"] < 0.25


def test_iterations_that_take_twice_as_long_for_twice_the_batch_contradict_it():
    assert iteration_time_is_flat(iterations({1: 1.0, 2: 2.0, 4: 4.0})).outcome == "contradicted"


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        (iterations({1: 1.0, 4: 1.2, 16: 1.5}), "too_spread"),
        (iterations({1: 1.0, 4: 1.3, 16: 1.3}), "too_spread"),
        (iterations({1: 1.0, 2: 2.0, 4: 4.0}, spread=0.9, repeats=2), "too_spread"),
        (iterations({1: 1.0, 100: 3.0, 1000: 30.0}), "far_apart"),
        (iterations({2: 1.0, 3: 1.0, 4: 1.0}), "narrow_range"),
        (iterations({1: 1.0, 2: 1.0}), "few_batch_sizes"),
    ],
    ids=["maybe flat", "maybe longer", "spread", "far apart", "narrow", "two"],
)
def test_iteration_times_that_do_not_settle_it_leave_it_undecided(table, reason):
    assert reasons(iteration_time_is_flat(table)) == [reason]


def simulated(iteration_seconds, rng, *, source, trials=1, repeats=1, noise=0.03, between=0.0):
    """A speed table of times with log-normal noise of each repeat, and noise that a trial's repeats share."""
    rows = []
    for size, seconds in iteration_seconds.items():
        shared = rng.normal(0, between, (trials, 1))
        times = seconds * np.exp(rng.normal(0, noise, (trials, repeats)) + shared)
        low, middle, high = (np.quantile(np.quantile(times, q, axis=1), q) for q in (0.25, 0.5, 0.75))
        if source == "timings":
            low, high = times.min(), times.max()
        row = {"batch_size": size, "examples_per_iteration": float(size), "trials": trials, "epochs": trials * repeats}
        row |= {"iteration_seconds": middle, "iteration_seconds_low": low, "iteration_seconds_high": high}
        epoch = middle * TRAIN_EXAMPLES / size
        rows.append(row | {"epoch_seconds": epoch, "load_seconds": 0.1 * epoch, "source": source})
    return pd.DataFrame(rows)


NOISES = [
    {"source": "timings", "repeats": 3},
    {"source": "timings", "repeats": 8, "noise": 0.2},
    {"source": "timings", "repeats": 5, "noise": 0.01, "between": 0.02},
    {"source": "trials", "repeats": 1, "trials": 3, "noise": 0.2},
    {"source": "trials", "repeats": 5, "trials": 9, "noise": 0.1, "between": 0.1},
    {"source": "trials", "repeats": 1},
]


@pytest.mark.parametrize("noise", NOISES)
def test_epoch_times_that_are_truly_equal_are_hardly_ever_ranked(noise):
    rng = np.random.default_rng(0)
    truth = {size: 1e-4 * size for size in (1, 4, 16, 64, 256)}  # an example takes as long in any batch
    outcomes = [epoch_time_falls(simulated(truth, rng, **noise)).outcome for _ in range(200)]
    assert np.mean([outcome != "undecided" for outcome in outcomes]) <= 0.02  # nominal: 0.00625, two errors more


@pytest.mark.parametrize("noise", NOISES[:4:3])
@pytest.mark.parametrize(("longer", "false"), [(1.2, "contradicted"), (1.3, "supported")])
def test_an_iteration_that_is_near_the_limit_is_hardly_ever_judged_wrong(noise, longer, false):
    rng = np.random.default_rng(0)
    truth = {1: 1.0, 4: longer, 16: 4.0}
    outcomes = [iteration_time_is_flat(simulated(truth, rng, **noise)).outcome for _ in range(200)]
    assert outcomes.count(false) <= 0.02 * 200


@pytest.mark.parametrize("noise", NOISES[:-1])
def test_epochs_that_truly_fall_ten_times_are_told_whatever_the_noise(noise):
    rng = np.random.default_rng(0)
    truth = {size: 0.01 + 1e-5 * size for size in (8, 64, 512, 4096)}
    outcomes = [epoch_time_falls(simulated(truth, rng, **noise)).outcome for _ in range(50)]
    assert outcomes.count("supported") >= 48


@pytest.mark.parametrize("noise", NOISES[:2])
def test_the_error_of_a_time_is_about_that_of_its_median(noise):
    rng = np.random.default_rng(0)
    tables = [simulated(dict.fromkeys((1, 2, 4, 8), 1.0), rng, **noise) for _ in range(300)]
    true = np.std(np.log([table["iteration_seconds"].iloc[0] for table in tables]))
    said = np.mean([timing_errors(table).errors[0] for table in tables])
    assert true < said < 1.6 * true


def test_repeats_that_agree_by_chance_are_no_surer_than_those_of_other_batch_sizes():
    table = timed({1: 1.0, 2: 1.0, 4: 1.0, 8: 1.0}, spread=0.2, repeats=3)
    table.loc[0, ["iteration_seconds_low", "iteration_seconds_high"]] = table.loc[0, "iteration_seconds"]
    errors = timing_errors(table).errors
    assert errors[0] > 0.8 * errors[1] > 0.1


def test_half_of_the_level_is_for_the_soonest_batch_size_and_the_rest_is_shared_by_eight_claims():
    assert epoch_time_falls(timed(FALLING)).evidence["confidence"] == CLAIM_CONFIDENCE == pytest.approx(1 - 0.025 / 8)
