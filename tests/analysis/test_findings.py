"""Conclusions about the target, from whole stores."""

import json

import pytest

from bs_study import Target
from bs_study.analysis import study_tables

TARGET = Target("accuracy", 0.9)
STEADY = (1.0, 1.03, 0.98)  # what three seeds make of a time


@pytest.fixture
def findings_of(write_study, trial):
    """Findings, by name, of cells (batch size, lr) -> train seconds to the target of each seed, or how they ended."""

    def evaluations(seconds, iterations, *, reached):
        common = {"epoch": 1.0, "load_seconds": 0.0, "eval_seconds": 0.1, "examples": 1, "iteration": iterations}
        return [common | {"train_seconds": seconds, "compute_seconds": seconds, "accuracy": 0.95 if reached else 0.5}]

    def updates(size, lr, seed, iterations):
        return int(iterations.get(size, 100) * (1 + 0.01 * seed) * (1 if lr == 0.2 else 2))

    def one(size, lr, seed, outcome, iterations):
        reached = isinstance(outcome, float)
        seconds = outcome if reached else 50.0
        status = "completed" if reached or outcome == "missed" else outcome
        columns = {"status": status, "train_seconds": seconds, "compute_seconds": seconds, "eval_seconds": 0.1}
        rows = evaluations(seconds, iterations, reached=reached)
        return trial(size, lr, seed, evaluations=rows, columns=columns)

    def judge(cells, *, iterations=None, config=None):
        trials = [
            one(size, lr, seed, outcome, updates(size, lr, seed, iterations or {}))
            for (size, lr), outcomes in cells.items()
            for seed, outcome in enumerate(outcomes)
        ]
        tables = study_tables(write_study(trials, config=config, metrics=("accuracy",)), target=TARGET)
        json.dumps(tables.findings, allow_nan=False)
        return {finding["name"]: finding for finding in tables.findings}

    return judge


def seeds(seconds, count=3):
    return [seconds * factor for factor in STEADY[:count]]


def at_one_lr(*outcomes, sizes=(10, 100, 1000)):
    return {(size, 0.1): outcome for size, outcome in zip(sizes, outcomes, strict=True)}


def tuned(seconds):
    """Cells of three lrs, the middle one best, so that no best lr lies on an edge."""
    return {
        (size, lr): seeds(value * factor)
        for size, value in seconds.items()
        for lr, factor in ((0.1, 2.0), (0.2, 1.0), (0.4, 2.0))
    }


def test_a_middle_batch_size_that_beats_both_ends_supports_the_claim(findings_of):
    finding = findings_of(at_one_lr(seeds(9.0), seeds(3.0), seeds(9.0)))["middle_batch_size"]
    assert finding["verdict"] == "supported"
    assert finding["evidence"]["at_lr"]["0.1"]["batch_size"] == 100


def test_an_end_that_beats_all_others_contradicts_it(findings_of):
    finding = findings_of(at_one_lr(seeds(3.0), seeds(9.0), seeds(20.0)))["middle_batch_size"]
    assert finding["verdict"] == "contradicted"


def test_ends_that_diverged_or_missed_later_than_the_winner_are_beaten(findings_of):
    finding = findings_of(at_one_lr(["diverged"] * 3, seeds(3.0), ["missed"] * 3))["middle_batch_size"]
    assert finding["verdict"] == "supported"


def test_an_end_censored_before_the_winners_time_is_not_beaten(findings_of):
    finding = findings_of(at_one_lr(["diverged"] * 3, seeds(60.0), ["missed"] * 3))["middle_batch_size"]
    assert finding["verdict"] == "undecided"
    assert "budget that ended earlier" in finding["reason"]


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        (at_one_lr([9.0], [3.0], [9.0]), "one seed"),
        (at_one_lr(seeds(3.1), seeds(3.0), seeds(9.0)), "holds 1"),
        (at_one_lr(seeds(3.1), seeds(3.0), sizes=(10, 100)), "fewer than 3 batch sizes"),
        (at_one_lr(["missed"], ["missed"], ["missed"]), "no batch size reached"),
        (at_one_lr(["failed"] * 2, seeds(3.0), seeds(9.0)), "no answer"),
    ],
    ids=["one seed", "too close", "two sizes", "nobody", "failed"],
)
def test_what_the_store_cannot_tell_is_undecided_with_its_reason(findings_of, cells, reason):
    finding = findings_of(cells)["middle_batch_size"]
    assert finding["verdict"] == "undecided"
    assert reason in finding["reason"]
    assert finding["reason"] in finding["how"]


