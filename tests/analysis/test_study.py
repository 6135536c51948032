"""The whole analysis: from rows, whose seconds a reader can check, to one recommendation."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bs_study import StudyConfig, Target, analyse
from bs_study.analysis.study import analyse_rows
from bs_study.analysis.trials import Cell
from tests.analysis.hand_rows import TARGET, hand_rows, joined

STEADY = (0.98, 1.0, 1.02)  # what three seeds make of a time


def seeds(seconds):
    return [seconds * factor for factor in STEADY]


def tuned(seconds):
    """Cells of three lrs, the middle one best, so that no best lr lies on an edge."""
    return {
        (size, lr): seeds(value * factor)
        for size, value in seconds.items()
        for lr, factor in ((0.1, 2.0), (0.2, 1.0), (0.4, 2.0))
    }


def found_of(cells, **options):
    return analyse_rows(hand_rows(cells, **options), target=TARGET).recommendation


def reasons(doubts):
    return {doubt.reason for doubt in doubts}


def kinds(found):
    return [step.kind for step in found.steps]


def test_the_fastest_cell_is_recommended_and_settled_once_every_other_batch_size_is_known_to_be_slower():
    found = found_of(tuned({10: 9.0, 100: 3.0, 1000: 6.0}))
    assert found.best.cell == Cell("", 100, 0.2)
    assert found.best.value == pytest.approx(3.0)
    assert found.best.low < 3.0 < found.best.high
    assert (found.best.seeds, found.best.reached, found.best.tied, found.best.chosen_from) == (3, 3, 1, 9)
    assert (found.grade, found.doubts, found.fastest.outcome) == ("settled", (), "supported")
    assert found.clock == "train_seconds"
    assert [c.rival.batch_size for c in found.slower] == [1000, 10, 100, 100]
    assert found.as_good == ()
    assert found.comparisons[0].ratio == pytest.approx(2.0, rel=1e-6)


LATE = tuned({100: 60.0, 1000: 600.0})


@pytest.mark.parametrize(
    ("change", "reason", "step"),
    [
        ({(1000, 0.2): [2.8, 3.2, 3.4]}, "within_spread", "seeds"),
        ({(1000, 0.4): seeds(5.0)}, "lr_on_edge", "lrs"),
        ({(1000, lr): [6.0] for lr in (0.1, 0.2, 0.4)}, "one_seed", "seeds"),
        ({(10, lr): ["missed"] * 3 for lr in (0.1, 0.2, 0.4)} | LATE, "missed_earlier", "budget"),
        ({(10, lr): ["stopped"] * 3 for lr in (0.1, 0.2, 0.4)} | LATE, "not_tried", "budget"),
        ({(10, lr): ["failed"] for lr in (0.1, 0.2, 0.4)}, "no_answer", "finish"),
        ({(100, 0.2): [3.0, 3.0, "missed"]}, "missed_seeds", "seeds"),
    ],
    ids=["too close", "edge", "one seed", "missed", "stopped", "failed", "a seed missed"],
)  # fmt: skip
def test_what_could_overturn_the_winner_is_a_doubt_with_a_step_that_would_settle_it(change, reason, step):
    found = found_of(tuned({10: 9.0, 100: 3.0, 1000: 6.0}) | change)
    assert reason in reasons(found.doubts)
    assert found.fastest.outcome == "undecided"
    assert found.grade != "settled"
    assert step in kinds(found)


def test_a_best_lr_on_the_edge_leaves_the_batch_size_known_and_the_recommendation_not_settled():
    found = found_of({(10, 0.1): seeds(9.0), (10, 0.2): seeds(8.0), (10, 0.4): seeds(9.0),
                      (20, 0.1): seeds(3.0), (20, 0.2): seeds(2.0)})  # fmt: skip
    assert found.fastest.outcome == "supported"
    assert found.grade == "leaning"
    assert [(d.reason, d.batch_size) for d in found.doubts] == [("lr_on_edge", 20)]
    (lrs,) = [step for step in found.steps if step.kind == "lrs"]
    assert (lrs.lrs, lrs.at) == ((0.4, 0.8), (20,))


def test_with_an_lr_rule_the_lrs_to_add_are_those_of_the_base_batch_size():
    config = StudyConfig(batch_sizes=[20], lrs=[0.1, 0.2], max_epochs=1, lr_rule="linear", base_batch_size=10)
    found = found_of({(20, 0.2): seeds(3.0), (20, 0.4): seeds(2.0)}, config=config)
    assert [step.lrs for step in found.steps if step.kind == "lrs"] == [(0.4, 0.8)]


def test_trials_that_have_not_ended_leave_it_open_and_the_first_step_ends_them():
    cells = tuned({10: 9.0, 100: 3.0})
    asked = [(size, lr, seed) for size in (10, 100) for lr in (0.1, 0.2, 0.4, 0.8) for seed in range(3)]
    found = found_of(cells, asked=asked)
    assert "not_ended" in reasons(found.doubts)
    assert (found.state.expected, found.state.ended, found.state.left) == (24, 18, 6)
    assert (found.steps[0].kind, found.steps[0].trials) == ("finish", 6)


def test_one_batch_size_has_no_rival_and_the_step_is_another():
    found = found_of(tuned({16: 9.0}))
    assert reasons(found.doubts) == {"alone"}
    assert [step.batch_sizes for step in found.steps if step.kind == "batch_sizes"] == [(8, 32)]


def test_the_seeds_to_add_are_new_ones():
    found = found_of({(10, 0.1): [9.0], (20, 0.1): [3.0]})
    (step,) = [step for step in found.steps if step.kind == "seeds"]
    assert (step.seeds, step.trials) == ((1, 2), 4)


def test_where_nothing_reached_the_target_nothing_is_recommended_and_an_easier_target_is_a_step():
    found = found_of({(10, 0.1): ["missed"] * 2, (20, 0.1): ["diverged"] * 2})
    assert found.best is None
    assert reasons(found.doubts) == {"nothing_reached"}
    assert found.closest.cell == Cell("", 10, 0.1)
    assert found.closest.metric == 0.85
    assert [step.target for step in found.steps if step.kind == "target"] == [Target("accuracy", 0.85)]
    assert {missed.batch_size: dict(missed.why) for missed in found.missed} == {10: {"missed": 2}, 20: {"diverged": 2}}


def test_a_study_without_rows_has_every_table_empty_and_every_verdict_open_for_a_reason():
    analysis = analyse_rows(hand_rows({}), target=TARGET)
    for name in ("trials", "throughput", "smoothness", "noise_slope", "times", "convergence", "best", "scaling"):
        assert len(getattr(analysis.tables, name)) == 0
    assert {verdict.outcome for verdict in analysis.verdicts} == {"undecided"}
    assert len(analysis.verdicts) == 8
    assert all(verdict.doubts for verdict in analysis.verdicts)
    assert analysis.recommendation.best is None


def test_the_fastest_verdict_is_the_recommendations_own():
    analysis = analyse_rows(hand_rows(tuned({10: 9.0, 100: 3.0})), target=TARGET)
    assert [v for v in analysis.verdicts if v is analysis.recommendation.fastest] == [analysis.recommendation.fastest]


def test_every_number_of_the_recommendation_is_finite_or_said_to_be_missing():
    found = found_of({(10, 0.1): [3.0], (20, 0.1): ["missed"], (40, 0.1): ["diverged"]})
    assert math.isnan(found.best.low)
    assert math.isnan(found.best.high)
    assert {c.rival.batch_size: np.isinf(c.ratio) for c in found.comparisons} == {20: False, 40: True}


def test_a_study_of_a_store_is_analysed_by_its_public_name(write_study, trial):
    common = {"epoch": 1.0, "examples": 100, "compute_seconds": 1.0, "load_seconds": 0.0, "eval_seconds": 0.1}
    looks = [
        common | {"iteration": at, "train_seconds": at * 0.1, "accuracy": value}
        for at, value in ((10, 0.5), (20, 0.95))
    ]
    study = write_study([trial(10, 0.1, evaluations=looks)], metrics=("accuracy",))
    analysis = analyse(study, target="accuracy>=0.9")
    assert analysis.recommendation.best.cell == Cell("", 10, 0.1)
    assert analysis.tables.times["iterations_to_target"].tolist() == [20]
    with pytest.raises(ValueError, match=r"'recall'.*accuracy"):
        analyse(study, target="recall>=0.5")


def verdicts_of(cells, **options):
    return {verdict.claim: verdict for verdict in analyse_rows(hand_rows(cells, **options), target=TARGET).verdicts}


def test_trials_that_have_not_ended_keep_open_what_the_lrs_tell():
    lrs = [0.05 * 2**k for k in range(10)]
    cells = {
        (size, lr): seeds(3.0 * (1 + abs(np.log2(lr / (0.01 * size)))))
        for size in (10, 20, 40, 80, 160, 320, 640, 1280)
        for lr in lrs
    }
    assert verdicts_of(cells)["large_batch_lr"].outcome == "supported"
    asked = [(size, lr, seed) for size, lr in [*cells, (1280, 51.2)] for seed in range(3)]
    for claim in ("large_batch_lr", "small_batch_lr", "updates_saturate"):
        assert "not_ended" in reasons(verdicts_of(cells, asked=asked)[claim].doubts)


def test_an_easier_target_is_one_that_most_seeds_of_a_cell_reach():
    rows = hand_rows({(10, 0.1): [3.0, "missed"]})
    found = analyse_rows(rows, target=TARGET).recommendation
    assert found.closest.metric == 0.85
    assert [step.target.value for step in found.steps if step.kind == "target"] == [0.85]


def test_a_clock_by_which_a_rival_was_cut_off_earlier_says_so():
    cells = tuned({10: 9.0, 100: 3.0}) | {(1000, 0.1): ["missed"] * 3}
    found = analyse_rows(hand_rows(cells, iterations={(1000, 0.1): 50}), target=TARGET).recommendation
    assert found.by_clock["train_seconds"].cut_off == 0
    assert found.by_clock["iterations"].cut_off == 1


def test_of_recipes_that_tie_every_clock_names_the_recommended_one():
    rows = joined(hand_rows(tuned({10: 3.0}), recipe="b"), hand_rows(tuned({10: 3.0}), recipe="a"))
    found = analyse_rows(rows, target=TARGET).recommendation
    assert {one.recipe for one in found.by_clock.values()} == {found.best.recipe} == {"b"}


@pytest.mark.parametrize("seeds_of_rival", [1, 3])
@pytest.mark.parametrize("others", [{}, tuned({1000: 6.0})], ids=["alone", "among others"])
def test_a_rival_whose_budget_outlasted_the_winner_25_times_is_known_to_be_slower(seeds_of_rival, others):
    cells = {(100, 0.2): seeds(2.0)} | others | {(10, 0.2): ["missed"] * seeds_of_rival}
    found = found_of(cells)
    assert found.best.cell == Cell("", 100, 0.2)
    assert (10, 0.2) in {(c.rival.batch_size, c.rival.lr) for c in found.slower}
