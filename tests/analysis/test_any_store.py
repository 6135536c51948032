"""What holds of every store, whatever is missing from it: on small stores drawn at random."""

import math
import random
import statistics
import warnings

import numpy as np
import pytest

from bs_study import Target, analyse

STATUSES = ["completed", "completed", "completed", "diverged", "failed", "out_of_memory", "unheard-of", None]
CLOCKS = ("iterations", "examples", "train_seconds", "compute_seconds", "wall_seconds")
OUTCOMES = ["reached", "missed", "not_tried", "diverged", "out_of_memory", "failed", "not_evaluated"]
COLUMNS = {
    "momentum": [0.5, 0.9, None],
    "optimizer": ["sgd", "adam", None],
    "warmup_iterations": [3, None],
    "stop_reason": ["target", "max_epochs", None],
    "max_epochs": [2.5, None],
    "max_iterations": [100, None],
    "train_seconds": [3.0, None],
    "eval_seconds": [0.2, None],
}


def losses(draw):
    count = draw.choice([0, 1, 2, 3, 51, 120, 1100])
    loss = 2 * np.exp(-np.arange(count) / 100) + np.random.default_rng(draw.randrange(1000)).normal(0, 0.1, count)
    if count and draw.random() < 0.2:
        loss[draw.randrange(count)] = draw.choice([np.nan, np.inf, 50.0])
    return loss if draw.random() < 0.9 else np.zeros(count)


def evaluation(draw, k, batch_size):
    clocks = {name: draw.choice([k * 1.0, 0.0, None]) for name in ("train_seconds", "compute_seconds", "eval_seconds")}
    row = {"epoch": float(k), "iteration": 10 * k, "examples": 10 * k * batch_size, "load_seconds": None}
    return row | clocks | {"accuracy": draw.choice([np.nan, None, np.inf, 0.95, 0.5])}


def epoch(draw, k, batch_size):
    clocks = {name: draw.choice([1.0, 2.0, 0.0, None]) for name in ("epoch_seconds", "load_seconds", "compute_seconds")}
    row = {"epoch": k, "iterations": 10 * k, "examples": 10 * k * batch_size, "peak_memory_bytes": None}
    return row | clocks


def random_trials(draw, trial):
    known = draw.sample(sorted(COLUMNS), draw.randint(0, len(COLUMNS)))
    for batch_size in draw.sample([1, 6, 60, 600, 6000], draw.randint(0, 5)):
        for lr in draw.sample([0.01, 0.02, 0.04, 0.08], draw.randint(1, 4)):
            for seed in range(draw.randint(0, 3)):
                yield trial(
                    batch_size,
                    lr,
                    seed,
                    loss=losses(draw),
                    epochs=[epoch(draw, k, batch_size) for k in range(1, draw.randint(1, 4))],
                    evaluations=[evaluation(draw, k, batch_size) for k in range(1, draw.randint(1, 5))],
                    columns={"status": draw.choice(STATUSES)} | {name: draw.choice(COLUMNS[name]) for name in known},
                )


@pytest.fixture(scope="module", params=range(12))
def drawn(request, tmp_path_factory, write_study_in, trial):
    """The trials of a store, and its tables."""
    trials = list(random_trials(random.Random(request.param), trial))
    study = write_study_in(tmp_path_factory.mktemp("store"), trials, metrics=("accuracy",))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return trials, analyse(study, target=Target("accuracy", 0.9))


@pytest.fixture
def tables(drawn):
    return drawn[1].tables


def test_the_best_is_the_reached_cell_with_the_smallest_time_of_its_batch_size(tables):
    for clock in CLOCKS:
        for row in tables.best.to_dict("records"):
            own = tables.convergence[tables.convergence["batch_size"] == row["batch_size"]]
            times = {lr: time for lr, time in zip(own["lr"], own[f"{clock}_to_target"], strict=True) if time == time}
            assert row[f"{clock}_to_target"] == pytest.approx(min(times.values(), default=math.nan), nan_ok=True)
            if times:
                assert times[row[f"best_lr_by_{clock}"]] == min(times.values())


def test_every_trial_has_one_outcome_and_no_time_is_infinite(tables):
    assert (tables.convergence[OUTCOMES].sum(axis=1) == tables.convergence["seeds"]).all()
    assert tables.convergence["seeds"].sum() == len(tables.trials)
    assert not np.isinf(tables.convergence.filter(like="_to_target").to_numpy(float)).any()


def time_by_hand(trial, clock):
    """Return a trial's time to the target: infinite where it missed, NaN where its clock is not known; else None."""
    pauses = 0.0
    for row in trial.evaluations:
        pauses += math.nan if row["eval_seconds"] is None else row["eval_seconds"]
        if row["accuracy"] is not None and row["accuracy"] >= 0.9:
            name = {"iterations": "iteration", "wall_seconds": "train_seconds"}.get(clock, clock)
            seconds = row[name] or math.nan  # a clock of 0 covers no iteration
            if name.endswith("seconds"):  # which leaves the warm-up out
                seconds *= row["iteration"] / (row["iteration"] - (trial.columns.get("warmup_iterations") or 0))
            return seconds + pauses if clock == "wall_seconds" else seconds
    status = trial.columns["status"] or "completed"
    is_answer = status in ("diverged", "out_of_memory") or (status == "completed" and trial.evaluations)
    return math.inf if is_answer else None


@pytest.mark.parametrize("clock", CLOCKS)
def test_a_cells_time_is_the_median_over_its_trials_each_read_row_by_row(drawn, clock):
    trials, analysis = drawn
    found = analysis.tables.convergence.set_index(["batch_size", "lr"])[f"{clock}_to_target"]
    by_cell = {}
    for trial in trials:
        by_cell.setdefault((trial.batch_size, trial.lr), []).append(time_by_hand(trial, clock))
    assert set(found.index) == set(by_cell)
    for cell, times in by_cell.items():
        known = [time for time in times if time is not None]
        median = math.nan if not known or any(map(math.isnan, known)) else statistics.median(known)
        assert found[cell] == pytest.approx(median if math.isfinite(median) else math.nan, nan_ok=True)


def test_a_verdict_is_open_exactly_if_it_has_doubts(drawn):
    analysis = drawn[1]
    assert len(analysis.verdicts) == 8
    assert all((verdict.outcome == "undecided") == bool(verdict.doubts) for verdict in analysis.verdicts)


def test_a_rival_is_either_slower_or_as_good_and_the_winner_is_settled_only_if_all_are_slower(drawn):
    found = drawn[1].recommendation
    if found.best is None:
        assert found.doubts
    else:
        assert {*found.as_good, *found.slower} == set(found.comparisons)
        assert set(found.as_good).isdisjoint(found.slower)
        others = [c for c in found.comparisons if c.rival.batch_size != found.best.cell.batch_size]
        assert found.fastest.outcome == "undecided" or all(c.is_slower for c in others)
