import pandas as pd
import pytest

from bs_study.analysis.speed_findings import epoch_time_falls, iteration_time_is_flat


def timed(epoch_seconds, *, spread=0.02, epochs=10, load_share=0.1, train_examples=10_000):
    rows = []
    for size, seconds in epoch_seconds.items():
        iteration = seconds * size / train_examples
        row = {"batch_size": size, "epochs": epochs, "load_seconds": load_share * seconds}
        for name, value in (("epoch_seconds", seconds), ("iteration_seconds", iteration)):
            row |= {name: value, f"{name}_low": value * (1 - spread), f"{name}_high": value * (1 + spread)}
        rows.append(row)
    return pd.DataFrame(rows)


FALLING = {1: 100.0, 10: 12.0, 100: 3.0, 1000: 2.1, 10000: 2.0}


def test_epochs_that_get_shorter_until_the_device_limits_them_support_the_claim():
    finding = epoch_time_falls(timed(FALLING))
    assert finding.verdict == "supported"
    assert "up to batch size 1000, where the device limits it" in finding.claim
    assert "loading limits it" in epoch_time_falls(timed(FALLING, load_share=0.8)).claim


def test_a_rise_beyond_the_fastest_batch_size_is_a_limit_not_a_contradiction():
    finding = epoch_time_falls(timed(FALLING | {100_000: 9.0}))
    assert finding.verdict == "supported"
    assert finding.evidence["fastest_batch_size"] == 10_000


def test_epochs_still_getting_shorter_at_the_end_show_no_limit():
    assert "limits" not in epoch_time_falls(timed({1: 100.0, 10: 10.0, 100: 1.0})).claim


def test_epochs_that_get_longer_contradict_it():
    assert epoch_time_falls(timed({1: 1.0, 10: 2.0, 100: 4.0})).verdict == "contradicted"


@pytest.mark.parametrize(
    "table",
    [
        timed({}),
        timed({10: 1.0}),
        timed({10: 2.0, 100: 1.0}),
        timed({1: 1.0, 10: 0.97, 100: 0.95}),
        timed(FALLING, spread=2.0),
        timed({1: 1.0, 10: 0.5, 100: 0.45, 1000: 0.44}, epochs=1),
        timed({1: 10.0, 10: 1.0, 100: 8.0, 1000: 0.9}),
    ],
    ids=["nothing", "one", "two", "level", "spread", "one epoch each", "up and down"],
)
def test_epoch_times_that_do_not_settle_it_leave_it_undecided(table):
    if len(table) == 0:
        table = timed(FALLING)[:0]
    finding = epoch_time_falls(table)
    assert finding.verdict == "undecided"
    assert finding.reason


def test_single_epochs_settle_it_when_their_trend_does():
    exact = {size: 100.0 / size for size in (1, 10, 100, 1000)}
    assert epoch_time_falls(timed(exact, epochs=1)).verdict == "supported"


def iterations(seconds):
    return timed({size: value * 10_000 / size for size, value in seconds.items()})


def test_iterations_that_take_as_long_support_the_claim_up_to_where_they_do():
    finding = iteration_time_is_flat(iterations({1: 1.0, 10: 1.05, 100: 1.2, 1000: 3.0}))
    assert finding.verdict == "supported"
    assert finding.claim.endswith("up to batch size 100")
    assert finding.evidence["longer_by"] == pytest.approx(0.2)


def test_iterations_that_take_twice_as_long_for_twice_the_batch_contradict_it():
    assert iteration_time_is_flat(iterations({1: 1.0, 2: 2.0, 4: 4.0})).verdict == "contradicted"


def test_single_epochs_show_no_spread_that_an_iteration_could_exceed():
    few = iterations({1: 1.0, 2: 1.4, 4: 1.3}).assign(epochs=1)
    assert iteration_time_is_flat(few).verdict == "undecided"


def test_batch_sizes_too_far_apart_or_too_few_leave_it_undecided():
    assert iteration_time_is_flat(iterations({1: 1.0, 100: 3.0, 1000: 30.0})).verdict == "undecided"
    assert iteration_time_is_flat(iterations({1: 1.0, 2: 1.0})).verdict == "undecided"
    assert iteration_time_is_flat(timed(FALLING)[:0]).verdict == "undecided"