def test_the_fastest_after_tuning_is_supported_when_it_beats_every_other(findings_of):
    finding = findings_of(tuned({10: 9.0, 100: 3.0, 1000: 6.0}))["fastest_after_tuning"]
    assert finding["verdict"] == "supported"
    assert "batch size 100 reaches" in finding["claim"]
    assert "the runner-up, 1000, takes 2× as long" in finding["claim"]
    assert finding["evidence"]["train_seconds"]["winner"]["lr"] == 0.2


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({(1000, 0.2): seeds(3.05)}, "batch size 1000: the interval of the ratio holds 1"),
        ({(1000, 0.4): seeds(5.0)}, "batch size 1000: its best lr is on the edge of the grid"),
        ({(1000, 0.2): [6.0]}, "batch size 1000: one seed"),
        ({(10, 0.4): ["missed"] * 2} | tuned({100: 60.0, 1000: 600.0}), "batch size 10: it missed within a budget"),
        ({(10, lr): ["failed"] for lr in (0.1, 0.2, 0.4)}, "batch size 10: its trials have no answer"),
    ],
    ids=["too close", "edge", "one seed", "censored", "failed"],
)
def test_a_rival_that_could_be_as_fast_leaves_the_winner_undecided(findings_of, change, reason):
    rival = 900.0 if len(change) > 3 else 9.0
    finding = findings_of(tuned({10: rival, 100: 3.0, 1000: 6.0}) | change)["fastest_after_tuning"]
    assert finding["verdict"] == "undecided"
    assert reason in finding["reason"]


def test_trials_that_have_not_ended_leave_the_winner_undecided(findings_of):
    cells = tuned({10: 9.0, 100: 3.0})
    config = {"batch_sizes": [10, 100], "lrs": [0.1, 0.2, 0.4, 0.8], "seeds": [0, 1, 2], "max_epochs": 1}
    assert "trials have not ended" in findings_of(cells, config=config)["fastest_after_tuning"]["reason"]


def test_one_batch_size_has_no_rival(findings_of):
    finding = findings_of(tuned({10: 9.0}))["fastest_after_tuning"]
    assert finding["reason"] == "the study has one batch size"


@pytest.mark.parametrize(("exponent", "verdict"), [(0.0, "supported"), (-1.0, "contradicted"), (-0.5, "undecided")])
def test_updates_that_stop_falling_are_told_from_perfect_scaling(findings_of, exponent, verdict):
    sizes = (10, 40, 160)
    cells = tuned(dict.fromkeys(sizes, 3.0))
    finding = findings_of(cells, iterations={size: 100_000 * size**exponent for size in sizes})["updates_saturate"]
    assert finding["evidence"]["slope"] == pytest.approx(exponent, abs=0.02)
    assert finding["verdict"] == verdict


def test_best_lrs_on_the_edge_leave_the_updates_undecided(findings_of):
    cells = {(size, lr): seeds(3.0) for size in (10, 40, 160) for lr in (0.1, 0.2)}
    assert "its best lr is on the edge" in findings_of(cells)["updates_saturate"]["reason"]


def test_a_large_batch_that_missed_leaves_its_updates_undecided(findings_of):
    cells = tuned({10: 3.0, 100: 3.0}) | {(1000, lr): ["missed"] * 3 for lr in (0.1, 0.2, 0.4)}
    assert "no lr reached the target at batch size 1000" in findings_of(cells)["updates_saturate"]["reason"]


def test_findings_of_nothing_are_all_undecided(write_study):
    tables = study_tables(write_study([]))
    assert {finding["verdict"] for finding in tables.findings} == {"undecided"}
    assert len(tables.findings) == 8
    assert all(finding["reason"] for finding in tables.findings)
    assert tables.lr_fit.empty
