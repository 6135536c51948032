"""Trials that a race cut off: their time is at least that, and they ran out of no budget."""

import numpy as np
import pandas as pd
import pytest

from bs_study import StudyConfig, Target
from bs_study.analysis.scaling import scaling
from bs_study.analysis.study import analyse_rows
from bs_study.analysis.windows import Curve, smoothness
from tests.analysis.hand_rows import hand_rows

RACED = {
    (10, 0.1): [1.0, 1.02, 0.98],
    (10, 0.2): ["outrun"],
    (20, 0.1): [2.0, 2.04, 1.96],
    (20, 0.2): ["outrun"],
}
"""Seconds; those that were outrun ended at 3 s."""


def raced(target=None):
    return analyse_rows(hand_rows(RACED, budget=3.0), target=target)


def test_a_cell_that_was_outrun_counts_as_outrun_with_where_it_ended():
    cell = raced().tables.convergence.set_index(["batch_size", "lr"]).loc[(10, 0.2)]
    assert (cell["outrun"], cell["missed"], cell["status"]) == (1, 0, "outrun")
    assert cell["censored_train_seconds"] == 3.0
    assert cell["censored_by"] == "outrun"


def test_asked_for_another_target_a_trial_that_was_outrun_was_not_tried():
    times = raced(Target("accuracy", 0.93)).tables.times
    assert set(times.loc[times["lr"] == 0.2, "outcome"]) == {"not_tried"}


def test_of_lrs_that_were_outrun_neither_a_rival_nor_a_budget_is_told():
    found = raced()
    assert "budget" not in {step.kind for step in found.recommendation.steps}
    assert (found.tables.best["censored_rivals_by_iterations"] == 0).all()
    assert "missed_earlier" not in {doubt.reason for verdict in found.verdicts for doubt in verdict.doubts}


def test_a_rival_that_was_outrun_before_the_winners_slowest_seed_is_open_by_its_one_seed_and_not_by_a_budget():
    late = RACED | {(10, 0.1): [1.0, 1.02, 3.3]}
    found = analyse_rows(hand_rows(late, budget=1.25))
    told = [doubt.reason for c in found.recommendation.comparisons if c.rival.lr == 0.2 for doubt in c.doubts]
    assert "one_seed" in told
    assert "missed_earlier" not in told


def test_a_rival_of_which_one_seed_was_outrun_is_slower_by_at_least_where_it_ended():
    found = raced().recommendation.comparisons
    own = next(c for c in found if c.rival == ("", 10, 0.2))
    assert own.is_slower
    assert own.ratio == pytest.approx(3.0, rel=0.01)


def cut_off(iterations, *, reason="outrun"):
    """The first windows of a calm trial that ended so early."""
    trial = {"trial_id": "a", "batch_size": 10, "lr": 0.1, "seed": 0, "status": "completed", "stop_reason": reason}
    rng = np.random.default_rng(0)
    loss = 2.0 - 1.5 * np.linspace(0, 1, iterations) + rng.normal(0, 0.01, iterations)
    curve = Curve(10 * np.arange(1, iterations + 1), loss)
    table = smoothness(lambda _: curve, pd.DataFrame([trial | {"iterations": iterations, "examples": 10 * iterations}]))
    return table.set_index("window").loc["first_1000"]


def test_of_a_trial_that_was_outrun_early_neither_stability_nor_noise_is_known():
    found = cut_off(300)
    assert pd.isna(found["stability"])
    assert np.isnan(found["noise"])
    assert cut_off(300, reason="target")["stability"] == "stable"


def test_a_trial_that_was_outrun_after_the_whole_window_was_stable_in_it():
    assert cut_off(1200)["stability"] == "stable"


def test_the_largest_stable_lr_is_none_that_was_outrun():
    tables = raced().tables
    lrs = scaling(tables.convergence, tables.trials, best=tables.best)
    assert list(lrs["largest_stable_lr"]) == [0.1, 0.1]


CONFIG = StudyConfig(
    workload="digits", batch_sizes=(10, 20), lrs=(0.1,), seeds=(0, 1), max_epochs=1, target="accuracy>=0.9"
)
CLOSE = {(10, 0.1): [1.0, 1.2, 1.1], (20, 0.1): [1.1, 1.3, 1.2]}


def seed_steps(cells, **settings):
    rows = hand_rows(cells, config=StudyConfig.model_validate(CONFIG.model_dump() | settings))
    return [step for step in analyse_rows(rows).recommendation.steps if step.kind == "seeds"]


def test_to_a_study_of_a_list_of_seeds_more_are_added_where_they_decide():
    (step,) = seed_steps(CLOSE)
    assert (step.is_auto, step.seeds, step.trials) == (True, (), 2)  # of the winner and its only rival


def test_a_study_whose_rounds_are_used_up_may_have_more_of_them_and_one_that_goes_on_needs_none():
    (step,) = seed_steps(CLOSE, seeds="auto", max_seeds=3)
    assert (step.is_auto, step.max_seeds) == (False, 7)
    assert seed_steps(CLOSE, seeds="auto", max_seeds=8) == []
